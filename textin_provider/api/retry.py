"""Backoff between repeated attempts."""

from __future__ import annotations

import random
from collections.abc import Callable

from textin_provider.api.timing import timing

#: Returns a number in [0, 1).
Chance = Callable[[], float]

_CAP_SECONDS = 120.0
#: Exponents beyond this are past any cap, and would overflow in the end.
_MAX_EXPONENT = 16


def backoff(errors: int, *, chance: Chance = random.random, cap: float = _CAP_SECONDS) -> float:
    """
    Return the delay in seconds after ``errors`` errors in a row: full jitter under a doubling ceiling.

    Source: "Exponential Backoff And Jitter", AWS Architecture Blog.
    """
    return chance() * min(cap, timing().backoff_base * 2.0 ** min(errors, _MAX_EXPONENT))
