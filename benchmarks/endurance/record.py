"""The books of the long run: which waits are under way, how each ended, what the process held meanwhile."""

from __future__ import annotations

import statistics
from collections import Counter
from dataclasses import dataclass, field
from itertools import combinations, pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from benchmarks.harness import Budget, Line, say

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from benchmarks.endurance.textin import Moment
    from benchmarks.endurance.triggerer import Ended, Held
    from benchmarks.endurance.waits import Wait

#: Seconds after which a wait that should have ended is given up as forgotten. A look that has failed is taken
#: again within seconds, then within twice as many, up to two minutes; that too may fail, and again.
PATIENCE = 300.0
#: Seconds at the beginning that the process may grow in, at most a fifth of the run.
WARM_UP = 300.0
#: What may be held more at the end of the run than after the warm-up, as the trend of all samples says.
LIMITS = {"memory": 4.0, "blocks": 20.0, "tasks": 30.0, "sockets": 6.0, "files": 6.0, "threads": 2.0}
UNITS = {"memory": "MiB", "blocks": "thousand"}
NAMES = {"memory": "resident memory", "blocks": "Python's allocated blocks", "files": "open file descriptors"}


class Sample(NamedTuple):
    """How things stood ``at`` seconds after the beginning."""

    at: float
    held: Held
    waiting: int
    ended: int
    textin: dict[str, Any]


@dataclass
class Record:
    """
    All that is noted of a run.

    :ivar objections: what did not go as it was planned.
    :ivar forgotten: the waits that were given up.
    :ivar late: by how many seconds each wait ended later than TextIn was done.
    """

    seed: int
    seconds: float
    waiting: dict[int, Wait] = field(default_factory=dict)
    started: int = 0
    endings: Counter[str] = field(default_factory=Counter)
    forgotten: set[int] = field(default_factory=set)
    late: list[float] = field(default_factory=list)
    objections: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    spells: list[Moment] = field(default_factory=list)

    def start(self, wait: Wait) -> None:
        """Note a wait that begins."""
        self.started += 1
        self.waiting[wait.number] = wait

    def end(self, ended: Ended) -> None:
        """Note a wait that has ended, and object if that was not planned."""
        wait = self.waiting.pop(ended.number, None)
        if wait is None:
            if ended.number not in self.forgotten:
                self._object(f"wait {ended.number} ended a second time: {ended}")
            return
        self.endings[ended.payload["ending"] if ended.how == "event" else ended.how] += 1
        if objection := wait.objection(ended.how, ended.payload, ended.at):
            self._object(f"wait {wait.number}, {wait.plan}: {objection}")
        elif ended.how == "event":
            self.late.append(max(0.0, ended.at - wait.due))

    def forget(self, now: float) -> None:
        """Give up those that should have ended long ago."""
        for wait in [wait for wait in self.waiting.values() if now > wait.due + PATIENCE]:
            del self.waiting[wait.number]
            self.forgotten.add(wait.number)
            self._object(f"wait {wait.number}, {wait.plan}: forgotten")

    def complain(self, complaints: Sequence[str]) -> None:
        """Note what the loop of the process has complained of."""
        for complaint in complaints:
            say(f"  the loop: {complaint}")
        self.complaints += complaints

    def _object(self, objection: str) -> None:
        say(f"  {objection}")
        self.objections.append(objection)

    def steady(self) -> list[Sample]:
        """Return the samples between the warm-up and the end of the run."""
        begin = min(WARM_UP, self.seconds / 5)
        return [sample for sample in self.samples if begin <= sample.at <= self.seconds]

    @property
    def is_fine(self) -> bool:
        """Whether all that has a limit keeps it."""
        return all(line.is_met is not False for line in self.lines())

    def lines(self) -> Iterator[Line]:
        """Yield the figures, those first that the run is for."""
        none, first, last = Budget(0), self.samples[0], self.samples[-1]
        yield Line("waits that did not end as planned", [len(self.objections)], "", none)
        yield Line("of these, forgotten", [len(self.forgotten)], "", none)
        yield Line("requests that are no reads", [last.textin["others"] + last.textin["billed"]], "", none)
        yield Line("complaints of the loop", [len(self.complaints)], "", none)
        yield from self._growth()
        for name in ("tasks", "sockets", "pollers"):
            left = getattr(last.held, name) - getattr(first.held, name)
            yield Line(f"left when all waits have ended: {name}", [left], "", none)
        yield from self._counts()

    def _growth(self) -> Iterator[Line]:
        steady = self.steady()
        for name, limit in LIMITS.items():
            values, unit = [getattr(sample.held, name) for sample in steady], UNITS.get(name, "")
            growth = trend([sample.at for sample in steady], values)
            title = NAMES.get(name, name)
            yield Line(f"{title}: growth after the warm-up", [growth], unit, Budget(limit))
            yield Line(title, values, unit)

    def _counts(self) -> Iterator[Line]:
        last, steady = self.samples[-1], self.steady()
        yield Line("waits at a time", [sample.waiting for sample in steady], "")
        yield Line("waits started", [self.started], "")
        for name, count in sorted(self.endings.items()):
            yield Line(f"of these, {name}", [count], "")
        yield Line("later than TextIn was done", self.late or [0.0], "s")
        yield Line("polls", [last.textin["polls"]], "")
        yield Line("polls per second", rates(steady, lambda sample: sample.textin["polls"]), "")
        yield Line("TCP connections per 1,000 polls", [_per_thousand(last.textin)], "")
        yield Line("CPU of one core", [100 * share for share in rates(steady, lambda s: s.held.cpu)], "%")
        yield Line("faults", [sum(last.textin["faults"].values())], "")
        for name, count in sorted(last.textin["faults"].items()):
            yield Line(f"of these, {name}", [count], "")
        for name, title in (("stop", "TextIn stopped"), ("close", "secret changed")):
            yield Line(title, [sum(spell.name == name for spell in self.spells)], "times")


def trend(times: Sequence[float], values: Sequence[float]) -> float:
    """
    Return how much the values grow from the first to the last.

    It goes by the median of the slopes between any two of them (Theil and Sen), which no single peak moves.
    """
    points = list(zip(times, values, strict=True))
    slopes = [(later - value) / (then - at) for (at, value), (then, later) in combinations(points, 2)]
    return statistics.median(slopes) * (times[-1] - times[0])


def rates(samples: Iterable[Sample], count: Callable[[Sample], float]) -> list[float]:
    """Return by how much a count rises per second, from sample to sample."""
    points = [(sample.at, count(sample)) for sample in samples]
    return [(later - value) / (then - at) for (at, value), (then, later) in pairwise(points)]


def _per_thousand(textin: dict[str, Any]) -> float:
    return 1000 * float(textin["connections"]) / float(textin["polls"])
