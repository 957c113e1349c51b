"""The wait of a request that TextIn refuses for its rate, or because too many jobs are in work."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from textin_provider.api.inputs import as_seconds, check_seconds
from textin_provider.api.retry import timing

if TYPE_CHECKING:
    from datetime import timedelta

    from textin_provider.api.errors import ApiError
    from textin_provider.hooks.sender import Sender

#: The longest delay in seconds between two tries to start a job while too many are in work.
_LONGEST_DELAY = 30.0
_MOST_DOUBLINGS = 8


def rate_limit_seconds(rate_limit_timeout: float | timedelta) -> float:
    """Return the checked argument ``rate_limit_timeout`` in seconds."""
    seconds = as_seconds(rate_limit_timeout)
    check_seconds("rate_limit_timeout", seconds, may_be_zero=True)
    return seconds


class RateLimitWait:
    """
    The wait of one request over all its refusals. A refusal has accepted nothing, so it is sent again.

    :param timeout: seconds from the first refusal on; 0 to wait for none.
    """

    def __init__(self, sender: Sender, timeout: float) -> None:
        self.timeout = timeout
        self._sender = sender
        self._began: float | None = None
        self._refusals = 0

    def wait(self, error: ApiError) -> None:
        """
        Sleep until the request may be sent again.

        :raises ApiError: the error, if the wait would last longer than ``timeout``.
        """
        self.sleep(max(self._sender.pause_left(), self._job_delay() if error.is_job_limit else 0.0), error)
        self._refusals += 1

    def sleep(self, delay: float, error: ApiError) -> None:
        """
        Sleep as a part of the wait. The log tells of the first one.

        :param error: why the request is not sent; raised if the wait would last longer than ``timeout``.
        """
        now = self._sender.now()
        if self._began is None:
            self._began = now
            self._sender.log.warning(
                "This account is at its limit. %s The request waits for its turn, for up to %.0f s.",
                error,
                self.timeout,
            )
        if now + delay > self._began + self.timeout:
            waited = (
                f"it waited {now - self._began:.0f} s for its turn; rate_limit_timeout={self.timeout:.0f}"
            )
            fix = "Nothing was accepted. Retry later, or raise rate_limit_timeout"
            raise error.replace(message=f"{error.message}; {waited}", fix=fix) from error
        self._sender.sleep(delay)

    def end(self) -> None:
        """Log how long the wait took."""
        if self._began is not None:
            waited = self._sender.now() - self._began
            self._sender.log.info(
                "TextIn let the request in after %.0f s at the limit of this account.", waited
            )

    def _job_delay(self) -> float:
        """Return a growing delay: the rate is not the reason, so there is no common pause."""
        delay = timing().first_pause * 2.0 ** min(self._refusals, _MOST_DOUBLINGS)
        return min(delay, _LONGEST_DELAY) * (0.5 + 0.5 * random.random())
