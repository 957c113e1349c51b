"""The pipeline of one request: reserve, sleep, check the pause again, send, report. Time is a number here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from textin_provider.api.errors import ApiError, ErrorKind
from textin_provider.api.protocol import Request, Response, Service
from textin_provider.api.rate_limit import Booking, RateLimiter, forget_limits, limiter_for
from textin_provider.api.send_pipeline import PaceCall, Pipeline

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
    return within(limiter, clock, max_wait=max_wait).send(request())


def within(
    limiter: RateLimiter, clock: Clock, *, max_wait: float = 30.0, lines: list[str] | None = None
) -> Pipeline:
    return Pipeline(limiter, clock, ([] if lines is None else lines).append, max_wait)


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
    limiter, clock = RateLimiter(ceiling=4 / 0.9), Clock()
    assert isinstance(next(pipeline(limiter, clock)), Request)
    steps = pipeline(limiter, clock)
    assert next(steps) == pytest.approx(0.25)
    clock.now += 0.25
    assert isinstance(next(steps), Request)


def test_a_pause_that_begins_during_the_sleep_is_waited_for_in_a_new_slot() -> None:
    limiter, clock = RateLimiter(ceiling=4 / 0.9), Clock()
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
    limiter, clock = RateLimiter(ceiling=4 / 0.9), Clock()
    next(pipeline(limiter, clock))
    steps = pipeline(limiter, clock)
    next(steps)
    limiter.on_limit(100.0, now=clock.now)
    with pytest.raises(ApiError, match=r"^xParse job 1: status: not sent"):
        next(steps)


def test_a_short_pause_that_begins_during_the_sleep_is_waited_for() -> None:
    limiter, clock = RateLimiter(ceiling=4 / 0.9), Clock()
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


def test_another_error_starts_no_pause() -> None:
    limiter, clock = RateLimiter(), Clock()
    steps = pipeline(limiter, clock)
    next(steps)
    with pytest.raises(ApiError):
        steps.send(Response(500, b""))
    assert limiter.pauses == 0


def test_a_refusal_is_logged_once_a_pause() -> None:
    limiter, clock = RateLimiter(ceiling=50), Clock()
    lines: list[str] = []
    attempts = [within(limiter, clock, lines=lines).send(request()) for _ in range(5)]
    for steps in attempts:
        while not isinstance(next(steps), Request):
            pass
    for steps in attempts:
        with pytest.raises(ApiError):
            steps.send(Response(429, b""))
    assert len(lines) == 1
    assert lines[0].startswith("TextIn refused a request for its rate; this account pauses for ")


def test_a_refusal_for_jobs_in_work_starts_no_pause() -> None:
    def refuse(_: Response) -> int:
        message = "concurrent job limit exceeded"
        raise ApiError(ErrorKind.RATE_LIMIT, about="a", message=message, code=40306)

    limiter, clock = RateLimiter(), Clock()
    steps = within(limiter, clock).send(Request("submit", "POST", Service.XPARSE, "/path", refuse))
    next(steps)
    with pytest.raises(ApiError):
        steps.send(RESPONSE)
    assert limiter.pauses == 0


def test_a_flow_sends_each_request_and_returns_its_result() -> None:
    limiter, clock = RateLimiter(ceiling=2 / 0.9), Clock()

    def flow() -> Flow[list[int]]:
        first = yield request()
        second = yield request()
        return [first, second]

    steps = within(limiter, clock).run(flow())
    assert isinstance(next(steps), Request)
    assert steps.send(Response(201, b"")) == pytest.approx(0.5)
    clock.now += 0.5
    assert isinstance(next(steps), Request)
    assert finish(steps, Response(202, b"")) == [201, 202]


def test_a_flow_without_requests_returns_at_once() -> None:
    def flow() -> Flow[str]:
        return "nothing to send"
        yield request()

    steps = within(RateLimiter(), Clock()).run(flow())
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
        next(within(limiter, clock, max_wait=8.0).run(flow()))


def test_forgotten_limits_start_anew() -> None:
    limiter = limiter_for("id", "https://h", "conn", 3.0)
    assert limiter_for("id", "https://h", "conn", 5.0) is limiter
    assert limiter.ceiling == 5.0
    forget_limits()
    assert limiter_for("id", "https://h", "conn", 5.0) is not limiter


class Shared:
    """A shared pace that answers as it is told."""

    def __init__(self, *answers: Booking | None) -> None:
        self.answers = list(answers)
        self.calls: list[tuple[Any, ...]] = []

    def reserve(self, spacing: float) -> Booking | None:
        self.calls.append(("reserve", spacing))
        return self.answers.pop(0)

    def check(self) -> Booking | None:
        self.calls.append(("check",))
        return self.answers.pop(0)

    def pause(self, seconds: float, least: float, learned: str) -> Booking | None:
        self.calls.append(("pause", seconds, least, learned))
        return self.answers.pop(0)


def ask(steps: Generator[Any, Any, Any], step: Any) -> Any:
    """Make the call that a pipeline yields, and return its next step."""
    assert isinstance(step, PaceCall)
    return steps.send(step.run())


def shared_pipeline(shared: Shared, clock: Clock) -> tuple[RateLimiter, Generator[Any, Any, int]]:
    limiter = RateLimiter(ceiling=10)
    limiter.shared = shared
    return limiter, pipeline(limiter, clock)


def test_a_slot_is_reserved_in_the_shared_pace() -> None:
    clock, shared = Clock(), Shared(Booking(0.4, 0.0, "", 0.0), None)
    _, steps = shared_pipeline(shared, clock)
    assert ask(steps, next(steps)) == 0.4
    assert isinstance(ask(steps, next(steps)), Request)
    assert shared.calls == [("reserve", pytest.approx(1 / 9)), ("check",)]


def test_a_pause_of_another_process_is_seen_after_the_sleep() -> None:
    learned = "[0.2, 0.1, 1]"
    shared = Shared(
        Booking(2.0, 0.0, "", 0.0), Booking(0.0, 5.0, learned, 0.0), Booking(5.0, 5.0, learned, 0.0)
    )
    _, steps = shared_pipeline(shared, Clock())
    assert ask(steps, next(steps)) == 2.0
    reserve = ask(steps, next(steps))
    assert ask(steps, reserve) == 5.0
    assert [call[0] for call in shared.calls] == ["reserve", "check", "reserve"]


def test_a_refusal_pauses_the_shared_pace() -> None:
    clock = Clock()
    shared = Shared(Booking(0.0, 0.0, "", 0.0), Booking(0.0, 9.0, "[0.2, 0.1, 1]", 0.0))
    limiter, steps = shared_pipeline(shared, clock)
    ask(steps, next(steps))
    step = steps.send(Response(429, b"", retry_after=7.5))
    with pytest.raises(ApiError):
        ask(steps, step)
    [_, (name, seconds, least, learned)] = shared.calls
    assert (name, seconds, least) == ("pause", 7.5, 7.5)
    assert learned
    assert limiter.pause_left(clock.now) == 9.0


def test_without_its_store_a_process_keeps_its_own_pace() -> None:
    limiter, clock = RateLimiter(ceiling=10), Clock()
    for delay in (None, 1 / 9, 2 / 9):
        limiter.shared = shared = Shared(None, None)
        steps = pipeline(limiter, clock)
        step = ask(steps, next(steps))
        if delay is None:
            assert isinstance(step, Request)
            assert [call[0] for call in shared.calls] == ["reserve"]
        else:
            assert ask(steps, step) == pytest.approx(delay)
            assert [call[0] for call in shared.calls] == ["check", "reserve"]
