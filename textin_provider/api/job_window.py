"""How many jobs an account may have in work: told, or learned from what TextIn accepts and refuses."""

from __future__ import annotations

#: A learned window grows no further: no account is known to allow more.
_WIDEST = 100
#: After a refusal, one more job is tried only after so many accepted submits: refused requests stay rare.
_ACCEPTED_BEFORE_PROBE = 100


class JobWindow:
    """
    A sliding window of jobs in flight.

    It starts at the number of jobs that the account is known to allow. Without one it starts at one, and
    grows by one with each submit that TextIn accepts while the window is full. A refusal shrinks it to the
    jobs in flight; after that it grows by one for every hundred accepted submits.

    :param most: the upper limit, None to learn it.
    :param size: the size that an earlier window has learned.
    """

    def __init__(self, most: int | None = None, *, size: int | None = None) -> None:
        if most is not None and most < 1:
            raise ValueError(f"most={most}: a window holds at least one job")
        self._most = most or _WIDEST
        self._size = min(size or most or 1, self._most)
        self._was_refused = size is not None and size < self._most
        self._accepted = 0

    @property
    def size(self) -> int:
        """The number of jobs that may be in flight now."""
        return self._size

    def room(self, in_flight: int) -> int:
        """Return how many more jobs may be submitted."""
        return max(0, self._size - in_flight)

    def on_accepted(self, in_flight: int) -> None:
        """Grow if the accepted job fills the window; ``in_flight`` includes it."""
        if self._was_refused:
            self._accepted += 1
            if self._accepted < _ACCEPTED_BEFORE_PROBE:
                return
        if in_flight >= self._size and self._size < self._most:
            self._size += 1
            self._accepted = 0

    def on_refused(self, in_flight: int) -> None:
        """Shrink to the jobs in flight, at least one: TextIn refused one more."""
        self._was_refused = True
        self._accepted = 0
        self._size = min(self._size, max(1, in_flight))
