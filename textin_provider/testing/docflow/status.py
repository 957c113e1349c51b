"""
DocFlow's recognition statuses and task types, and the times of a file's statuses.

The numbers are from DocFlow's documentation. The hooks have their own table, tested against this server.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

PENDING = 0
SUCCESS = 1
FAILED = 2
CLASSIFYING = 3
EXTRACTING = 4
PREPARING = 5
SPLITTING = 6
CROPPING = 7
CLASSIFIED = 10
PARSING = 20

# The children of a file are not known yet.
BEFORE_CHILDREN = frozenset({PENDING, PREPARING, PARSING, SPLITTING, CROPPING})
# The category of a file is not known yet.
BEFORE_CATEGORY = BEFORE_CHILDREN | {CLASSIFYING}
UNFINISHED = BEFORE_CATEGORY | {EXTRACTING}

SPLIT_CHILD = 0
REGULAR = 1
PARENT = 2
CROPPED_CHILD = 3

UNSUPPORTED = "文件格式不支持"


class Timeline:
    """
    The statuses of a file before its final one, in monotonic seconds.

    The file is queued for ``pending`` seconds from ``started`` on; then ``stages`` share ``processing``
    seconds evenly.
    """

    def __init__(self, started: float, pending: float, processing: float, stages: Sequence[int]) -> None:
        self.started = started
        self.pending = pending
        self.processing = processing
        self.ready_at = started + pending + processing
        self._statuses = [PENDING, *stages]
        share = processing / len(stages)
        self._times = [started, *(started + pending + share * number for number in range(len(stages)))]

    def status(self, now: float) -> int:
        """Return the status at ``now``; the last stage stays."""
        return self._statuses[self._index(now)]

    def since(self, now: float) -> float:
        """Return the time at which the status of ``now`` began."""
        return self._times[self._index(now)]

    def until(self, now: float) -> float:
        """Return the time at which the status of ``now`` ends."""
        following = self._index(now) + 1
        return self._times[following] if following < len(self._times) else self.ready_at

    def _index(self, now: float) -> int:
        return max(bisect_right(self._times, now) - 1, 0)
