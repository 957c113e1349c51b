"""When jobs are polled: what is learned of how long they take, and the delays that follow from it."""

from __future__ import annotations

import math

import pytest

from textin_provider.api.poll_timing import PollTiming
from textin_provider.api.retry import changed_timing


def learned(*durations: float, interval: float = 30.0) -> PollTiming:
    """Return a timing that has seen jobs that took so long."""
    timing = PollTiming(interval)
    for duration in durations:
        timing.on_end(100.0, 100.0 + duration, 100.0 + duration)
    return timing


def test_nothing_is_expected_before_a_job_has_ended() -> None:
    assert PollTiming(5.0).expected is None


@pytest.mark.parametrize(
    ("durations", "expected"),
    [
        ([4.0], 4.0),
        ([9.0, 1.0], 9.0),
        ([3.0, 1.0, 2.0], 2.0),
        ([4.0, 3.0, 2.0, 1.0], 3.0),
        ([5.0, 4.0, 3.0, 2.0, 1.0], 3.0),
        ([6.0, 5.0, 4.0, 3.0, 2.0, 1.0], 4.0),
        ([float(number) for number in range(11, 0, -1)], 7.0),
        ([float(number) for number in range(16, 0, -1)], 10.0),
    ],
)
def test_three_of_five_jobs_take_at_most_what_is_expected(durations: list[float], expected: float) -> None:
    assert learned(*durations).expected == expected


def test_the_last_sixteen_jobs_are_remembered() -> None:
    slow_then_quick = [50.0] * 16 + [2.0] * 9
    assert learned(*slow_then_quick).expected == 50.0
    assert learned(*slow_then_quick, 2.0).expected == 2.0


def test_a_job_that_had_ended_at_its_first_poll_ended_somewhat_earlier() -> None:
    timing = PollTiming(30.0)
    timing.on_end(100.0, 0.0, 200.0)
    assert timing.expected == 95.0


def test_a_job_ended_midway_between_its_last_two_polls() -> None:
    timing = PollTiming(30.0)
    timing.on_end(100.0, 104.0, 108.0)
    assert timing.expected == 6.0


@pytest.mark.parametrize(("polled", "now", "expected"), [(100.25, 100.75, 0.5), (99.0, 100.0, 0.0)])
def test_a_job_takes_no_negative_time(polled: float, now: float, expected: float) -> None:
    timing = PollTiming(30.0)
    timing.on_end(100.0, polled, now)
    assert timing.expected == expected


@pytest.mark.parametrize(
    ("interval", "is_oldest", "due"),
    [(5.0, True, 101.0), (5.0, False, 105.0), (0.5, True, 100.5), (0.5, False, 100.5)],
)
def test_while_nothing_is_known_the_oldest_job_is_polled_early(
    interval: float, is_oldest: bool, due: float
) -> None:
    assert PollTiming(interval).first_poll(100.0, is_oldest=is_oldest) == due


@pytest.mark.parametrize("is_oldest", [True, False])
def test_each_job_is_polled_first_when_jobs_have_usually_ended(is_oldest: bool) -> None:
    assert learned(7.0, interval=5.0).first_poll(100.0, is_oldest=is_oldest) == 107.0


@pytest.mark.parametrize(
    ("interval", "age", "delay"),
    [
        (30.0, 8.0, 4.0),
        (30.0, 60.0, 30.0),
        (30.0, 100.0, 30.0),
        (0.25, 0.0, 0.2),
        (30.0, 0.25, 0.2),
        (0.125, 0.0, 0.125),
        (0.125, 8.0, 0.125),
    ],
)
def test_a_job_is_polled_again_after_half_of_its_age(interval: float, age: float, delay: float) -> None:
    timing = PollTiming(interval)
    assert timing.next_poll(100.0, 100.0 + age) == 100.0 + age + delay
    assert timing.next_poll(100.0, 100.0 + age, is_full=False) == 100.0 + age + delay


@pytest.mark.parametrize(("age", "delay"), [(20.0, 2.0), (1.0, 0.2), (400.0, 30.0)])
def test_a_job_that_others_wait_for_is_polled_again_after_a_tenth_of_its_age(
    age: float, delay: float
) -> None:
    assert PollTiming(30.0).next_poll(100.0, 100.0 + age, is_full=True) == 100.0 + age + delay


def test_no_interval_is_longer_than_the_process_allows() -> None:
    with changed_timing(longest_interval=0.5):
        timing = PollTiming(5.0)
    assert timing.first_poll(100.0, is_oldest=False) == 100.5
    assert timing.next_poll(0.0, 100.0) == 100.5
    assert PollTiming(math.inf).first_poll(100.0, is_oldest=True) == 101.0
