"""What the parts have in common: lines of figures with budgets, alternating pairs, fresh processes."""

from __future__ import annotations

import multiprocessing
import statistics
import sys
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from multiprocessing.connection import Connection

T = TypeVar("T")


@dataclass(frozen=True)
class Budget:
    """What the median of a line shall be at most, or with ``is_least`` at least."""

    limit: float
    is_least: bool = False
    words: str | None = None

    def is_met(self, median: float) -> bool:
        """Whether a median keeps it."""
        return median >= self.limit if self.is_least else median <= self.limit


@dataclass(frozen=True)
class Line:
    """
    One thing measured several times.

    :param figures: one of each repetition.
    :param unit: what they count: ``ms``, ``MiB``; ``x`` for a ratio of two sides.
    """

    what: str
    figures: Sequence[float]
    unit: str
    budget: Budget | None = None

    @property
    def median(self) -> float:
        """The figure to quote."""
        return statistics.median(self.figures)

    @property
    def is_met(self) -> bool | None:
        """Whether the budget is kept, None where there is none."""
        return self.budget.is_met(self.median) if self.budget else None


@dataclass(frozen=True)
class Section:
    """
    What one part found.

    :param how: paragraphs of plain words about what was measured and how.
    :param notes: what the figures do not say by themselves.
    """

    title: str
    how: str
    lines: Sequence[Line]
    notes: Sequence[str] = field(default=())


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> list[float]:
    """Return ours over theirs, pair by pair."""
    return [a / b for a, b in zip(ours, theirs, strict=True)]


def in_turns(count: int, **sides: Callable[[], T]) -> dict[str, list[T]]:
    """Run the sides one after the other, ``count`` times: A B A B, so that what drifts strikes all alike."""
    found: dict[str, list[T]] = {name: [] for name in sides}
    for number in range(1, count + 1):
        for name, side in sides.items():
            say(f"  {name} {number}/{count}")
            found[name].append(side())
    return found


def say(text: str) -> None:
    """Tell whoever watches how far the run is."""
    print(text, file=sys.stderr, flush=True)


@contextmanager
def child(target: Callable[..., None], *arguments: Any, imported: Sequence[str] = ()) -> Iterator[Connection]:
    """
    Run ``target(pipe, *arguments)`` in a fresh interpreter, and end it with the block.

    :param imported: modules; given, the process is a fork of one that has imported nothing but them.
    """
    context = multiprocessing.get_context("forkserver" if imported else "spawn")
    if imported:
        multiprocessing.set_forkserver_preload(list(imported))
    ours, theirs = context.Pipe()
    process = context.Process(target=target, args=(theirs, *arguments), daemon=True)
    process.start()
    theirs.close()
    try:
        yield ours
    finally:
        ours.close()
        process.join(10)
        if process.is_alive():
            process.kill()
            process.join()


def ask_child(target: Callable[..., None], *arguments: Any) -> Any:
    """Return the one thing that ``target(pipe, *arguments)`` sends from a fresh interpreter."""
    with child(target, *arguments) as pipe:
        return pipe.recv()
