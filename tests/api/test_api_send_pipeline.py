"""The pipeline of one request: reserve, sleep, check the pause again, send, report. Time is a number here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from textin_provider.api.errors import ApiError, ErrorKind
from textin_provider.api.protocol import Request, Response, Service
from textin_provider.api.rate_limit import (
    RateLimiter,
    flow_within_limit,
    forget_limits,
    limiter_for,
    send_within_limit,
)

if TYPE_CHECKING:
    from collections.abc import Generator

    from textin_provider.api.protocol import Flow

RESPONSE = Response(200, b"{}")


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def read_status(response: Response) -> int:
    if response.status == 429:
        raise ApiError(ErrorKind.RATE_LIMIT, about="a", message="m", retry_after=response.retry_after)
    if response.status == 500:
        raise ApiError(ErrorKind.SERVER, about="a", message="m", retry_after=50.0)
    return response.status


def request(about: str = "xParse job 1: status") -> Request[int]:
    return Request(about, "GET", Service.XPARSE, "/path", read_status)


def pipeline(limiter: RateLimiter, clock: Clock, max_wait: float = 30.0) -> Generator[Any, Any, int]:
    return send_within_limit(request(), limiter, clock=clock, max_wait=max_wait)


def finish(steps: Generator[Any, Any, Any], response: Response) -> Any:
    with pytest.raises(StopIteration) as end:
        steps.send(response)
    return end.value.value


def test_a_free_credential_sends_at_once() -> None:
    steps = pipeline(RateLimiter(), Clock())
    step = next(steps)
    assert isinstance(step, Request)
    assert finish(steps, Response(207, b"")) == 207


def test_a_request_sleeps_until_its_slot_once() -> None:
    limiter, clock = RateLimiter(ceiling=4), Clock()
    assert isinstance(next(pipeline(limiter, clock)), Request)
    steps = pipeline(limiter, clock)
    assert next(steps) == pytest.approx(0.25)
    clock.now += 0.25
    assert isinstance(next(steps), Request)


def test_a_pause_that_begins_during_the_sleep_is_waited_for_in_a_new_slot() -> None:
    limiter, clock = RateLimiter(ceiling=4), Clock()
    next(pipeline(limiter, clock))
    steps = pipeline(limiter, clock)
    next(steps)
    limiter.on_limit(7.0, now=clock.now)
    clock.now += 0.25
    assert next(steps) == pytest.approx(6.75)
    clock.now += 6.75
    assert isinstance(next(steps), Request)


def test_a_pause_that_is_longer_than_the_request_may_wait_is_an_error() -> None:
    limiter, clock = RateLimiter(), Clock()
    limiter.on_limit(31.0, now=clock.now)
    with pytest.raises(ApiError) as caught:
        next(pipeline(limiter, clock))
    error = caught.value
    assert (error.kind, error.about, error.retry_after) == (
        ErrorKind.RATE_LIMIT,
        "xParse job 1: status",
        31.0,
    )
    assert error.message == "not sent: TextIn asked this account to pause, for 31 s more"
    assert error.fix == "Retry after the pause"
    assert next(pipeline(limiter, clock, max_wait=31.0)) == pytest.approx(31.0)


def test_a_pause_that_grows_too_long_during_the_sleep_is_an_error() -> None:
    limiter, clock = RateLimiter(ceiling=4), Clock()
    next(pipeline(limiter, clock))
    steps = pipeline(limiter, clock)
    next(steps)
    limiter.on_limit(100.0, now=clock.now)
    with pytest.raises(ApiError, match=r"^xParse job 1: status: not sent"):
        next(steps)


def test_a_short_pause_that_begins_during_the_sleep_is_waited_for() -> None:
    limiter, clock = RateLimiter(ceiling=4), Clock()
    next(pipeline(limiter, clock))
    steps = pipeline(limiter, clock)
    next(steps)
    limiter.on_limit(None, now=clock.now, chance=lambda: 0.0)
    clock.now += 0.25
    assert next(steps) == pytest.approx(0.75)


def test_a_rate_limit_is_reported_with_the_seconds_that_the_server_asked_for() -> None:
    limiter, clock = RateLimiter(), Clock()
    steps = pipeline(limiter, clock)
    next(steps)
    clock.now += 1.0
    with pytest.raises(ApiError):
        steps.send(Response(429, b"", retry_after=9.0))
    assert limiter.pause_left(clock.now) == pytest.approx(9.0)


def test_another_error_starts_no_pause_and_is_no_success() -> None:
    limiter, clock = RateLimiter(), Clock()
    limiter.on_limit(1.0, now=clock.now)
    clock.now += 60.0
    spacing = limiter._extra_spacing
    steps = pipeline(limiter, clock)
    next(steps)
    with pytest.raises(ApiError):
        steps.send(Response(500, b""))
    assert limiter.pause_left(clock.now) == 0.0
    assert limiter._extra_spacing == spacing > 0


def test_a_success_reduces_the_spacing() -> None:
    limiter, clock = RateLimiter(), Clock()
    limiter.on_limit(1.0, now=clock.now)
    clock.now += 60.0
    spacing = limiter._extra_spacing
    steps = pipeline(limiter, clock)
    next(steps)
    finish(steps, RESPONSE)
    assert limiter._extra_spacing == pytest.approx(0.9 * spacing)


def test_a_flow_sends_each_request_and_returns_its_result() -> None:
    limiter, clock = RateLimiter(ceiling=2), Clock()

    def flow() -> Flow[list[int]]:
        first = yield request()
        second = yield request()
        return [first, second]

    steps = flow_within_limit(flow(), limiter, clock=clock, max_wait=30.0)
    assert isinstance(next(steps), Request)
    assert steps.send(Response(201, b"")) == pytest.approx(0.5)
    clock.now += 0.5
    assert isinstance(next(steps), Request)
    assert finish(steps, Response(202, b"")) == [201, 202]


def test_a_flow_without_requests_returns_at_once() -> None:
    def flow() -> Flow[str]:
        return "nothing to send"
        yield request()

    steps = flow_within_limit(flow(), RateLimiter(), clock=Clock(), max_wait=30.0)
    with pytest.raises(StopIteration) as end:
        next(steps)
    assert end.value.value == "nothing to send"


def test_a_flow_may_wait_no_longer_than_its_limit() -> None:
    limiter, clock = RateLimiter(), Clock()
    limiter.on_limit(9.0, now=clock.now)

    def flow() -> Flow[int]:
        status: int = yield request()
        return status

    with pytest.raises(ApiError, match="not sent"):
        next(flow_within_limit(flow(), limiter, clock=clock, max_wait=8.0))


def test_forgotten_limits_start_anew() -> None:
    limiter = limiter_for("id", "https://h", 3.0)
    assert limiter_for("id", "https://h", 5.0) is limiter
    assert limiter.ceiling == 5.0
    forget_limits()
    assert limiter_for("id", "https://h", 5.0) is not limiter
