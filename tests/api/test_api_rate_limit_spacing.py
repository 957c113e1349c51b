"""How far apart requests are after several rate limits."""

from __future__ import annotations

import pytest

from textin_provider.api.rate_limit import RateLimiter


def gap_after_limits(limits: int) -> float:
    """Return the seconds between two requests after that many limits, each hit when the pause was over."""
    limiter, now = RateLimiter(), 0.0
    for _ in range(limits):
        limiter.on_limit(None, now=now)
        now += 1000.0
    first, second = (limiter.reserve(now, about="a request", max_wait=1e9) for _ in range(2))
    return second - first


def test_the_spacing_doubles_with_each_limit_up_to_its_widest() -> None:
    gaps = [gap_after_limits(limits) for limits in range(1, 8)]
    assert gaps == pytest.approx([0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0])
