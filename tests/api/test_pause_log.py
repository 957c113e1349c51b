"""A pause of a rate limit is logged once."""

from __future__ import annotations

from textin_provider.api.pause_log import is_new_pause
from textin_provider.api.rate_limit import RateLimiter


def test_each_pause_is_new_once() -> None:
    limiter = RateLimiter()
    limiter.on_limit(10.0, now=0.0, chance=lambda: 0.0)
    assert [is_new_pause(limiter, now) for now in (0.0, 0.0, 9.9)] == [True, False, False]
    limiter.on_limit(10.0, now=10.0, chance=lambda: 0.0)
    assert [is_new_pause(limiter, now) for now in (10.0, 19.0)] == [True, False]


def test_a_pause_that_is_extended_is_the_same_pause() -> None:
    limiter = RateLimiter()
    limiter.on_limit(10.0, now=0.0)
    assert is_new_pause(limiter, 0.0)
    limiter.on_limit(10.0, now=5.0)
    assert not is_new_pause(limiter, 5.0)
    assert not is_new_pause(limiter, 12.0)
    assert is_new_pause(limiter, 15.0)


def test_each_credential_has_pauses_of_its_own() -> None:
    limiters = [RateLimiter(), RateLimiter()]
    for limiter in limiters:
        limiter.on_limit(10.0, now=0.0)
    assert [is_new_pause(limiter, 1.0) for limiter in limiters] == [True, True]
