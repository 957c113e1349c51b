"""Backoff, and the delays that no parameter sets: in one place, so that tests can shorten them."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

#: Returns a number in [0, 1).
Chance = Callable[[], float]

#: Seconds for which a request waits for its turn at the limit of the account, by default.
RATE_LIMIT_TIMEOUT = 3600.0
_CAP_SECONDS = 120.0
#: Exponents beyond this are past any cap, and would overflow in the end.
_MAX_EXPONENT = 16


@dataclass(frozen=True, slots=True)
class Timing:
    """
    Delays in seconds.

    :param backoff_base: mean delay after the first error.
    :param first_pause: of a credential after its first rate-limit response.
    :param first_spacing: extra delay between requests after that pause.
    :param batch: polls of a triggerer that are due within this time of each other are sent together.
    :param longest_interval: upper limit of every interval between polls.
    :param list_settles: DocFlow lists uploads late: a batch that has not grown for this time is complete.
    :param list_interval: between two requests for such a list.
    :param rate_limit_timeout: for which reads wait for their turn at the limit of the account.
    """

    backoff_base: float = 1.0
    first_pause: float = 2.0
    first_spacing: float = 0.2
    batch: float = 0.25
    longest_interval: float = math.inf
    list_settles: float = 30.0
    list_interval: float = 3.0
    rate_limit_timeout: float = RATE_LIMIT_TIMEOUT


_timing = Timing()


def timing() -> Timing:
    """Return the delays of this process."""
    return _timing


@contextmanager
def changed_timing(**changes: Any) -> Iterator[None]:
    """Change some of the delays of this process within the block."""
    global _timing  # one value for all threads and loops of the process
    former, _timing = _timing, replace(_timing, **changes)
    try:
        yield
    finally:
        _timing = former


def backoff(errors: int, *, chance: Chance = random.random, cap: float = _CAP_SECONDS) -> float:
    """Return the seconds to wait after ``errors`` errors in a row: full jitter under a doubling ceiling."""
    # Source: "Exponential Backoff And Jitter", AWS Architecture Blog.
    return chance() * min(cap, timing().backoff_base * 2.0 ** min(errors, _MAX_EXPONENT))
