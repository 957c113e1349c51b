"""The lines of a run in the log of its task."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

#: Seconds between two lines.
INTERVAL = 30.0


class Progress:
    """
    Says how far a run has come, each half minute.

    :param log: takes a line.
    """

    def __init__(self, log: Callable[[str], None], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._log = log
        self._clock = clock
        self._began = self._logged = clock()
        self._total = self._first_remaining = 0

    def found(self, total: int, ignored: int, remaining: int) -> None:
        """Say what the source holds."""
        self._total, self._first_remaining = total, remaining
        others = f", {ignored} other files are left out" if ignored else ""
        self._log(f"Found {total} documents{others}: {remaining} of them are to be done.")

    def report(self, remaining: int, in_flight: int, pages: Callable[[], int]) -> None:
        """Say how far the run has come, if half a minute has passed."""
        now = self._clock()
        if now - self._logged < INTERVAL:
            return
        self._logged = now
        per_minute = (self._first_remaining - remaining) / (now - self._began) * 60
        end = f", {remaining / per_minute:.0f} minutes left" if per_minute > 0 else ""
        self._log(
            f"{self._total - remaining} of {self._total} documents, {pages()} pages, "
            f"{per_minute:.1f} documents a minute{end}; {in_flight} jobs are in work at TextIn."
        )

    def ended(self, summary: Mapping[str, Any]) -> None:
        """Say how the run has ended."""
        counts = ", ".join(f"{value} {name}" for name, value in summary.items() if name != "manifest_path")
        self._log(f"The run has ended: {counts}. Each document has a line in {summary['manifest_path']}.")
