"""How much of what an account allows is used, and what TextIn refuses: one process, and a fleet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks import account_alone, account_fleet
from benchmarks.harness import Section

if TYPE_CHECKING:
    from collections.abc import Iterator

TITLE = "Within the account"
NOTES = (
    "Requests keep a tenth below the ceiling of the connection, so at most 90 % of what the account allows "
    "is used with the right ceiling.",
    "Without a store each process has the whole ceiling for itself, and learns from refusals what is left.",
)


def measure() -> Section:
    """Run one process on accounts of several rates, then fleets on one account."""
    lines = [*account_alone.lines(), *account_fleet.lines()]
    return Section(TITLE, "\n\n".join(_how()), lines, NOTES)


def _how() -> Iterator[str]:
    yield account_alone.HOW
    yield account_fleet.HOW
