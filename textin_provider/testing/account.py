"""The account of a local TextIn: what it allows and owns, the named plans, and what was used of it."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, get_args

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Over = Literal["queue", "reject"]


#: The API path under which TextIn lists the packages of xParse.
XPARSE_API = "/ai/service/v1/pdf_to_markdown"
_YEAR = 365 * 24 * 3600.0


@dataclass(frozen=True)
class PagePackage:
    """
    A package of pages that the account has bought.

    :param total: pages of the package.
    :param used: pages that were used; the others remain.
    :param api_path: the API whose pages they are: that of xParse by default, or ``/docflow``.
    :param starts_at: when it begins, in seconds since the epoch.
    :param ends_at: when it ends, likewise.
    :raises ValueError: if ``used`` is not between 0 and ``total``, or it ends before it begins.
    """

    total: int
    used: int = 0
    api_path: str = XPARSE_API
    starts_at: float = field(default_factory=time.time)
    ends_at: float = field(default_factory=lambda: time.time() + _YEAR)

    def __post_init__(self) -> None:
        if not 0 <= self.used <= self.total:
            raise ValueError(f"used: {self.used!r} is not from 0 to {self.total!r}, the total")
        if self.ends_at < self.starts_at:
            raise ValueError(f"ends_at: {self.ends_at!r} is before starts_at, {self.starts_at!r}")

    @property
    def remaining(self) -> int:
        """Pages that may still be used."""
        return self.total - self.used

    def is_usable(self, now: float) -> bool:
        """Return whether pages remain at ``now``, in seconds since the epoch."""
        return bool(self.remaining) and self.starts_at <= now < self.ends_at


@dataclass(frozen=True)
class Account:
    """
    Define what a local TextIn allows and owns; a limit of 0 is none, so the defaults limit nothing.

    :param requests_per_second: API requests of xParse and DocFlow that are let in within a second; the others
        are refused with code 40306. A fraction sets the length of the window: 0.5 lets in one request every
        two seconds. Downloads of results and images do not count, since they need no credentials.
    :param concurrent_jobs: xParse jobs in work at once: jobs that have not ended.
    :param over: what happens to a submit beyond ``concurrent_jobs``: ``reject`` refuses it with code 40306,
        ``queue`` accepts it, and the job stays pending until an earlier one has ended.
    :param balance: money of the account, which the balance endpoint returns. No request changes it.
    :param unavailable_balance: the part of it that may not be spent.
    :param packages: packages of pages; no request changes them either.
    :raises ValueError: if a limit or the balance is negative or not a number, or ``over`` is another word.
    """

    requests_per_second: float = 0
    concurrent_jobs: int = 0
    over: Over = "reject"
    balance: float = 1000
    unavailable_balance: float = 0
    packages: Sequence[PagePackage] = ()

    def __post_init__(self) -> None:
        if not math.isfinite(self.requests_per_second) or self.requests_per_second < 0:
            raise ValueError(f"requests_per_second: {self.requests_per_second!r} is not 0 or above")
        if self.concurrent_jobs != int(self.concurrent_jobs) or self.concurrent_jobs < 0:
            raise ValueError(f"concurrent_jobs: {self.concurrent_jobs!r} is not a whole number from 0")
        if self.over not in get_args(Over):
            raise ValueError(f"over: {self.over!r} is not one of {', '.join(get_args(Over))}")
        if not 0 <= self.unavailable_balance < math.inf:
            raise ValueError(f"unavailable_balance: {self.unavailable_balance!r} is not 0 or above")
        if not self.unavailable_balance <= self.balance < math.inf:
            raise ValueError(f"balance: {self.balance!r} is not {self.unavailable_balance:g} or above")

    def __str__(self) -> str:
        rate = f"{self.requests_per_second:g}" if self.requests_per_second else "no limit"
        further = "refused" if self.over == "reject" else "queued"
        jobs = f"{self.concurrent_jobs}, further ones are {further}" if self.concurrent_jobs else "no limit"
        return f"requests per second: {rate}; jobs in work: {jobs}"


#: The accounts that the vendor's plans give. Its documentation says of further jobs "queued or rejected".
PLANS: Mapping[str, Account] = {
    "free": Account(2, 1),
    "paid": Account(5, 5),
    "enterprise": Account(10, 10),
}


@dataclass(frozen=True)
class Usage:
    """
    What was used of the account since the server was made.

    :param requests: API requests with valid credentials that were let in, scripted faults included.
    :param rate_refusals: requests that were refused for ``requests_per_second``.
    :param job_refusals: submits that were refused for ``concurrent_jobs``.
    :param jobs_in_work: xParse jobs that have not ended; jobs that the account has queued do not count.
    :param most_jobs_in_work: the most of them at once.
    """

    requests: int = 0
    rate_refusals: int = 0
    job_refusals: int = 0
    jobs_in_work: int = 0
    most_jobs_in_work: int = 0
