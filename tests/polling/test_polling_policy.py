"""When to poll next: intervals, backoff, the estimates of a process that has no counters, and decisions."""

from __future__ import annotations

import logging
import math
from typing import Any

import pytest

from textin_provider.api.errors import ApiError, ErrorKind
from textin_provider.api.retry import changed_timing
from textin_provider.api.xparse import XParseJob
from textin_provider.polling.decision import Decision, Outcome, done
from textin_provider.polling.policy import PollPolicy, errors_within
from textin_provider.polling.xparse import JobWait

START = 1_800_000_000.0
MIDDLE = 0.5


def policy(interval: float = 10.0, **others: Any) -> PollPolicy:
    return PollPolicy(interval, START + 100, 100.0, **others)


def wait(interval: float = 10.0, chance: float = MIDDLE, **others: Any) -> JobWait:
    return JobWait("1", policy(interval, **others), chance=lambda: chance)


def error(kind: ErrorKind = ErrorKind.SERVER, retry_after: float | None = None) -> ApiError:
    return ApiError(kind, about="xParse job 1: status", message="HTTP 502", retry_after=retry_after)


def test_the_defaults_are_a_steady_interval_from_the_first_poll_on() -> None:
    usual = policy()
    assert (usual.exponential_backoff, usual.max_wait, usual.polls) == (False, None, 0)


@pytest.mark.parametrize(("chance", "delay"), [(0.0, 9.0), (0.5, 10.0), (1.0, 11.0)])
def test_the_interval_has_ten_percent_of_jitter(chance: float, delay: float) -> None:
    assert policy().after_poll(1, lambda: chance) == pytest.approx(delay)
    assert policy().after_poll(99, lambda: chance) == pytest.approx(delay)


@pytest.mark.parametrize(
    ("polls", "delay"), [(1, 10.0), (2, 20.0), (3, 40.0), (6, 320.0), (99, 10 * 2.0**32)]
)
def test_a_doubled_interval_doubles_with_each_poll(polls: int, delay: float) -> None:
    assert policy(exponential_backoff=True).after_poll(polls, lambda: MIDDLE) == pytest.approx(delay)


def test_max_wait_limits_a_doubled_interval_only() -> None:
    assert policy(exponential_backoff=True, max_wait=25.0).after_poll(3, lambda: MIDDLE) == 25.0
    assert policy(max_wait=5.0).after_poll(3, lambda: MIDDLE) == 10.0
    assert policy(exponential_backoff=True, max_wait=0.0).after_poll(1, lambda: MIDDLE) == 10.0


def test_the_first_poll_is_anywhere_in_the_interval_or_continues_the_pace() -> None:
    assert policy().first_delay(lambda: 0.25) == 2.5
    continued = policy(exponential_backoff=True, polls=3)
    assert continued.first_delay(lambda: MIDDLE) == 40.0


def test_an_error_backs_off_at_least_for_retry_after() -> None:
    assert policy().after_error(2, None, lambda: MIDDLE) == 2.0
    assert policy().after_error(2, 1.5, lambda: MIDDLE) == 2.0
    assert policy().after_error(2, 7.0, lambda: MIDDLE) == 7.0


def test_tests_may_shorten_all_intervals() -> None:
    with changed_timing(longest_interval=0.5):
        assert policy().first_delay(lambda: MIDDLE) == 0.25
        assert policy().after_poll(1, lambda: MIDDLE) == 0.5


@pytest.mark.parametrize(
    ("elapsed", "errors"), [(0, 1), (0.9, 1), (1, 2), (3, 3), (7, 4), (8, 4), (3600, 12)]
)
def test_errors_are_estimated_from_the_time_since_the_first_poll(elapsed: float, errors: int) -> None:
    assert errors_within(elapsed) == errors
    assert errors_within(-1.0) == 1


@pytest.mark.parametrize(("elapsed", "polls"), [(0, 1), (9, 1), (10, 2), (29, 2), (30, 3), (70, 4)])
def test_polls_are_estimated_from_the_time_since_the_first_poll(elapsed: float, polls: int) -> None:
    assert policy().polls_within(elapsed) == polls


@pytest.mark.parametrize(("interval", "polls"), [(0.0, 1), (0.5, 3), (1.0, 2), (2.0, 2)])
def test_polls_are_estimated_by_the_interval_but_not_by_one_of_zero(interval: float, polls: int) -> None:
    assert policy(interval).polls_within(2.0) == polls


def test_a_process_without_counters_backs_off_by_the_time_since_the_first_poll() -> None:
    waiting = wait()
    waiting.on_error("1", error(), now=START)
    assert waiting.delay_without_counters(0.0) == 1.0
    assert waiting.delay_without_counters(7.0) == 8.0
    assert waiting.delay_without_counters(1e6) == 60.0


def test_a_process_without_counters_observes_retry_after() -> None:
    waiting = wait()
    waiting.on_error("1", error(retry_after=45.0), now=START)
    assert waiting.delay_without_counters(3.0) == 45.0


def test_a_process_without_counters_keeps_the_interval_after_a_state() -> None:
    waiting = wait()
    waiting.on_error("1", error(retry_after=45.0), now=START)
    waiting.on_state("1", XParseJob("1", "pending"), now=START)
    assert waiting.delay_without_counters(500.0) == 10.0
    doubled = wait(exponential_backoff=True)
    doubled.on_state("1", XParseJob("1", "pending"), now=START)
    assert doubled.delay_without_counters(30.0) == 40.0


def test_a_wait_knows_whether_its_last_poll_failed() -> None:
    waiting = wait()
    assert not waiting.has_error
    waiting.on_error("1", error(), now=START)
    assert waiting.has_error
    waiting.on_state("1", XParseJob("1", "pending"), now=START)
    assert not waiting.has_error


def test_a_wait_describes_its_state_and_its_errors() -> None:
    waiting = wait()
    assert waiting.describe() == "xParse job 1: no status received yet."
    waiting.on_state("1", XParseJob("1", "pending"), now=START)
    assert waiting.describe() == "xParse job 1: last status pending."
    waiting.on_error("1", error(), now=START)
    waiting.on_error("1", error(), now=START)
    assert waiting.describe() == (f"xParse job 1: last status pending. The last 2 polls failed: {error()}")


def test_decisions_carry_the_event_of_the_trigger() -> None:
    assert Decision(delay=1.0, details={"message": "m"}).event is None
    assert done(jobs=[]).event == {"ending": "terminal", "jobs": []}
    timeout = Decision(Outcome.TIMED_OUT, details={"message": "m"})
    assert timeout.event == {"ending": "timeout", "message": "m"}
    assert Decision(Outcome.ERROR).event == {"ending": "fault"}


def test_the_outcomes_have_the_names_of_stored_events() -> None:
    assert [outcome.value for outcome in Outcome] == ["terminal", "timeout", "fault"]


def test_a_warning_has_the_level_of_one() -> None:
    assert Decision(is_warning=True).level == logging.WARNING
    assert Decision().level == logging.INFO


def test_no_deadline_cuts_a_delay_below_zero() -> None:
    late = JobWait("1", PollPolicy(10.0, START - 5, 100.0), chance=lambda: MIDDLE)
    assert late.first_delay(now=START) == 0.0
    assert math.isclose(wait().first_delay(now=START), 5.0)
