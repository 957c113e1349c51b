"""
Manners: how fast one credential may ask, and what it does when TextIn asks for fewer requests.

Nothing here looks at a clock or sleeps: time is an argument, and the answer is how long to wait.
"""

from __future__ import annotations

import random
from threading import Lock
from typing import TYPE_CHECKING

from textin_provider.api.errors import ApiError, ErrorKind

if TYPE_CHECKING:
    from textin_provider.api.waiting import Chance

_FIRST_PAUSE = 2.0
_LONGEST_PAUSE = 60.0
#: The spacing that a credential resumes with after a pause, and at most, in seconds between requests.
_FIRST_SPACING = 0.2
_WIDEST_SPACING = 5.0
#: What each request that goes well leaves of the extra spacing, and when the rest is forgotten.
_RELIEF = 0.9
_NO_SPACING = 0.01


class RateLimiter:
    """
    Spaces the requests of one credential evenly, and pauses all of them together when TextIn asks for it.

    A request books the next free moment, so nothing bursts, and whoever asked first goes first. A limit
    (40306, 429, 423, 900) stops everybody, longer each time it strikes again; afterwards the requests begin
    wide apart and come closer with each one that goes well. Safe to share between threads.

    :param ceiling: requests per second at most, 0 for no ceiling.
    """

    def __init__(self, ceiling: float = 0.0) -> None:
        self.ceiling = ceiling
        self._extra_spacing = 0.0
        self._free_at = float("-inf")
        self._paused_until = float("-inf")
        self._limit_hits = 0
        self._lock = Lock()

    def reserve(self, now: float, *, about: str, max_wait: float) -> float:
        """
        Book the next free moment for a request and return the seconds until then.

        :param about: what the request is for, as the fault names it.
        :param max_wait: seconds that a pause may last at most for the request to be worth its while.
        :raises ApiError: if the pause lasts longer; nothing is booked then.
        """
        with self._lock:
            left = self._paused_until - now
            if left > max_wait:
                raise ApiError(
                    ErrorKind.RATE_LIMIT,
                    about=about,
                    message=f"not sent: TextIn asked this account to pause, for {left:.0f} s more",
                    fix="Let it be tried again after that",
                    retry_after=left,
                )
            at = max(now, self._free_at, self._paused_until)
            least_spacing = 1.0 / self.ceiling if self.ceiling else 0.0
            self._free_at = at + max(least_spacing, self._extra_spacing)
            return at - now

    def pause_left(self, now: float) -> float:
        """Return the seconds that a pause goes on, which may have begun after a moment was booked, or 0."""
        return max(0.0, self._paused_until - now)

    def on_limit(self, retry_after: float | None, *, now: float, chance: Chance = random.random) -> None:
        """
        Begin a pause, at least as long as the server asked for.

        Requests that were under way already may be refused too; they belong to the same strike.
        """
        with self._lock:
            asked = now + (retry_after or 0.0)
            if now < self._paused_until:
                self._paused_until = max(self._paused_until, asked)
                return
            pause = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2.0**self._limit_hits) * (0.5 + 0.5 * chance())
            self._limit_hits = min(self._limit_hits + 1, 16)
            self._paused_until = max(asked, now + pause)
            self._extra_spacing = min(max(2 * self._extra_spacing, _FIRST_SPACING), _WIDEST_SPACING)

    def on_success(self, *, now: float) -> None:
        """Come a little closer to the usual spacing: a request went through."""
        if not self._extra_spacing:
            return
        with self._lock:
            if now >= self._paused_until:
                self._extra_spacing *= _RELIEF
                if self._extra_spacing < _NO_SPACING:
                    self._extra_spacing, self._limit_hits = 0.0, 0


_limiters: dict[tuple[str, str], RateLimiter] = {}


def limiter_for(app_id: str, base_url: str, ceiling: float) -> RateLimiter:
    """Return the limiter that a credential has in this process; the ceiling given last holds."""
    # Setting a default is one step even where threads run side by side.
    limiter = _limiters.setdefault((app_id, base_url), RateLimiter())
    limiter.ceiling = ceiling
    return limiter
