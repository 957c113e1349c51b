"""The exact pauses and spacings of a rate limiter, at the bounds of each."""

from __future__ import annotations

import inspect
import random

import pytest

from textin_provider.api.errors import ApiError, ErrorKind
from textin_provider.api.rate_limit import RateLimiter, limiter_for


def reserve(limiter: RateLimiter, now: float) -> float:
    return limiter.reserve(now, about="it", max_wait=1e9)


def limited(*, chance: float = 1.0, retry_after: float | None = None, now: float = 0.0) -> RateLimiter:
    limiter = RateLimiter()
    limiter.on_limit(retry_after, now=now, chance=lambda: chance)
    return limiter


def test_a_new_limiter_has_no_ceiling_and_no_pause() -> None:
    limiter = RateLimiter()
    assert limiter.ceiling == 0.0
    assert limiter.pause_left(-1e300) == 0.0
    assert [reserve(limiter, -1e300) for _ in range(2)] == [0.0, 0.0]


@pytest.mark.parametrize(("chance", "pause"), [(0.0, 1.0), (0.5, 1.5), (1.0, 2.0)])
def test_chance_shortens_a_pause_to_half_at_most(chance: float, pause: float) -> None:
    assert limited(chance=chance).pause_left(0.0) == pause


def test_the_chance_is_random_unless_given() -> None:
    assert inspect.signature(RateLimiter.on_limit).parameters["chance"].default is random.random


@pytest.mark.parametrize(("now", "left"), [(10.0, 2.0), (11.5, 0.5), (12.0, 0.0), (13.0, 0.0)])
def test_a_pause_ends_at_its_time(now: float, left: float) -> None:
    limiter = limited(now=10.0)
    assert limiter.pause_left(now) == left
    assert reserve(limiter, now) == left


@pytest.mark.parametrize(
    ("retry_after", "pause"), [(None, 2.0), (0.0, 2.0), (1.9, 2.0), (2.5, 2.5), (90.0, 90.0)]
)
def test_the_server_may_ask_for_a_longer_pause(retry_after: float | None, pause: float) -> None:
    assert limited(retry_after=retry_after, now=5.0).pause_left(5.0) == pause


@pytest.mark.parametrize(("retry_after", "left"), [(None, 1.0), (0.5, 1.0), (3.0, 3.0)])
def test_a_hit_within_a_pause_only_extends_it(retry_after: float | None, left: float) -> None:
    limiter = limited()
    limiter.on_limit(retry_after, now=1.0, chance=lambda: 1.0)
    assert limiter.pause_left(1.0) == left
    reserve(limiter, 1000.0)
    assert reserve(limiter, 1000.0) == pytest.approx(0.2)
    limiter.on_limit(None, now=2000.0, chance=lambda: 1.0)
    assert limiter.pause_left(2000.0) == 4.0


def test_a_hit_within_a_pause_without_seconds_of_the_server_extends_nothing() -> None:
    limiter = limited()
    limiter.on_limit(None, now=1.5)
    assert limiter.pause_left(1.5) == 0.5


def test_a_hit_at_the_end_of_a_pause_is_a_further_one() -> None:
    limiter = limited()
    limiter.on_limit(None, now=2.0, chance=lambda: 1.0)
    assert limiter.pause_left(2.0) == 4.0


def test_a_pause_as_long_as_the_request_may_wait_is_waited_for() -> None:
    limiter = limited()
    assert limiter.reserve(0.0, about="it", max_wait=2.0) == 2.0
    with pytest.raises(ApiError) as caught:
        limiter.reserve(0.0, about="it", max_wait=1.9)
    assert caught.value.to_dict() == {
        "kind": ErrorKind.RATE_LIMIT.value,
        "about": "it",
        "message": "not sent: TextIn asked this account to pause, for 2 s more",
        "fix": "Retry after the pause",
        "code": None,
        "detail": None,
        "request_id": None,
        "retry_after": 2.0,
    }


@pytest.mark.parametrize(("ceiling", "gap"), [(2.0, 0.5), (4.0, 0.25), (10.0, 0.2)])
def test_the_larger_spacing_applies(ceiling: float, gap: float) -> None:
    limiter = limited()
    limiter.ceiling = ceiling
    assert reserve(limiter, 100.0) == 0.0
    assert reserve(limiter, 100.0) == pytest.approx(gap)


@pytest.mark.parametrize(("now", "gap"), [(1.9, 0.2), (2.0, 0.18), (50.0, 0.18)])
def test_a_success_after_the_pause_reduces_the_spacing(now: float, gap: float) -> None:
    limiter = limited()
    limiter.on_success(now=now)
    reserve(limiter, 100.0)
    assert reserve(limiter, 100.0) == pytest.approx(gap)


def test_successes_end_the_spacing_and_the_doubling_of_pauses() -> None:
    limiter = limited()
    limiter.on_limit(None, now=100.0, chance=lambda: 1.0)
    successes = 0
    while limiter._extra_spacing:
        limiter.on_success(now=200.0)
        successes += 1
    assert successes == 36
    limiter.on_limit(None, now=300.0, chance=lambda: 1.0)
    assert limiter.pause_left(300.0) == 2.0


def test_a_rest_of_the_spacing_is_dropped_only_below_its_bound() -> None:
    limiter = limited()
    limiter._extra_spacing = 0.01 / 0.9
    limiter.on_success(now=10.0)
    assert limiter._extra_spacing == pytest.approx(0.01)
    limiter.on_success(now=10.0)
    assert limiter._extra_spacing == 0.0


def test_a_pause_before_any_success_doubles_the_next() -> None:
    limiter = limited()
    limiter.on_success(now=10.0)
    limiter.on_limit(None, now=100.0, chance=lambda: 1.0)
    assert limiter.pause_left(100.0) == 4.0


def test_many_hits_do_not_overflow() -> None:
    limiter = RateLimiter()
    for hit in range(2000):
        limiter.on_limit(None, now=hit * 100.0, chance=lambda: 1.0)
    assert limiter.pause_left(199_900.0) == 60.0
    assert limiter._limit_hits == 16


def test_a_limiter_of_a_credential_starts_without_spacing() -> None:
    limiter = limiter_for("app", "https://h", 2.0)
    assert limiter.ceiling == 2.0
    assert [reserve(limiter, 1.0), reserve(limiter, 1.0)] == [0.0, 0.5]
