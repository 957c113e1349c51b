"""The exact messages of waits: timeouts, log lines, and the errors that sum up many jobs."""

from __future__ import annotations

import json
from typing import Any

import pytest

from textin_provider.api.docflow import Selector
from textin_provider.api.docflow.progress import Progress
from textin_provider.api.errors import ApiError, ErrorKind
from textin_provider.api.xparse import XParseJob
from textin_provider.polling.decision import Decision
from textin_provider.polling.docflow import BatchWait
from textin_provider.polling.policy import PollPolicy
from textin_provider.polling.wait import Wait
from textin_provider.polling.xparse import JobWait, _first_within, failed_jobs, unstored_results

START = 1_800_000_000.0
DEADLINE = START + 100
POLICY = PollPolicy(10.0, DEADLINE, 100.0)
SINCE = "timeout=100s (2027-01-15T08:01:40+00:00; "
FREE = " TextIn continues to work on it; waiting for it again is free of charge."
PENDING = XParseJob("job1", "pending")
PROGRESS = Progress(5, 2, 1, 0, is_pending=True)


def error(kind: ErrorKind = ErrorKind.SERVER, **fields: Any) -> ApiError:
    return ApiError(kind, about="xParse job job1: status", message="HTTP 502", **fields)


def batch_wait() -> BatchWait:
    return BatchWait(Selector("batch_number", "b1"), POLICY, expected_files=9, chance=lambda: 0.5)


def job_wait(*job_ids: str, ended: list[XParseJob] | None = None) -> JobWait:
    return JobWait(list(job_ids), POLICY, ended=ended or [], chance=lambda: 0.5)


def timeout(waiting: Wait, key: str, state: Any) -> str:
    decision = waiting.on_state(key, state, now=DEADLINE)
    assert decision.message is None
    assert decision.event is not None
    assert list(decision.event) == ["ending", "message"]
    return str(decision.event["message"])


def test_the_timeout_of_a_job_has_its_status() -> None:
    assert timeout(JobWait("job1", POLICY), "job1", PENDING) == (
        f"xParse job job1 had not ended after {SINCE}last status pending).{FREE}"
    )


def test_the_timeout_of_a_list_has_the_pending_ids() -> None:
    assert timeout(job_wait("job1", "job2", ended=[XParseJob("job3", "completed")]), "job1", PENDING) == (
        f"2 of 3 xParse jobs had not ended after {SINCE}job1; job2).{FREE}"
    )


def test_the_timeout_of_a_batch_has_its_progress() -> None:
    waiting = batch_wait()
    assert timeout(waiting, "batch_number='b1'", PROGRESS) == (
        f"DocFlow files of batch_number='b1' had not ended after {SINCE}"
        f"3 of 5 (9 expected) done, 1 failed).{FREE}"
    )


def test_a_timeout_after_errors_only_counts_them() -> None:
    event = JobWait("job1", POLICY).on_error("job1", error(), now=DEADLINE).event
    assert event == {
        "ending": "timeout",
        "message": f"xParse job job1 had not ended after {SINCE}no status received yet)."
        f" The last 1 polls failed: xParse job job1: status: HTTP 502.{FREE}",
    }


def test_a_timeout_is_not_a_warning_and_has_no_delay() -> None:
    for decision in (
        JobWait("job1", POLICY).on_error("job1", error(), now=DEADLINE),
        JobWait("job1", POLICY).on_state("job1", XParseJob("job1", "paused"), now=DEADLINE),
    ):
        assert (decision.message, decision.is_warning, decision.delay) == (None, False, None)


@pytest.mark.parametrize(
    ("waiting", "text"),
    [
        (JobWait("job1", POLICY), "xParse job job1: no status received yet."),
        (job_wait("job1", "job2"), "2 of 2 xParse jobs: job1; job2."),
        (batch_wait(), "DocFlow files of batch_number='b1': no state received yet."),
    ],
    ids=["job", "list", "batch"],
)
def test_a_wait_without_a_poll_is_described(waiting: Wait, text: str) -> None:
    assert waiting.describe() == text


def test_the_first_error_of_a_wait_is_described_as_one() -> None:
    waiting = batch_wait()
    waiting.on_error("batch_number='b1'", error(), now=START)
    assert waiting.describe() == (
        "DocFlow files of batch_number='b1': no state received yet."
        " The last 1 polls failed: xParse job job1: status: HTTP 502."
    )


def test_the_progress_of_a_batch_is_logged_exactly() -> None:
    decision = batch_wait().on_state("batch_number='b1'", PROGRESS, now=START)
    message = "DocFlow files of batch_number='b1': 3 of 5 (9 expected) done, 1 failed."
    assert decision == Decision(delay=10.0, message=message)


def test_the_status_of_a_job_is_logged_exactly() -> None:
    decision = JobWait("job1", POLICY, chance=lambda: 0.5).on_state("job1", PENDING, now=START)
    assert decision == Decision(delay=10.0, message="xParse job job1 is pending.")


def test_an_unknown_status_is_warned_of_exactly() -> None:
    message = "xParse job job1 has the unknown status 'paused'; handled as not finished."
    decision = job_wait("job1", "job2").on_state("job1", XParseJob("job1", "paused"), now=START)
    assert decision == Decision(delay=10.0, message=message, is_warning=True)


def test_a_list_does_not_log_the_status_of_a_pending_job() -> None:
    assert job_wait("job1", "job2").on_state("job1", PENDING, now=START) == Decision(delay=10.0)


def test_jobs_that_ended_before_count_in_the_progress_of_a_list() -> None:
    ended = [XParseJob("a", "failed"), XParseJob("b", "completed"), XParseJob("c", "completed")]
    waiting = job_wait("job1", "job2", "job3", ended=ended)
    assert waiting.describe() == "3 of 6 xParse jobs: job1; job2; job3."
    decision = waiting.on_state("job1", XParseJob("job1", "failed"), now=START)
    assert decision == Decision(message="xParse jobs: 4 of 6 have ended, 2 failed.")
    assert [*waiting.ended] == ["a", "b", "c", "job1"]


def test_refused_ids_count_as_failed_and_are_logged_once_an_interval() -> None:
    waiting = job_wait("job1", "job2", "job3", "job4", "job5")
    times = (START, START + 9.9, START + 10)
    messages = [
        waiting.on_error(f"job{number}", error(ErrorKind.REQUEST), now=now).message
        for number, now in enumerate(times, 1)
    ]
    assert messages == [
        "xParse jobs: 1 of 5 have ended, 1 failed.",
        None,
        "xParse jobs: 3 of 5 have ended, 3 failed.",
    ]


class AnyWait(Wait):
    """A wait whose states are their own messages."""

    def on_state(self, key: str, state: str | None, *, now: float) -> Decision:
        """Continue to wait."""
        return self._wait_on(key, state, now)


@pytest.mark.parametrize(
    ("keys", "logged"), [("a", [True, True, True, True]), ("ab", [True, False, True, False])]
)
def test_several_keys_log_at_most_one_line_an_interval(keys: str, logged: list[bool]) -> None:
    waiting = AnyWait(keys, POLICY, chance=lambda: 0.5)
    found = [
        waiting.on_state("a", f"line {number}", now=START + second).message == f"line {number}"
        for number, second in enumerate((0, 9.9, 10, 19.9))
    ]
    assert found == logged


def test_the_warning_of_an_error_counts_as_a_line_of_the_interval() -> None:
    waiting = AnyWait("ab", POLICY, chance=lambda: 0.5)
    decision = waiting.on_error("a", error(), now=START)
    warning = "xParse job job1: status: HTTP 502. The wait continues."
    assert decision == Decision(delay=1.0, message=warning, is_warning=True)
    assert waiting.on_state("b", "line", now=START + 9).message is None
    assert waiting.on_state("b", "line", now=START + 10).message == "line"


def test_failed_jobs_of_a_list_have_one_error() -> None:
    failed = failed_jobs([XParseJob("a", "failed"), XParseJob("b", "failed", message="no page")], 2)
    assert str(failed) == (
        "2 of 2 xParse jobs failed: a: no reason given; b: no page. Failed pages are not billed; "
        "correct the document or config and submit it again."
    )


def test_the_only_failed_job_of_a_list_is_counted() -> None:
    failed = failed_jobs([XParseJob("a", "failed", message="no page")], 5)
    assert (failed.kind, failed.about, failed.message) == (
        ErrorKind.JOB_FAILED,
        "1 of 5 xParse jobs failed",
        "a: no page",
    )


def test_the_only_result_that_was_not_stored_has_its_own_error() -> None:
    own = error(ErrorKind.RESULT, detail="d", request_id="r")
    assert unstored_results([own], 1) is own


def test_results_that_were_not_stored_have_one_error_without_details_of_one_request() -> None:
    first = error(ErrorKind.QUOTA, fix="Pay", code=40003, detail="d", request_id="r")
    transient = error(fix="Retry", code=500, detail="e", request_id="s", retry_after=3.0)
    found = unstored_results([first, transient], 2)
    assert found.to_dict() == transient.to_dict() | {
        "about": "2 of 2 xParse results were not stored, the others are",
        "message": "xParse job job1: status: HTTP 502; xParse job job1: status: HTTP 502",
        "detail": None,
        "request_id": None,
    }


def test_one_result_of_two_that_was_not_stored_is_counted() -> None:
    assert unstored_results([error()], 2).about == "1 of 2 xParse results were not stored, the others are"


@pytest.mark.parametrize(("max_chars", "count"), [(4, 0), (5, 1), (6, 1), (9, 1), (10, 2), (11, 2), (99, 3)])
def test_values_are_chosen_up_to_the_very_limit(max_chars: int, count: int) -> None:
    values = ["a", "b", "c"]
    assert len(json.dumps("a") + ", ") == 5
    assert _first_within(max_chars, values) == values[:count]
