"""The local TextIn of the long run, in a process of its own, and all that is made to go wrong with it."""

from __future__ import annotations

import json
import random
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from email.utils import formatdate
from typing import TYPE_CHECKING, Any, NamedTuple

from benchmarks.endurance.waits import RARELY_USED
from benchmarks.harness import child
from benchmarks.textin import TEXTIN, LocalTextIn, obey
from scripts.local_airflow import free_port
from textin_provider.testing import ScriptedFault, TextInServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from multiprocessing.connection import Connection

    from benchmarks.endurance.waits import Plan
    from textin_provider.testing.responses import Envelope, HttpResponse

#: Seconds that the connection gives an answer; what is slower is a fault.
TIMEOUT = 5.0
#: Faults that may lie in wait for requests: when few come, as in a pause, not every one of them shall fail.
MOST_IN_WAIT = 3
#: For so many seconds at the beginning and at the end nothing goes wrong.
FAIR = 10.0
_POLLS = ("status", "fetch")
_struck: Counter[str] = Counter()
_struck_once: Counter[bool] = Counter()


@dataclass(frozen=True)
class NamedFault(ScriptedFault):
    """A fault that is counted under its name when it strikes; ``once`` if that is one request alone."""

    name: str = ""
    once: bool = True

    def apply(self, real: HttpResponse | None, envelope: Envelope) -> HttpResponse:
        """Return the response for the client."""
        _struck[self.name] += 1
        _struck_once[self.once] += 1
        return super().apply(real, envelope)


class EndlessTextIn(TextInServer):
    """A local TextIn that begins the jobs and batches of many waits at once, and comes and goes."""

    _given = 0

    def begin(self, plans: Sequence[Plan]) -> list[list[str]]:
        """Begin what the plans wait for and return the ids: of the jobs, or the number of a batch."""
        return [
            [self.add_batch(files=plan.files)] if plan.files else [self.add_job(job) for job in plan.jobs]
            for plan in plans
        ]

    def strike(self, endpoint: str, fault: NamedFault) -> None:
        """Let a fault strike the next request, unless some lie in wait for requests already."""
        if self._given - _struck_once[True] < MOST_IN_WAIT:
            self._given += 1
            self.fault(endpoint, fault)

    def relent(self) -> None:
        """Forget the faults that have not struck yet."""
        self.clear_faults()
        self._given = _struck_once[True]

    def go(self) -> None:
        """Stop serving: whoever connects now is refused."""
        self.stop()

    def come(self) -> None:
        """Serve again at the same address."""
        self.start()

    def figures(self) -> dict[str, Any]:
        """Return what was asked of it, and what it was made to do wrong."""
        reads = {name: self.count(name) for name in _POLLS}
        return {
            "polls": sum(reads.values()),
            "others": self.count("*") - sum(reads.values()),
            "billed": self.submissions + self.uploads_accepted,
            "connections": self.connections,
            "faults": dict(_struck),
        }


def environment(connection: dict[str, Any]) -> dict[str, str]:
    """Return the Airflow connections that lead to it."""
    value = connection | {"extra": connection["extra"] | {"timeout": TIMEOUT}}
    return {f"AIRFLOW_CONN_{name.upper()}": json.dumps(value) for name in (TEXTIN, *RARELY_USED)}


@contextmanager
def endless_textin() -> Iterator[LocalTextIn]:
    """Run it for the length of the block."""
    with child(_serve, free_port()) as pipe:
        yield LocalTextIn(pipe)


def _serve(pipe: Connection, port: int) -> None:
    # The port is kept when it goes and comes.
    with EndlessTextIn(port, keep_requests=100) as server:
        obey(pipe, server)


class Moment(NamedTuple):
    """Something that happens: ``at`` seconds after the beginning, ``name`` for ``seconds``."""

    at: float
    name: str
    seconds: float = 0.0


class Weather:
    """
    What goes wrong with TextIn, when: drawn by chance from a seed.

    :param tell: takes the Airflow connections when they have changed.
    :ivar is_down: whether TextIn is stopped.
    :ivar spells: the stops and the changes of the secret so far.
    """

    def __init__(
        self, seed: int, seconds: float, textin: LocalTextIn, tell: Callable[[dict[str, str]], None]
    ) -> None:
        self._chance = random.Random(f"{seed}/faults")
        self._textin, self._tell = textin, tell
        self._connection = textin("connection")
        self._secrets = 0
        self._moments = sorted(_moments(random.Random(f"{seed}/weather"), seconds), reverse=True)
        self.is_down = False
        self._is_shut = False
        self.spells: list[Moment] = []

    def blow(self, now: float) -> None:
        """Let happen what is due ``now`` seconds after the beginning."""
        while self._moments and self._moments[-1].at <= now:
            moment = self._moments.pop()
            if self._is_shut and moment.name != "open":
                continue  # any other fault would go before the one that lets nobody in
            if moment.seconds:
                self.spells.append(moment)
            getattr(self, f"_{moment.name}")()

    def _fault(self) -> None:
        name, make = self._chance.choice(FAULTS)
        self._textin("strike", self._chance.choice(_POLLS), NamedFault(name=name, **make(self._chance)))

    def _limit(self) -> None:
        self._textin("strike", "status", NamedFault(name="rate limit", **_limited(self._chance)))

    def _flood(self) -> None:
        fault = NamedFault(name="slow", once=False, delay=self._chance.uniform(1.0, 4.0))
        self._textin("fault", "*", fault, times=60)

    def _stop(self) -> None:
        self.is_down = True
        self._textin("go")

    def _start(self) -> None:
        self._textin("come")
        self.is_down = False

    def _close(self) -> None:
        # Nobody is let in while the connection has the new secret and TextIn the old one: what is refused for
        # its secret ends a wait, and rightly so, if a second look at the connection finds nothing newer.
        self._is_shut = True
        self._textin("relent")
        self._textin("fault", "*", NamedFault(name="5xx", once=False, http_status=503, body=b""), times=None)
        self._secrets += 1
        self._tell(environment(self._connection | {"password": f"secret-{self._secrets}"}))

    def _open(self) -> None:
        self._textin("rotate_secret", f"secret-{self._secrets}")
        self._textin("relent")
        self._is_shut = False


def _moments(chance: random.Random, seconds: float) -> Iterator[Moment]:
    """Draw what happens in a run of that many seconds."""
    end = seconds - FAIR
    yield from (Moment(at, "fault") for at in _every(chance, 0.15, end))
    yield from (Moment(at, "limit") for at in _every(chance, 45.0, end))
    yield from (Moment(at, "flood") for at in _every(chance, 60.0, end))
    # Stops and changes of the secret take turns, so that none falls into another.
    turns = ("close", "open", (2.0, 4.0)), ("stop", "start", (2.0, 8.0))
    for number, at in enumerate(_every(chance, 40.0, end - 20.0, least=20.0)):
        begin, finish, lengths = turns[number % 2]
        length = chance.uniform(*lengths)
        if chance.random() < 0.5:
            # The requests that then wait for the end of the pause see both sides of what happens.
            yield Moment(at - 0.5, "limit")
        yield Moment(at, begin, length)
        yield Moment(at + length, finish)


def _every(chance: random.Random, mean: float, end: float, least: float = 0.0) -> Iterator[float]:
    at = FAIR
    while (at := at + least + chance.expovariate(1 / (mean - least))) < end:
        yield at


def _limited(chance: random.Random) -> dict[str, Any]:
    seconds = chance.randint(1, 4)
    how = chance.choice([{"code": 40306}, {"code": 429}, {"http_status": 429}, {"http_status": 423}])
    after = chance.choice([None, str(seconds), formatdate(time.time() + seconds, usegmt=True)])
    return {**how, "headers": {"Retry-After": after} if after else {}}


#: What may happen to one request: its name, and what the fault is made of.
FAULTS: tuple[tuple[str, Callable[[random.Random], dict[str, Any]]], ...] = (
    ("reset", lambda chance: {"cut": chance.choice(["in_request", "before_answer"])}),
    ("cut", lambda chance: {"cut": chance.choice(["in_headers", "in_body"]), "reset": chance.random() < 0.5}),
    ("5xx", lambda chance: {"http_status": chance.choice([500, 502, 503, 504])}),
    ("5xx", lambda chance: {"http_status": chance.choice([502, 503]), "body": b"<html>Bad Gateway</html>"}),
    ("no JSON", lambda chance: {"body": chance.choice([b"", b"<html></html>", b'{"code"', b"[]"])}),
    ("no data", lambda _: {"body": b'{"code": 200, "message": "success", "data": null}'}),
    ("no HTTP", lambda _: {"raw": b"220 mail.example.com ready\r\n"}),
    ("code", lambda chance: {"code": chance.choice([500, 30203, 40428, 50011, 50012])}),
    ("truncated", lambda chance: {"truncate": chance.randint(0, 40)}),
    ("trickle", lambda _: {"bytes_per_second": 200.0}),
    ("slow", lambda chance: {"delay": chance.uniform(0.2, 3.0)}),
    ("too slow", lambda _: {"delay": TIMEOUT + 2.0}),
)
