"""The spacing of requests, and the common pause after a refusal. Time is a number here."""

from __future__ import annotations

import inspect
import random

import pytest

from textin_provider.api.rate_limit import Booking, RateLimiter, limiter_for

SPACING = 1 / 9  # a tenth below ten requests a second


def limit(
    limiter: RateLimiter, now: float, retry_after: float | None = None, chance: float = 1.0
) -> float | None:
    """Report a refusal; return the seconds of the pause that it starts."""
    refusal = limiter.on_limit(retry_after, now=now, chance=lambda: chance)
    return refusal and refusal.pause


def limited(now: float = 0.0, retry_after: float | None = None, chance: float = 1.0) -> RateLimiter:
    limiter = RateLimiter(ceiling=10)
    limit(limiter, now, retry_after, chance)
    return limiter


def test_without_a_ceiling_no_request_waits() -> None:
    limiter = RateLimiter()
    assert limiter.ceiling == 0.0
    assert limiter.pause_left(-1e300) == 0.0
    assert [limiter.reserve(7.0) for _ in range(100)] == [0.0] * 100


def test_requests_keep_a_tenth_below_the_ceiling_from_the_first_on() -> None:
    limiter = RateLimiter(ceiling=10)
    assert [limiter.reserve(0.0) for _ in range(4)] == pytest.approx([0.0, SPACING, 2 * SPACING, 3 * SPACING])
    assert limiter.spacing(0.0) == pytest.approx(SPACING)


def test_unused_time_is_not_saved_up_for_a_burst() -> None:
    limiter = RateLimiter(ceiling=10)
    limiter.reserve(0.0)
    assert [limiter.reserve(100.0) for _ in range(3)] == pytest.approx([0.0, SPACING, 2 * SPACING])


def test_a_refusal_pauses_all_requests_and_lets_them_go_one_after_the_other() -> None:
    limiter = limited()
    assert limiter.reserve(0.5) == pytest.approx(1.5)
    assert limiter.reserve(0.5) == pytest.approx(1.5 + SPACING)


def test_slots_that_were_reserved_before_a_pause_are_not_kept_free_after_it() -> None:
    limiter = RateLimiter(ceiling=10)
    for _ in range(100):
        limiter.reserve(0.0)
    limit(limiter, 0.0)
    assert limiter.pauses == 1
    assert limiter.reserve(0.0) == pytest.approx(2.0)


@pytest.mark.parametrize(("chance", "pause"), [(0.0, 1.0), (0.5, 1.5), (1.0, 2.0)])
def test_chance_shortens_a_pause_to_half_at_most(chance: float, pause: float) -> None:
    assert limited(chance=chance).pause_left(0.0) == pause


def test_the_chance_is_random_unless_given() -> None:
    assert inspect.signature(RateLimiter.on_limit).parameters["chance"].default is random.random


@pytest.mark.parametrize(("now", "left"), [(10.0, 2.0), (11.5, 0.5), (12.0, 0.0), (13.0, 0.0)])
def test_a_pause_ends_at_its_time(now: float, left: float) -> None:
    limiter = limited(now=10.0)
    assert limiter.pause_left(now) == left
    assert limiter.reserve(now) == left


@pytest.mark.parametrize(
    ("retry_after", "pause"), [(None, 2.0), (0.0, 2.0), (1.9, 2.0), (2.5, 2.5), (90.0, 90.0)]
)
def test_the_server_may_ask_for_a_longer_pause(retry_after: float | None, pause: float) -> None:
    assert limited(retry_after=retry_after, now=5.0).pause_left(5.0) == pause


@pytest.mark.parametrize(("retry_after", "left"), [(None, 1.0), (0.5, 1.0), (3.0, 3.0)])
def test_a_refusal_within_a_pause_only_extends_it(retry_after: float | None, left: float) -> None:
    limiter = limited()
    learned = limiter.learned
    assert limit(limiter, 1.0, retry_after) is None
    assert limiter.pause_left(1.0) == left
    assert (limiter.learned, limiter.pauses) == (learned, 1)


def test_a_refusal_without_a_delay_does_not_extend_a_pause_that_is_about_to_end() -> None:
    limiter = limited()
    assert limit(limiter, 1.5) is None
    assert limiter.pause_left(1.5) == 0.5


def test_a_slot_is_not_before_the_end_of_an_extended_pause() -> None:
    limiter = limited()
    limit(limiter, 1.0, retry_after=50.0)
    assert limiter.reserve(1.0) == 50.0


def test_without_a_ceiling_the_spacing_after_a_refusal_vanishes_in_the_end() -> None:
    limiter = RateLimiter()
    assert limiter.shared is None
    for _ in range(2):
        limiter.reserve(0.0)
    limit(limiter, 0.0)
    assert 0.01 < limiter.spacing(2.0 + 100.0) < 0.2
    assert limiter.spacing(2.0 + 1000.0) == 0.0


def test_refusals_in_a_row_pause_longer_each_time_up_to_a_minute() -> None:
    limiter, pauses, now = RateLimiter(), [], 0.0
    for _ in range(2000):
        pause = limit(limiter, now)
        assert pause is not None
        pauses.append(pause)
        now += pause
    assert pauses == pytest.approx([2.0, 4.0, 8.0, 16.0, 32.0, *[60.0] * 1995])


def test_a_refusal_after_many_accepted_requests_pauses_shortly() -> None:
    limiter = RateLimiter(ceiling=10)
    limit(limiter, 0.0)
    limit(limiter, 2.0)
    assert limit(limiter, 2.0 + 4.0 + 1000.0) == pytest.approx(2.0)


def test_the_rate_of_the_requests_is_learned_not_the_ceiling() -> None:
    limiter = RateLimiter(ceiling=10)
    limiter.reserve(0.0)
    limiter.reserve(0.5)
    refusal = limiter.on_limit(None, now=0.6, chance=lambda: 1.0)
    assert refusal is not None
    assert (refusal.refused, refusal.allowed) == (2.0, 1.0)
    slower = RateLimiter(ceiling=10)
    slower.reserve(0.0)
    slower.reserve(2.0)
    second = slower.on_limit(None, now=2.1, chance=lambda: 1.0)
    assert second is not None
    assert (second.refused, second.allowed) == (0.5, 0.25)
    assert str(refusal) == (
        "TextIn refused a request for its rate; this account pauses for 2.0 s. It sent 2 requests a second, "
        "and continues with 1. If this happens again, set max_requests_per_second of the connection below 2."
    )


@pytest.mark.parametrize(("requests", "allowed"), [(19, 0.5), (21, 0.9)])
def test_a_rate_that_was_let_in_for_twenty_requests_is_lowered_by_a_tenth_only(
    requests: int, allowed: float
) -> None:
    limiter, now = RateLimiter(ceiling=10), 1000.0
    for _ in range(requests):
        now += limiter.reserve(now)
    refusal = limiter.on_limit(None, now=now, chance=lambda: 1.0)
    assert refusal is not None
    assert refusal.allowed == pytest.approx(allowed / SPACING)


def test_a_rate_is_not_proved_by_idle_time() -> None:
    limiter = RateLimiter(ceiling=10)
    limiter.reserve(0.0)
    for _ in range(3):
        limiter.reserve(1000.0)
    refusal = limiter.on_limit(None, now=1000.5, chance=lambda: 1.0)
    assert refusal is not None
    assert refusal.allowed == pytest.approx(0.5 / SPACING)


def test_a_single_request_that_is_refused_does_not_lower_the_rate() -> None:
    limiter = RateLimiter(ceiling=2)
    limiter.reserve(0.0)
    refusal = limiter.on_limit(None, now=0.1, chance=lambda: 1.0)
    assert str(refusal) == (
        "TextIn refused a request for its rate; this account pauses for 2.0 s. Other processes or programs "
        "use it too."
    )
    assert limiter.spacing(100.0) == pytest.approx(1 / 1.8)


def test_without_a_ceiling_a_refusal_leads_to_five_requests_a_second() -> None:
    limiter = RateLimiter()
    for _ in range(3):
        limiter.reserve(0.0)
    limit(limiter, 0.0)
    assert limiter.spacing(2.0) == pytest.approx(0.2)
    assert limiter.spacing(1e6) == 0.0


@pytest.mark.parametrize(("ceiling", "spacing"), [(2.0, 0.5 / 0.9), (20.0, 0.2), (0.0, 0.2)])
def test_the_larger_spacing_applies(ceiling: float, spacing: float) -> None:
    limiter = RateLimiter()
    for _ in range(2):
        limiter.reserve(0.0)
    limit(limiter, 0.0)
    limiter.ceiling = ceiling
    assert limiter.spacing(2.0) == pytest.approx(spacing)


def test_the_state_of_a_shared_pace_is_taken_over() -> None:
    teacher, limiter = limited(), RateLimiter(ceiling=10)
    limiter.adopt(Booking(3.0, 1.5, teacher.learned, 0.0), 100.0, reserved=SPACING)
    assert limiter.pause_left(100.0) == 1.5
    assert limiter.learned == teacher.learned
    assert limiter.pauses == 1
    limiter.adopt(Booking(0.0, 0.0, teacher.learned, 7.0), 110.0)
    assert limiter.pause_left(110.0) == 0.0
    assert limiter.spacing(110.0) == teacher.spacing(2.0 + 7.0)
    assert limiter.pauses == 1


def test_slots_taken_by_other_processes_count_for_the_rate() -> None:
    limiter = RateLimiter(ceiling=10)
    limiter.adopt(Booking(3.0, 0.0, "", 0.0), 0.0, reserved=SPACING)
    refusal = limiter.on_limit(None, now=3.1, chance=lambda: 1.0)
    assert refusal is not None
    assert refusal.refused == pytest.approx(9.0)


def test_a_credential_has_one_limiter_and_the_lowest_ceiling_holds() -> None:
    first = limiter_for("app-1", "https://api.example", "one", 5)
    assert first.ceiling == 5
    assert limiter_for("app-1", "https://api.example", "two", 0) is first
    assert limiter_for("app-1", "https://api.example", "three", 7).ceiling == 5
    assert limiter_for("app-1", "https://api.example", "one", 8).ceiling == 7
    assert limiter_for("app-2", "https://api.example", "one", 7) is not first
    assert limiter_for("app-1", "https://other.example", "one", 7) is not first
