"""How fast a credential may ask, and what it does when TextIn asks for fewer requests."""

from __future__ import annotations

import pytest

from textin_provider.api.errors import ApiError, ErrorKind
from textin_provider.api.rate_limit import RateLimiter, limiter_for


def reserve(limiter: RateLimiter, now: float, max_wait: float = 1e9) -> float:
    return limiter.reserve(now, about="xParse job 1: status", max_wait=max_wait)


def limit(limiter: RateLimiter, now: float, retry_after: float | None = None) -> None:
    """Strike the limiter with a limit, and with the longest pause that chance allows."""
    limiter.on_limit(retry_after, now=now, chance=lambda: 1.0)


def test_without_a_ceiling_nobody_waits() -> None:
    limiter = RateLimiter()

    assert [reserve(limiter, 7.0) for _ in range(100)] == [0.0] * 100


def test_under_a_ceiling_requests_are_spaced_evenly_from_the_first_on() -> None:
    limiter = RateLimiter(ceiling=10)

    assert [reserve(limiter, 0.0) for _ in range(5)] == pytest.approx([0.0, 0.1, 0.2, 0.3, 0.4])


def test_time_that_nobody_used_is_not_saved_up_for_a_burst() -> None:
    limiter = RateLimiter(ceiling=10)
    reserve(limiter, 0.0)

    assert [reserve(limiter, 100.0) for _ in range(3)] == pytest.approx([0.0, 0.1, 0.2])


def test_a_limit_stops_everybody_and_lets_them_go_one_after_the_other() -> None:
    limiter = RateLimiter(ceiling=10)
    limit(limiter, 0.0)

    first, second = reserve(limiter, 0.5), reserve(limiter, 0.5)
    assert first == pytest.approx(1.5)
    assert second - first > 0.1


def test_limits_that_are_hit_again_pause_longer_each_time_and_never_without_end() -> None:
    limiter = RateLimiter()
    pauses, now = [], 0.0
    for _ in range(10):
        limit(limiter, now)
        pauses.append(reserve(limiter, now))
        now += pauses[-1] + 0.001

    assert pauses == pytest.approx([2.0, 4.0, 8.0, 16.0, 32.0, *[60.0] * 5])


def test_requests_in_progress_when_a_limit_is_hit_count_once() -> None:
    once, often = RateLimiter(), RateLimiter()
    limit(once, 0.0)
    for moment in range(16):
        limit(often, moment / 100)

    assert reserve(often, 0.2) == reserve(once, 0.2)


def test_the_server_may_ask_for_a_longer_pause_and_never_for_a_shorter_one() -> None:
    longer, shorter = RateLimiter(), RateLimiter()
    limit(longer, 0.0, retry_after=50.0)
    limit(shorter, 0.0, retry_after=0.1)

    assert reserve(longer, 0.0) == pytest.approx(50.0)
    assert reserve(shorter, 0.0) == pytest.approx(2.0)


def test_after_a_pause_requests_begin_wide_apart_and_come_closer_with_each_that_goes_well() -> None:
    limiter = RateLimiter()
    limit(limiter, 0.0)
    now, gaps = 10.0, []
    for _ in range(60):
        before = reserve(limiter, now)
        gaps.append(reserve(limiter, now) - before)
        now += 10.0
        limiter.on_success(now=now)

    assert gaps[0] >= 0.1
    assert gaps == sorted(gaps, reverse=True)
    assert gaps[-1] == 0.0


def test_an_answer_that_arrives_in_a_pause_does_not_shorten_what_follows() -> None:
    limiter = RateLimiter()
    limit(limiter, 0.0)
    for _ in range(100):
        limiter.on_success(now=1.0)

    first = reserve(limiter, 5.0)
    assert reserve(limiter, 5.0) - first >= 0.1


def test_a_pause_longer_than_the_patience_is_a_rate_limit_fault_and_books_nothing() -> None:
    limiter = RateLimiter()
    limit(limiter, 0.0, retry_after=100.0)

    with pytest.raises(ApiError) as caught:
        reserve(limiter, 10.0, max_wait=30.0)
    assert caught.value.kind is ErrorKind.RATE_LIMIT
    assert caught.value.retry_after == pytest.approx(90.0)
    assert "xParse job 1" in str(caught.value)
    assert reserve(limiter, 100.0) == 0.0


def test_a_credential_has_one_pacer_and_the_ceiling_given_last_holds() -> None:
    first = limiter_for("app-1", "https://api.example", 5)

    assert limiter_for("app-1", "https://api.example", 7) is first
    assert first.ceiling == 7
    assert limiter_for("app-2", "https://api.example", 7) is not first
    assert limiter_for("app-1", "https://other.example", 7) is not first
