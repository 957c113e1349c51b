"""When to poll a job: when jobs have usually ended, so that an account's requests go into submits."""

from __future__ import annotations

from collections import deque

from textin_provider.api.retry import timing

#: The delay before the first poll of a job while nothing is known, and the shortest before another one.
_FIRST_PROBE = 1.0
_SHORTEST = 0.2
#: The delay before another poll, as a share of the time that the job has taken already; the smaller one when
#: no document can be sent before a job has ended, so that its polls take no requests from submits.
_SHARE, _SHARE_WHEN_FULL = 0.5, 0.1
#: A job that had ended at its first poll has ended somewhat earlier.
_EARLIER = 0.95
#: How many durations are remembered, and the share of jobs that the first poll shall find ended.
_SAMPLES = 16
_QUANTILE = 0.6


class PollTiming:
    """
    Learns how long jobs take. Times are in epoch seconds.

    While nothing is known, the oldest job is polled more often than the others.

    :param interval: seconds between two polls of a job at most.
    """

    def __init__(self, interval: float) -> None:
        self._interval = min(interval, timing().longest_interval)
        self._samples: deque[float] = deque(maxlen=_SAMPLES)

    @property
    def expected(self) -> float | None:
        """The seconds that most jobs take; None while nothing is known."""
        if not self._samples:
            return None
        ordered = sorted(self._samples)
        return ordered[int(_QUANTILE * (len(ordered) - 1) + 0.5)]

    def first_poll(self, submitted: float, *, is_oldest: bool) -> float:
        """Return when to poll a job for the first time."""
        expected = self.expected
        if expected is None:
            expected = min(self._interval, _FIRST_PROBE) if is_oldest else self._interval
        return submitted + expected

    def next_poll(self, submitted: float, now: float, *, is_full: bool = False) -> float:
        """
        Return when to poll a job again that had not ended.

        :param is_full: whether no document can be sent before a job has ended.
        """
        shortest = min(_SHORTEST, self._interval)
        share = _SHARE_WHEN_FULL if is_full else _SHARE
        return now + min(self._interval, max(shortest, share * (now - submitted)))

    def on_end(self, submitted: float, polled: float, now: float) -> None:
        """
        Learn from a job that has ended.

        :param polled: when it was polled before; 0 if this was its first poll.
        """
        ended = (polled + now) / 2 if polled else submitted + _EARLIER * (now - submitted)
        self._samples.append(max(0.0, ended - submitted))
