"""Polls on a worker that are refused for their rate: which are repeated, and when a poll gives up."""

from __future__ import annotations

import pytest

from tests.tasks.test_jobs import Service, error, silent, wait_for
from textin_provider.api.errors import ErrorKind
from textin_provider.tasks import jobs
from textin_provider.tasks.jobs import poll_ended, poll_pending

REFUSED = error(ErrorKind.RATE_LIMIT)
START = 1_000_000.0


class Clock:
    """The module ``time`` of a worker that only sleeps."""

    def __init__(self) -> None:
        self.now = START
        self.sleeps: list[float] = []

    def time(self) -> float:
        return self.now

    monotonic = time

    def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.now += seconds


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(jobs, "time", clock)
    return clock


def test_a_refused_key_is_polled_again_after_the_pause(clock: Clock) -> None:
    service = Service(a=["completed"], b=[REFUSED, REFUSED, "completed"], c=["completed"])
    wait = wait_for("a", "b", "c")
    decision = poll_pending(wait, service.poll, silent, pause_left=lambda: 7.0)
    assert decision.event is not None
    assert set(wait.ended) == {"a", "b", "c"}
    assert clock.sleeps == [7.0, 7.0]
    assert sorted(service.polls) == ["a", "b", "b", "b", "c"]


def test_a_refusal_ends_a_poll_that_has_read_nothing(clock: Clock) -> None:
    service = Service(a=[REFUSED], b=["completed"])
    decision = poll_pending(wait_for("a", "b"), service.poll, silent, pause_left=lambda: 7.0)
    assert (decision.outcome, decision.is_limited) == (None, True)
    assert service.polls == ["a"]
    assert clock.sleeps == []


def test_a_refusal_beside_a_pending_key_ends_the_poll(clock: Clock) -> None:
    service = Service(a=["completed"], b=[REFUSED], c=["pending"])
    decision = poll_pending(wait_for("a", "b", "c"), service.poll, silent, pause_left=lambda: 7.0)
    assert (decision.delay, decision.is_limited) == (10.0, False)
    assert clock.sleeps == []


def test_an_error_of_another_kind_beside_a_refusal_ends_the_poll(clock: Clock) -> None:
    service = Service(a=["completed"], b=[REFUSED], c=[error()])
    decision = poll_pending(wait_for("a", "b", "c"), service.poll, silent, pause_left=lambda: 7.0)
    assert not decision.is_limited
    assert clock.sleeps == []


@pytest.mark.parametrize(("pause", "sleeps"), [(60.0, 1), (60.1, 0)])
def test_a_long_pause_ends_the_poll(clock: Clock, pause: float, sleeps: int) -> None:
    service = Service(a=["completed"], b=[REFUSED, "completed"])
    decision = poll_pending(wait_for("a", "b"), service.poll, silent, pause_left=lambda: pause)
    assert (decision.outcome is None) == (not sleeps)
    assert len(clock.sleeps) == sleeps


def test_a_pause_beyond_the_deadline_ends_the_poll(clock: Clock) -> None:
    service = Service(a=["completed"], b=[REFUSED])
    wait = wait_for("a", "b", deadline=START + 20.0)
    assert poll_pending(wait, service.poll, silent, pause_left=lambda: 20.0).is_limited
    assert clock.sleeps == []


def test_five_minutes_of_refusals_end_the_poll(clock: Clock) -> None:
    service = Service(a=["completed"], b=[REFUSED])
    assert poll_pending(wait_for("a", "b"), service.poll, silent, pause_left=lambda: 50.0).is_limited
    assert clock.sleeps == [50.0] * 5


def test_each_key_that_ends_gives_the_poll_five_more_minutes(clock: Clock) -> None:
    service = Service(a=["completed"], b=[REFUSED] * 4 + ["completed"], c=[REFUSED] * 8 + ["completed"])
    assert poll_pending(wait_for("a", "b", "c"), service.poll, silent, pause_left=lambda: 50.0).outcome
    assert clock.sleeps == [50.0] * 8


def test_only_some_of_the_keys_are_polled() -> None:
    service = Service(a=["completed"], b=["completed"], c=["completed"])
    wait = wait_for("a", "b", "c")
    decision = poll_pending(wait, service.poll, silent, only=["a", "c"])
    assert (decision.outcome, decision.delay) == (None, None)
    assert list(wait.pending) == ["b"]


def test_refusals_of_ended_keys_are_waited_out_until_the_deadline(clock: Clock) -> None:
    service = Service(a=[REFUSED])
    wait = wait_for("a", deadline=START + 1000.0)
    decision = poll_ended(wait, service.poll, silent, pause_left=lambda: 90.0)
    assert decision.event is not None
    assert decision.event["ending"] == "timeout"
    assert clock.sleeps == [90.0] * 11 + [10.0]


def test_an_outage_while_ended_keys_are_read_is_waited_out_for_five_minutes(clock: Clock) -> None:
    service = Service(a=["completed"], b=[error()])
    decision = poll_ended(wait_for("a", "b"), service.poll, silent, pause_left=lambda: 0.0)
    assert (decision.outcome, decision.is_limited) == (None, False)
    assert 300.0 <= clock.now - START < 300.0 + 120.0
    assert service.polls.count("a") == 1


def test_an_outage_that_passes_ends_nothing() -> None:
    service = Service(a=["completed"], b=[error()] * 5 + ["completed"])
    assert poll_ended(wait_for("a", "b"), service.poll, silent, pause_left=lambda: 0.0).outcome


def test_the_reads_of_ended_keys_back_off_during_an_outage_whatever_the_pause(clock: Clock) -> None:
    service = Service(a=[error(), error(), error(), "completed"])
    assert poll_ended(wait_for("a"), service.poll, silent, pause_left=lambda: 90.0).outcome
    assert clock.sleeps == [1.0, 2.0, 4.0]


def test_the_last_sleep_before_the_deadline_ends_at_it(clock: Clock) -> None:
    wait = wait_for("a", deadline=START + 20.5)
    decision = poll_ended(wait, Service(a=[REFUSED]).poll, silent, pause_left=lambda: 10.0)
    assert decision.event is not None
    assert clock.sleeps == [10.0, 10.0, 0.5]
