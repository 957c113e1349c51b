"""The wait for a batch: what each look at its counts means, and what is told of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from textin_provider.api.docflow.models import Selector
from textin_provider.api.docflow.progress import Progress
from textin_provider.api.errors import ApiError, ErrorKind
from textin_provider.polling.docflow import BatchWait
from textin_provider.polling.policy import PollPolicy

START = 1_800_000_000.0
DEADLINE = START + 100

SELECTOR = Selector("batch_number", "202611210001")
SUBJECT = str(SELECTOR)
EMPTY = Progress(0, 0, 0, 0, is_pending=False)
MOVING = Progress(500, 409, 3, 0, is_pending=True)
SETTLED = Progress(500, 497, 3, 0, is_pending=False)
UNCOUNTED = Progress(None, 1, 0, 0, is_pending=False)


def wait(expected_files: int = 1, **schedule: Any) -> BatchWait:
    policy = PollPolicy(10, DEADLINE, 100, **schedule)
    return BatchWait(SELECTOR, policy, expected_files=expected_files, chance=lambda: 0.5)


def fault(kind: ErrorKind = ErrorKind.SERVER, **fields: Any) -> ApiError:
    return ApiError(kind, about="DocFlow files of batch_number='b'", message="HTTP 502", **fields)


@pytest.mark.parametrize(
    "now", [START, DEADLINE, DEADLINE + 1e6], ids=["early", "at the deadline", "long after"]
)
@pytest.mark.parametrize("progress", [SETTLED, UNCOUNTED], ids=["counted", "uncounted"])
def test_a_batch_that_has_settled_ends_the_wait_even_after_the_deadline(
    progress: Progress, now: float
) -> None:
    assert wait().on_state(SUBJECT, progress, now=now).event == {"ending": "terminal"}


@pytest.mark.parametrize("progress", [EMPTY, MOVING], ids=["empty", "moving"])
def test_anything_else_goes_on_until_the_deadline(progress: Progress) -> None:
    decision = wait().on_state(SUBJECT, progress, now=START)

    assert decision.event is None
    assert decision.delay == pytest.approx(10)
    assert not decision.is_warning


@pytest.mark.parametrize(
    ("progress", "expected", "words"),
    [
        (EMPTY, 1, "no file is visible; check the id and the workspace"),
        (MOVING, 1, "412 of 500 done, 3 failed"),
        (Progress(3, 3, 0, 0, is_pending=False), 5, "3 of 3 (5 expected) done"),
        (Progress(None, 0, 0, 0, is_pending=True), 1, "some are in progress"),
    ],
    ids=["empty", "moving", "too few", "uncounted"],
)
def test_a_timeout_tells_the_batch_and_how_far_it_was(progress: Progress, expected: int, words: str) -> None:
    event = wait(expected).on_state(SUBJECT, progress, now=DEADLINE).event

    assert event is not None
    assert event["ending"] == "timeout"
    assert "batch_number='202611210001'" in event["message"]
    assert "timeout=100s" in event["message"]
    assert words in event["message"]


def test_a_timeout_without_a_single_answer_says_so() -> None:
    event = wait().on_error(SUBJECT, fault(), now=DEADLINE).event

    assert event is not None
    assert "no state received yet" in event["message"]


def test_fewer_files_than_expected_keep_the_wait_going_although_all_have_ended() -> None:
    waiting = wait(expected_files=501)

    assert waiting.on_state(SUBJECT, SETTLED, now=START).event is None
    assert waiting.on_state(SUBJECT, Progress(501, 498, 3, 0, is_pending=False), now=START).event is not None


def test_progress_is_told_when_the_counts_change_and_not_again() -> None:
    waiting = wait()
    looks = [EMPTY, EMPTY, MOVING, MOVING, Progress(500, 410, 3, 0, is_pending=True)]

    notices = [waiting.on_state(SUBJECT, progress, now=START).message for progress in looks]

    assert [notice is not None for notice in notices] == [True, False, True, False, True]
    assert notices[2] == "DocFlow files of batch_number='202611210001': 412 of 500 done, 3 failed."
    assert "413 of 500 done" in str(notices[4])


def test_blips_between_looks_tell_nothing_anew_of_the_counts() -> None:
    waiting = wait()
    waiting.on_state(SUBJECT, MOVING, now=START)
    waiting.on_error(SUBJECT, fault(), now=START)

    assert waiting.on_state(SUBJECT, MOVING, now=START).message is None


@pytest.mark.parametrize("kind", [kind for kind in ErrorKind if not kind.is_transient])
def test_a_permanent_fault_ends_the_wait(kind: ErrorKind) -> None:
    decision = wait().on_error(SUBJECT, fault(kind), now=START)

    assert decision.event == {"ending": "fault", "fault": fault(kind).to_dict()}


@pytest.mark.parametrize("kind", [kind for kind in ErrorKind if kind.is_transient])
def test_a_blip_is_waited_out_and_warned_of_once(kind: ErrorKind) -> None:
    waiting = wait()
    verdicts = [waiting.on_error(SUBJECT, fault(kind, retry_after=30), now=START) for _ in range(3)]

    assert [decision.event for decision in verdicts] == [None] * 3
    is_logged = kind is not ErrorKind.RATE_LIMIT
    assert [decision.is_warning for decision in verdicts] == [is_logged, False, False]
    assert all(decision.delay is not None and decision.delay >= 30 for decision in verdicts)


def test_no_event_of_a_batch_grows_with_its_files() -> None:
    huge = Progress(10**6, 10**6, 0, 0, is_pending=False)
    events = [
        wait().on_state(SUBJECT, huge, now=START).event,
        wait(2 * 10**6).on_state(SUBJECT, huge, now=DEADLINE).event,
    ]

    assert all(len(json.dumps(event)) < 1000 for event in events)


def test_the_delay_grows_and_stays_within_the_deadline() -> None:
    waiting = wait(exponential_backoff=True, max_wait=25)

    delays = [waiting.on_state(SUBJECT, MOVING, now=START).delay for _ in range(4)]

    assert delays == pytest.approx([10, 20, 25, 25])
    assert waiting.on_state(SUBJECT, MOVING, now=DEADLINE - 3).delay == 3
