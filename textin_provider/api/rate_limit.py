"""Client-side rate limiting per credential. Nothing here reads a clock or sleeps: time is an argument."""

from __future__ import annotations

import random
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeVar

from textin_provider.api.errors import ApiError, ErrorKind
from textin_provider.api.retry import timing

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from textin_provider.api.protocol import Flow, Request
    from textin_provider.api.retry import Chance

T = TypeVar("T")

_LONGEST_PAUSE = 60.0
#: The most extra seconds between requests after a pause.
_WIDEST_SPACING = 5.0
#: Each successful request leaves this share of the extra spacing; a smaller rest is dropped.
_RELIEF = 0.9
_NO_SPACING = 0.01
#: Doublings beyond this are past the longest pause.
_MOST_LIMIT_HITS = 16


class RateLimiter:
    """
    Space the requests of one credential evenly, and pause all of them together after a rate-limit response.

    A request reserves the next free slot, so that requests do not burst and go out in the order of their
    reservations. A rate-limit response (40306, 429, 423, 900) starts a pause for all of them, which doubles
    with each further hit. After a pause the requests are widely spaced, and move closer together with each
    success. Safe to share between threads.

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
        """Reserve a slot and return the seconds until then; ApiError if the pause exceeds ``max_wait``."""
        with self._lock:
            left = self._paused_until - now
            if left > max_wait:
                message = f"not sent: TextIn asked this account to pause, for {left:.0f} s more"
                fix = "Retry after the pause"
                raise ApiError(ErrorKind.RATE_LIMIT, about=about, message=message, fix=fix, retry_after=left)
            at = max(now, self._free_at, self._paused_until)
            least_spacing = 1.0 / self.ceiling if self.ceiling else 0.0
            self._free_at = at + max(least_spacing, self._extra_spacing)
            return at - now

    def pause_left(self, now: float) -> float:
        """Return the seconds until the current pause ends, 0 without a pause."""
        return max(0.0, self._paused_until - now)

    def on_limit(self, retry_after: float | None, *, now: float, chance: Chance = random.random) -> None:
        """Start a pause, at least as long as the server asked for."""
        with self._lock:
            earliest = now + (retry_after or 0.0)
            if now < self._paused_until:
                # A request that was already sent may extend the pause, and is not a further hit.
                self._paused_until = max(self._paused_until, earliest)
                return
            pause = min(_LONGEST_PAUSE, timing().first_pause * 2.0**self._limit_hits) * (0.5 + 0.5 * chance())
            self._limit_hits = min(self._limit_hits + 1, _MOST_LIMIT_HITS)
            self._paused_until = max(earliest, now + pause)
            self._extra_spacing = min(max(2 * self._extra_spacing, timing().first_spacing), _WIDEST_SPACING)

    def on_success(self, *, now: float) -> None:
        """Reduce the extra spacing after a successful request."""
        if not self._extra_spacing:
            return
        with self._lock:
            if now >= self._paused_until:
                self._extra_spacing *= _RELIEF
                if self._extra_spacing < _NO_SPACING:
                    self._extra_spacing, self._limit_hits = 0.0, 0


_limiters: dict[tuple[str, str], RateLimiter] = {}


def limiter_for(app_id: str, base_url: str, ceiling: float) -> RateLimiter:
    """Return this process's rate limiter of a credential; the latest ceiling applies."""
    # setdefault is atomic, also between threads.
    limiter = _limiters.setdefault((app_id, base_url), RateLimiter())
    limiter.ceiling = ceiling
    return limiter


def forget_limits() -> None:
    """Forget all pauses and spacings: a new local TextIn may get the port of a former one."""
    _limiters.clear()


def send_within_limit(
    request: Request[T], limiter: RateLimiter, *, clock: Callable[[], float], max_wait: float
) -> Generator[float | Request[T], Any, T]:
    """
    Send one request within the limit of its credential, for workers and triggerers alike, without I/O.

    The generator yields seconds to sleep, then the request to send, and receives the response. It reports the
    outcome to the limiter and returns the value of the request.

    :raises ApiError: as :meth:`RateLimiter.reserve` and reading the response do.
    """
    delay = limiter.reserve(clock(), about=request.about, max_wait=max_wait)
    while delay > 0:
        yield delay
        # Another request may have hit the limit during the sleep.
        paused = limiter.pause_left(clock()) > 0
        delay = limiter.reserve(clock(), about=request.about, max_wait=max_wait) if paused else 0.0
    try:
        value = request.read((yield request))
    except ApiError as error:
        if error.kind is ErrorKind.RATE_LIMIT:
            limiter.on_limit(error.retry_after, now=clock())
        raise
    limiter.on_success(now=clock())
    return value


def flow_within_limit(
    flow: Flow[T], limiter: RateLimiter, *, clock: Callable[[], float], max_wait: float
) -> Generator[float | Request[Any], Any, T]:
    """Send all requests of a flow as :func:`send_within_limit` does, and return the result of the flow."""
    try:
        request = next(flow)
        while True:
            value = yield from send_within_limit(request, limiter, clock=clock, max_wait=max_wait)
            request = flow.send(value)
    except StopIteration as end:
        result: T = end.value
        return result
