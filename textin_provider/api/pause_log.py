"""One log line for each pause of a rate limit, whichever thread or trigger of the process is refused."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from textin_provider.api.rate_limit import RateLimiter

_logged_until: WeakKeyDictionary[RateLimiter, float] = WeakKeyDictionary()
_lock = Lock()


def is_new_pause(limiter: RateLimiter, now: float) -> bool:
    """
    Whether no line was logged in this process for the current pause of a credential.

    Call it for each refusal, and log a line if it returns True: the pause then counts as logged.

    :param now: time of the limiter's clock.
    """
    with _lock:
        logged_until = _logged_until.get(limiter, now)
        # Requests that were already sent may be refused later, and extend the pause.
        _logged_until[limiter] = max(logged_until, now + limiter.pause_left(now))
        return now >= logged_until
