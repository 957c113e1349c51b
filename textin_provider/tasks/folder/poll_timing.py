"""When to poll a job: when jobs have usually ended, so that an account's requests go into submits."""

from __future__ import annotations

from textin_provider.api.retry import timing

#: How the expected duration changes with each first poll: three of four find the end of their job.
_SHORTER, _LONGER = 0.97, 1.1
_SHORTEST = 0.2
#: The longest delay before the first poll, in intervals.
_LONGEST = 6
#: The delay before a further poll, as a share of the time that the job has taken already.
_SHARE = 0.25


class PollTiming:
    """
    Learns how long jobs take.

    :param interval: seconds between two polls of a job at most, and before the first poll in the beginning.
    """

    def __init__(self, interval: float) -> None:
        self._interval = min(interval, timing().longest_interval)
        self._expected = self._interval

    @property
    def expected(self) -> float:
        """The seconds that most jobs take."""
        return self._expected

    def first_poll(self, submitted: float, now: float) -> float:
        """Return when to poll a job for the first time, in epoch seconds like the arguments."""
        return max(now, submitted + self._expected)

    def next_poll(self, submitted: float, now: float) -> float:
        """Return when to poll a job again that had not ended."""
        shortest = min(_SHORTEST, self._interval)
        return now + min(self._interval, max(shortest, _SHARE * (now - submitted)))

    def on_poll(self, *, has_ended: bool, polls: int) -> None:
        """Learn from the first poll of a job."""
        if polls == 1:
            change = _SHORTER if has_ended else _LONGER
            longest = _LONGEST * self._interval
            self._expected = min(max(min(_SHORTEST, self._interval), self._expected * change), longest)
