"""Limits of the account: the window of the request rate, the refusals, and the counts of both."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING

from textin_provider.testing.account import Account, Usage
from textin_provider.testing.responses import LIMIT_EXCEEDED, Refusal

if TYPE_CHECKING:
    from collections.abc import Callable

log = logging.getLogger("textin_provider.testing")

LOG_INTERVAL = 1.0


class RateWindow:
    """
    A sliding window over the requests that were let in; refused ones do not count.

    Its length is a second, or for a fraction the time in which whole requests are due: 2.5 a second are
    two in 0.8 seconds, 0.5 a second one in two.
    """

    def __init__(self, requests_per_second: float) -> None:
        self._limit = max(1, int(requests_per_second))
        self._seconds = self._limit / requests_per_second
        self._let_in: deque[float] = deque()

    def admit(self, now: float) -> bool:
        """Let a request in at the monotonic time ``now``, and return whether it was."""
        while self._let_in and self._let_in[0] <= now - self._seconds:
            self._let_in.popleft()
        if len(self._let_in) >= self._limit:
            return False
        self._let_in.append(now)
        return True


class AccountLimits:
    """The limits of one server and what was used of them; thread-safe. ``clock`` is monotonic."""

    def __init__(self, account: Account, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._usage = Usage()
        self._next_log: dict[str, float] = {}
        self.replace(account)

    @property
    def account(self) -> Account:
        """What is allowed."""
        return self._account

    @property
    def usage(self) -> Usage:
        """What was used so far."""
        return self._usage

    def replace(self, account: Account) -> None:
        """Replace the account; the window of its rate begins empty."""
        rate = account.requests_per_second
        with self._lock:
            self._account = account
            self._window = RateWindow(rate) if rate else None

    def admit_request(self) -> None:
        """
        Let an API request in.

        :raises Refusal: 40306 if it is beyond the rate.
        """
        with self._lock:
            usage = self._usage
            if self._window is None or self._window.admit(self._clock()):
                self._usage = replace(usage, requests=usage.requests + 1)
                return
            count = usage.rate_refusals + 1
            self._usage = replace(usage, rate_refusals=count)
            limit = f"the account's limit of requests per second is {self._account.requests_per_second:g}"
            raise self._refusal("qps limit exceeded", limit, count)

    def job_refusal(self) -> Refusal:
        """Count a submit beyond the jobs in work and return its refusal."""
        with self._lock:
            count = self._usage.job_refusals + 1
            self._usage = replace(self._usage, job_refusals=count)
            limit = f"the account's limit of jobs in work is {self._account.concurrent_jobs}"
            return self._refusal("concurrent job limit exceeded", limit, count)

    def set_jobs_in_work(self, count: int) -> None:
        """Count the jobs in work."""
        with self._lock:
            most = max(count, self._usage.most_jobs_in_work)
            self._usage = replace(self._usage, jobs_in_work=count, most_jobs_in_work=most)

    def _refusal(self, message: str, limit: str, count: int) -> Refusal:
        now = self._clock()
        if now >= self._next_log.get(message, now):
            self._next_log[message] = now + LOG_INTERVAL
            log.info("%s: %s; %d refused so far", message, limit, count)
        return Refusal(LIMIT_EXCEEDED, limit, message)
