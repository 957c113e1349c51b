"""The wait for a job: what each look means at which time, and when the next one is due."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from textin_provider.api.errors import ApiError, ErrorKind
from textin_provider.api.retry import backoff
from textin_provider.api.xparse.models import XParseJob
from textin_provider.polling.policy import PollPolicy
from textin_provider.polling.xparse import JobWait

if TYPE_CHECKING:
    from textin_provider.polling.decision import Decision

START = 1_800_000_000.0
DEADLINE = START + 100
LOWEST, MIDDLE, HIGHEST = 0.0, 0.5, 1 - 2**-53

TRANSIENT = [kind for kind in ErrorKind if kind.is_transient]
PERMANENT = [kind for kind in ErrorKind if not kind.is_transient]


def wait(interval: float = 10, chance: float = MIDDLE, **schedule: Any) -> JobWait:
    policy = PollPolicy(interval, DEADLINE, 100, **schedule)
    return JobWait("1", policy, chance=lambda: chance)


def job(reported: str, **fields: Any) -> XParseJob:
    return XParseJob("1", reported, **fields)


def fault(kind: ErrorKind = ErrorKind.SERVER, retry_after: float | None = None) -> ApiError:
    return ApiError(kind, about="xParse job 1: status", message="HTTP 502", retry_after=retry_after)


def look(waiting: JobWait, seen: XParseJob | ApiError, now: float = START) -> Decision:
    if isinstance(seen, ApiError):
        return waiting.on_error("1", seen, now=now)
    return waiting.on_state("1", seen, now=now)


@pytest.mark.parametrize("reported", ["completed", "failed"])
@pytest.mark.parametrize(
    "now", [START, DEADLINE, DEADLINE + 1e6], ids=["early", "at the deadline", "long after"]
)
def test_a_job_that_has_ended_is_told_even_after_the_deadline(reported: str, now: float) -> None:
    decision = look(wait(), job(reported, message="m"), now)

    assert decision.event == {"ending": "terminal", "jobs": [job(reported, message="m").to_dict()]}


@pytest.mark.parametrize("now", [DEADLINE, DEADLINE + 1e6], ids=["at the deadline", "long after"])
@pytest.mark.parametrize(
    "seen", [job("pending"), job("suspended"), fault()], ids=["pending", "unknown", "blip"]
)
def test_anything_else_at_the_deadline_is_a_timeout(seen: XParseJob | ApiError, now: float) -> None:
    decision = look(wait(), seen, now)

    assert decision.event is not None
    assert decision.event["ending"] == "timeout"
    assert "xParse job 1" in decision.event["message"]
    assert "timeout=100s" in decision.event["message"]
    assert "2027-01-15T08:01:40+00:00" in decision.event["message"]


def test_a_timeout_tells_the_last_state_and_the_last_faults() -> None:
    waiting = wait()
    look(waiting, job("in_progress"))
    waiting.on_error("1", fault(), now=START + 50)

    event = waiting.on_error("1", fault(), now=DEADLINE).event

    assert event is not None
    assert "last status in_progress" in event["message"]
    assert "The last 2 polls failed: xParse job 1: status: HTTP 502" in event["message"]


def test_a_timeout_without_a_single_answer_says_so() -> None:
    event = wait().on_error("1", fault(), now=DEADLINE).event

    assert event is not None
    assert "no status received yet" in event["message"]


@pytest.mark.parametrize("kind", TRANSIENT)
def test_a_blip_is_waited_out(kind: ErrorKind) -> None:
    decision = wait().on_error("1", fault(kind), now=START)

    is_limited = kind is ErrorKind.RATE_LIMIT
    assert decision.event is None
    assert decision.is_limited is is_limited
    # The rate limiter logs a refusal.
    assert decision.is_warning is not is_limited
    assert (decision.message is None) is is_limited
    assert decision.delay is not None
    assert decision.delay > 0


@pytest.mark.parametrize("kind", PERMANENT)
@pytest.mark.parametrize("now", [START, DEADLINE + 1], ids=["early", "after the deadline"])
def test_a_permanent_fault_ends_the_wait(kind: ErrorKind, now: float) -> None:
    decision = wait().on_error("1", fault(kind), now=now)

    assert decision.event == {"ending": "fault", "fault": fault(kind).to_dict()}


@pytest.mark.parametrize(
    "event",
    [
        look(wait(), job("completed", file_id="f")).event,
        wait().on_error("1", fault(ErrorKind.QUOTA), now=START).event,
        look(wait(), job("pending"), DEADLINE).event,
    ],
    ids=["terminal", "fault", "timeout"],
)
def test_an_event_is_plain_json(event: dict[str, Any]) -> None:
    back = json.loads(json.dumps(event))

    assert back == event
    assert type(event["ending"]) is str


def test_an_event_has_no_signed_url() -> None:
    event = look(wait(), job("completed", result_url="https://h/r?sig=hush")).event

    assert "hush" not in repr(event)


def test_a_state_is_told_when_it_changes_and_not_again() -> None:
    waiting = wait()
    states = ["pending", "pending", "in_progress", "in_progress", "pending"]

    notices = [look(waiting, job(state)).message for state in states]

    assert notices == [
        "xParse job 1 is pending.",
        None,
        "xParse job 1 is in_progress.",
        None,
        "xParse job 1 is pending.",
    ]


def test_a_known_state_is_no_warning() -> None:
    assert not look(wait(), job("pending")).is_warning


def test_an_unknown_state_is_warned_of_once_and_waited_out() -> None:
    waiting = wait()

    verdicts = [look(waiting, job("suspended")) for _ in range(3)]

    assert [decision.is_warning for decision in verdicts] == [True, False, False]
    assert "unknown status 'suspended'" in str(verdicts[0].message)
    assert {decision.event for decision in verdicts} == {None}


def test_a_row_of_blips_is_warned_of_once_and_anew_after_an_answer() -> None:
    waiting = wait()
    pending: XParseJob | ApiError = job("pending")
    states = [fault(), fault(), fault(ErrorKind.TRANSPORT), pending, fault(), fault()]

    warned = [look(waiting, seen).is_warning for seen in states]

    assert warned == [True, False, False, False, True, False]


def test_the_warning_of_a_blip_says_that_the_wait_goes_on() -> None:
    assert (
        wait().on_error("1", fault(), now=START).message
        == "xParse job 1: status: HTTP 502. The wait continues."
    )


@pytest.mark.parametrize(("chance", "delay"), [(LOWEST, 0), (MIDDLE, 5), (HIGHEST, 10)])
def test_the_first_look_lies_anywhere_in_the_interval(chance: float, delay: float) -> None:
    assert wait(chance=chance).first_delay(now=START) == pytest.approx(delay)


@pytest.mark.parametrize(("chance", "delay"), [(LOWEST, 9), (MIDDLE, 10), (HIGHEST, 11)])
def test_later_looks_come_after_the_interval_give_or_take_a_tenth(chance: float, delay: float) -> None:
    waiting = wait(chance=chance)

    delays = [look(waiting, job("pending")).delay for _ in range(5)]

    assert delays == pytest.approx([delay] * 5)


def test_exponential_backoff_doubles_the_interval_with_each_look() -> None:
    waiting = wait(interval=1, exponential_backoff=True)

    delays = [look(waiting, job("pending")).delay for _ in range(6)]

    assert delays == pytest.approx([1, 2, 4, 8, 16, 32])


def test_max_wait_limits_the_doubled_interval() -> None:
    waiting = wait(interval=1, exponential_backoff=True, max_wait=5)

    delays = [look(waiting, job("pending")).delay for _ in range(5)]

    assert delays == pytest.approx([1, 2, 4, 5, 5])


def test_max_wait_does_not_touch_a_steady_interval() -> None:
    assert look(wait(interval=10, max_wait=5), job("pending")).delay == pytest.approx(10)


def test_thousands_of_looks_do_not_overflow() -> None:
    waiting = wait(interval=1, exponential_backoff=True)

    for _ in range(5_000):
        delay = look(waiting, job("pending")).delay
        assert delay is not None
        assert delay <= 100
        waiting.on_error("1", fault(), now=START)


@pytest.mark.parametrize("now", [DEADLINE - 3, DEADLINE - 0.001], ids=["3 s", "1 ms"])
@pytest.mark.parametrize(
    "seen", [job("pending"), fault(), fault(retry_after=3600)], ids=["pending", "blip", "retry-after"]
)
def test_no_delay_passes_the_deadline(seen: XParseJob | ApiError, now: float) -> None:
    waiting = wait(chance=HIGHEST)
    for _ in range(8):
        decision = look(waiting, seen, now)
        assert decision.event is None
        assert decision.delay is not None
        assert 0 <= decision.delay <= DEADLINE - now


def test_the_first_look_after_the_deadline_comes_at_once() -> None:
    assert wait().first_delay(now=DEADLINE + 5) == 0


def test_blips_are_followed_by_growing_pauses_with_full_jitter() -> None:
    for chance in (LOWEST, MIDDLE, HIGHEST):
        policy = PollPolicy(10, START + 1e6, 1e6)
        waiting = JobWait("1", policy, chance=partial(float, chance))
        delays = [waiting.on_error("1", fault(), now=START).delay for _ in range(9)]
        assert delays == pytest.approx([chance * top for top in (2, 4, 8, 16, 32, 64, 120, 120, 120)])


def test_an_answer_ends_the_row_of_blips() -> None:
    waiting = wait(chance=HIGHEST)
    for _ in range(5):
        waiting.on_error("1", fault(), now=START)
    look(waiting, job("pending"))

    assert waiting.on_error("1", fault(), now=START).delay == pytest.approx(2)


@pytest.mark.parametrize(("retry_after", "delay"), [(30, 30), (0.5, 1), (None, 1), (0, 1)])
def test_retry_after_is_a_floor(retry_after: float | None, delay: float) -> None:
    assert wait().on_error("1", fault(retry_after=retry_after), now=START).delay == pytest.approx(delay)


def test_backoff_stays_within_its_cap() -> None:
    assert backoff(1, chance=lambda: 0.0) == 0
    assert backoff(10_000, chance=lambda: HIGHEST) == pytest.approx(120)
    assert backoff(10_000, chance=lambda: HIGHEST, cap=3) == pytest.approx(3)


def test_refusals_for_the_rate_do_not_lengthen_the_delay_of_a_key() -> None:
    waiting = wait(chance=HIGHEST)
    delays = [waiting.on_error("1", fault(ErrorKind.RATE_LIMIT), now=START).delay for _ in range(9)]
    assert delays == pytest.approx([2] * 9)
