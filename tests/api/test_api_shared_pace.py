"""The pace that processes share: what a pipeline tells it, and what a limiter takes over from it."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest

from tests.api.test_api_send_pipeline import RESPONSE, Clock, Shared, ask, request, within
from textin_provider.api.errors import ApiError, ErrorKind
from textin_provider.api.protocol import Request
from textin_provider.api.rate_limit import Booking, RateLimiter, limiter_for

FREE = Booking(0.0, 0.0, "", 0.0)


def refusal(retry_after: float | None) -> ApiError:
    return ApiError(ErrorKind.RATE_LIMIT, about="a", message="m", retry_after=retry_after)


def limiter_of(shared: Shared) -> RateLimiter:
    limiter = RateLimiter(ceiling=10)
    limiter.shared = shared
    return limiter


def report(limiter: RateLimiter, clock: Clock, retry_after: float | None, lines: list[str]) -> None:
    """Report a refusal, and make the calls to the shared pace."""
    steps = within(limiter, clock, lines=lines).report(refusal(retry_after))
    with suppress(StopIteration):
        step = next(steps)
        while True:
            step = ask(steps, step)


def send(limiter: RateLimiter, clock: Clock) -> None:
    """Send one request; sleeping moves the clock."""
    steps = within(limiter, clock).send(request())
    step = next(steps)
    while not isinstance(step, Request):
        if isinstance(step, float):
            clock.now += step
            step = next(steps)
        else:
            step = ask(steps, step)
    with pytest.raises(StopIteration):
        steps.send(RESPONSE)


def test_the_first_refusal_without_a_delay_of_the_server_asks_for_none() -> None:
    shared, clock = Shared(None), Clock()
    limiter = limiter_of(shared)
    report(limiter, clock, None, [])
    assert shared.calls == [("pause", limiter.pause_left(clock.now), 0.0, limiter.learned)]


def test_a_refusal_that_extends_a_pause_shares_the_delay_of_the_server_alone() -> None:
    shared, clock = Shared(None, None), Clock()
    limiter = limiter_of(shared)
    report(limiter, clock, 7.5, [])
    report(limiter, clock, 50.0, [])
    assert [call[1:3] for call in shared.calls] == [(7.5, 7.5), (0.0, 50.0)]


@pytest.mark.parametrize("retry_after", [None, 3.0, 7.5])
def test_a_refusal_that_extends_no_pause_is_not_shared(retry_after: float | None) -> None:
    shared, clock = Shared(None), Clock()
    limiter = limiter_of(shared)
    report(limiter, clock, 7.5, [])
    report(limiter, clock, retry_after, [])
    assert len(shared.calls) == 1


def test_a_shared_pause_that_is_too_long_is_an_error_that_names_the_request() -> None:
    shared, clock = Shared(Booking(100.0, 100.0, "", 0.0)), Clock()
    steps = within(limiter_of(shared), clock, max_wait=30.0).send(request("xParse job 7: status"))
    with pytest.raises(ApiError) as caught:
        ask(steps, next(steps))
    assert (caught.value.kind, caught.value.about) == (ErrorKind.RATE_LIMIT, "xParse job 7: status")
    assert caught.value.retry_after == 100.0


@pytest.mark.parametrize(
    "answers",
    [(FREE, FREE), (Booking(0.25, 0.0, "", 0.0), FREE, FREE)],
    ids=["free slots", "a sleep before the first"],
)
def test_requests_in_the_shared_pace_count_for_the_rate(answers: tuple[Booking, ...]) -> None:
    clock, lines = Clock(), list[str]()
    limiter = limiter_of(Shared(*answers, None))
    send(limiter, clock)
    clock.now += 0.5
    send(limiter, clock)
    report(limiter, clock, None, lines)
    [line] = lines
    assert "It sent 2 requests a second, and continues with 1." in line


def test_the_reply_to_a_pause_is_not_counted_as_a_request() -> None:
    clock, lines = Clock(), list[str]()
    limiter = limiter_of(Shared(FREE, Booking(0.0, 2.0, "", 0.0), FREE, None))
    for _ in range(2):
        send(limiter, clock)
        report(limiter, clock, None, lines)
        clock.now += 2.0
    assert len(lines) == 2
    assert lines[1].endswith("Other processes or programs use it too.")


def test_a_refusal_while_the_store_is_away_is_not_shared() -> None:
    shared, clock = Shared(None), Clock()
    limiter = limiter_of(shared)
    send(limiter, clock)
    report(limiter, clock, None, [])
    assert [call[0] for call in shared.calls] == ["reserve"]
    assert limiter.pause_left(clock.now) > 0


def test_the_rate_of_one_process_is_not_reserved_for_all_when_the_store_is_back() -> None:
    shared, clock = Shared(None, FREE, Booking(0.25, 0.0, "", 0.0), FREE), Clock()
    limiter = limiter_of(shared)
    send(limiter, clock)
    limiter.reserve(clock.now)
    report(limiter, clock, None, [])
    clock.now += 10.0
    assert limiter.spacing(clock.now) > 1 / 9
    send(limiter, clock)
    assert shared.calls[1:] == [("check",), ("reserve", pytest.approx(1 / 9)), ("check",)]


def test_the_time_between_requests_of_one_process_is_not_that_of_all_when_the_store_is_back() -> None:
    shared, clock, lines = Shared(None, FREE, FREE), Clock(), list[str]()
    limiter = limiter_of(shared)
    send(limiter, clock)
    clock.now += 2.0
    limiter.adopt(FREE, clock.now)
    report(limiter, clock, None, lines)
    [line] = lines
    assert "It sent 9 requests a second" in line


def test_the_slot_of_a_request_is_later_than_its_reservation() -> None:
    limiter = RateLimiter(ceiling=10)
    limiter.adopt(Booking(3.0, 0.0, "", 0.0), 0.0, reserved=0.1)
    limiter.adopt(FREE, 5.0, reserved=0.1)
    found: Any = limiter.on_limit(None, now=5.0, chance=lambda: 1.0)
    assert found.refused == pytest.approx(0.5)


def test_a_state_without_a_reserved_slot_is_not_a_request() -> None:
    limiter = RateLimiter(ceiling=10)
    limiter.adopt(FREE, 0.0, reserved=0.1)
    limiter.adopt(FREE, 2.0, reserved=0.1)
    limiter.adopt(FREE, 2.1)
    found: Any = limiter.on_limit(None, now=2.1, chance=lambda: 1.0)
    assert found.refused == pytest.approx(0.5)


def test_each_pause_that_is_taken_over_counts() -> None:
    limiter = RateLimiter()
    for number, learned in enumerate(["[0.2, 0.1, 1]", "[0.4, 0.2, 2]", "[0.4, 0.2, 2]", "[0.8, 0.4, 3]"]):
        limiter.adopt(Booking(0.0, 2.0, learned, 0.0), 100.0)
        assert limiter.pauses == (1, 2, 2, 3)[number]


def test_the_connections_of_a_credential_use_one_shared_pace() -> None:
    first, second = Shared(), Shared()
    credential = ("app-shared", "https://api.example")
    limiter = limiter_for(*credential, "one", 0.0)
    assert (limiter.ceiling, limiter.shared) == (0.0, None)
    assert limiter_for(*credential, "two", 0.0, first).shared is first
    assert limiter_for(*credential, "one", 0.0).shared is first
    assert limiter_for(*credential, "three", 0.0, second).shared is second
