"""When a file is in which status, by the clock."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

from textin_provider.testing.docflow import status as st

if TYPE_CHECKING:
    from collections.abc import Sequence


class Timeline:
    """
    The statuses of a file up to its end, in monotonic seconds.

    It is queued for ``pending`` seconds from ``started`` on; then ``stages`` share ``processing`` seconds
    evenly.
    """

    def __init__(self, started: float, pending: float, processing: float, stages: Sequence[int]) -> None:
        self.started = started
        self.pending = pending
        self.processing = processing
        self.ready_at = started + pending + processing
        self._statuses = [st.PENDING, *stages]
        share = processing / len(stages)
        self._times = [started, *(started + pending + share * number for number in range(len(stages)))]

    def status(self, now: float) -> int:
        """Return the status at ``now``; the last stage stays."""
        return self._statuses[self._index(now)]

    def since(self, now: float) -> float:
        """Return since when that is the status."""
        return self._times[self._index(now)]

    def until(self, now: float) -> float:
        """Return until when that is the status, or the time of the end."""
        following = self._index(now) + 1
        return self._times[following] if following < len(self._times) else self.ready_at

    def _index(self, now: float) -> int:
        return max(bisect_right(self._times, now) - 1, 0)
