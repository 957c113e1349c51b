"""One process that submits documents and polls their jobs, within accounts of several rates."""

from __future__ import annotations

import asyncio
import os
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.harness import Budget, Line, child, say
from benchmarks.textin import TEXTIN, local_textin
from benchmarks.triggerer import load, our_waits, prepare

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from multiprocessing.connection import Connection

#: The rate is known after so many requests.
KNOWN_AFTER = 50
WRONG_CEILING = 10.0
LIMIT_EXCEEDED = 40306
#: All that the ceiling lets through, but for a rounding.
NINETY = Budget(89.5, is_least=True, words=">= 90 %, rounded")
#: What a process has imported when it starts, as those of Airflow's executors have.
IMPORTED = (
    "benchmarks.account_fleet",
    "textin_provider.hooks.aiohttp_transport",
    "textin_provider.hooks.pace_postgres",
    "textin_provider.hooks.pace_redis",
    "textin_provider.hooks.requests_transport",
    "textin_provider.hooks.textin",
    "textin_provider.triggers.poller",
    "textin_provider.triggers.xparse",
)
HOW = f"""\
*One process* submits documents through `TextInHook`, one after the other, and then waits for all
jobs with one `XParseJobTrigger`; each job has ended at its first poll. The local TextIn refuses what is
beyond the rate of its account. The ceiling of the connection is that rate, or {WRONG_CEILING:g}. All of
them run side by side, each against a TextIn of its own; the number of documents depends on the rate.
Requests that were let in are counted from the first submit to the end of the wait."""


@dataclass(frozen=True)
class Load:
    """So many documents on an account of so many requests a second."""

    rate: float
    documents: int
    ceiling: float

    @property
    def name(self) -> str:
        """What the lines call it."""
        ceiling = f", ceiling {self.ceiling:g}" if self.ceiling != self.rate else ""
        return f"one process, {self.rate:g}/s{ceiling}"


LOADS = tuple(
    Load(rate, documents, ceiling)
    for rate, documents in ((2.0, 120), (5.0, 300), (20.0, 300))
    for ceiling in (rate, WRONG_CEILING)
)


@dataclass(frozen=True)
class Outcome:
    """
    What one process reached.

    :param let_in: requests per second.
    :param refused: whether each request was refused, oldest first.
    """

    let_in: float
    refused: Sequence[bool]

    @property
    def percent_refused(self) -> float:
        """The share of all requests that was refused."""
        return 100 * sum(self.refused) / len(self.refused)

    @property
    def percent_refused_later(self) -> float:
        """The share of those after the first :data:`KNOWN_AFTER`."""
        later = self.refused[KNOWN_AFTER:]
        return 100 * sum(later) / len(later)


def lines(loads: Sequence[Load] = LOADS) -> list[Line]:
    """Run all loads at the same time."""
    say(f"  one process, {len(loads)} times side by side")
    with ThreadPoolExecutor(len(loads)) as pool:
        return [line for lines in pool.map(_lines, loads) for line in lines]


def _lines(load: Load) -> list[Line]:
    outcome, name = _run(load), load.name
    least = NINETY if load.ceiling == load.rate else None
    return [
        Line(f"{name}: let in", [outcome.let_in], "/s"),
        Line(f"{name}: let in, of what is allowed", [100 * outcome.let_in / load.rate], "%", least),
        Line(f"{name}: refused", [outcome.percent_refused], "%"),
        Line(
            f"{name}: refused after the first {KNOWN_AFTER}", [outcome.percent_refused_later], "%", Budget(1)
        ),
    ]


def _run(load: Load) -> Outcome:
    from textin_provider.testing import Account

    with local_textin(account=Account(load.rate), keep_requests=10_000) as textin:
        environment = textin.environment(max_requests_per_second=load.ceiling)
        with child(_work, environment, load.documents, imported=IMPORTED) as pipe:
            pipe.recv()
            before, submitted = len(textin("requests")), textin("submissions")
            seconds: float = pipe.recv()
        requests = textin("requests")[before:]
        accepted = textin("submissions") - submitted
    if accepted != load.documents:
        raise RuntimeError(f"{accepted} documents were accepted, not {load.documents}.")
    refused = [request.code == LIMIT_EXCEEDED for request in requests]
    return Outcome(refused.count(False) / seconds, refused)


def _work(pipe: Connection, environment: Mapping[str, str], documents: int) -> None:
    """Submit documents, wait for all jobs, and send the seconds that it took."""
    prepare(environment)
    jobs = submits()
    # Airflow does much at the first use of a hook in a process.
    asyncio.run(_wait([next(jobs)]))
    pipe.send("ready")
    begin = time.monotonic()
    job_ids = [next(jobs) for _ in range(documents)]
    asyncio.run(_wait(job_ids))
    pipe.send(time.monotonic() - begin)


async def _wait(job_ids: Sequence[str]) -> None:
    [wait] = our_waits([job_ids], 1.0)
    [event] = [event.payload async for event in load(wait).run()]
    if event["ending"] != "terminal":
        raise RuntimeError(f"the wait ended with {event!r}")


def submits() -> Iterator[str]:
    """Submit a small document again and again, and yield the job ids."""
    from textin_provider.hooks.textin import TextInHook

    hook = TextInHook(TEXTIN)
    path = Path(os.environ["AIRFLOW_HOME"]) / f"{os.getpid()}.txt"
    path.write_text("A document.\n")
    while True:
        yield hook.submit_xparse_job(file=str(path))
