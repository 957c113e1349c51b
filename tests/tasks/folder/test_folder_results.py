"""Polls of a run: which job is polled next and when, and what follows from its state."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from tests.tasks.folder.fakes import Work, content, done, error, logged
from textin_provider.api.errors import ApiError, ErrorKind
from textin_provider.api.job_window import JobWindow
from textin_provider.api.poll_timing import PollTiming
from textin_provider.api.xparse import XParseJob
from textin_provider.tasks.folder.records import FAILED, JOB
from textin_provider.tasks.folder.results import Results

if TYPE_CHECKING:
    from tests.tasks.folder.fakes import Backoffs, Clock
    from textin_provider.tasks.folder.board import Group

pytestmark = pytest.mark.usefixtures("clock", "backoffs")
NOT_IN_TIME = ("submitted", "its job had not ended in time; the next run waits for it")


def in_flight(
    *names: str, config: Any = None, deadline: float = 5000.0, **options: Any
) -> tuple[Work, Results]:
    """Return a run with a job in flight for each name, submitted now, and its results."""
    work = Work(**options)
    work.queue(*names)
    for _ in names:
        work.accept()
    actions: Any = SimpleNamespace(ledger=work.ledger, config=config, run="run-1")
    return work, Results(actions, work.board, work.sending, PollTiming(20.0), deadline)


def polled(results: Results, group: Group, status: str, **values: Any) -> None:
    """Let the poll of a job end with a status."""
    job_id = f"job-{group.fingerprint}"
    results.on_polled(group, done(XParseJob(job_id, status, **values)))


def test_a_new_run_has_no_problems_with_results() -> None:
    _, results = in_flight()
    assert results.unstored == []
    assert results.unfinished == 0


def test_the_job_of_a_content_stands_in_the_ledger() -> None:
    work, results = in_flight("a")
    group = work.board.in_flight["a"]
    assert results.job_of(group) == "job-a"
    work.ledger.state.contents["a"] = content(JOB, "a", job_id=None)
    assert results.job_of(group) == ""


def test_without_jobs_nothing_is_due() -> None:
    _, results = in_flight()
    assert results.next_to_poll(1e9) is None
    assert results.next_poll_at() == math.inf
    assert results.next_end(0.0) == math.inf
    assert not results.hurry(1e9)


def test_the_oldest_job_is_polled_early_and_the_others_later() -> None:
    work, results = in_flight("a", "b", "c")
    assert results.next_poll_at() == 1001.0
    assert results.next_to_poll(1000.5) is None
    assert results.next_to_poll(1001.0) is work.board.in_flight["a"]
    assert results.next_poll_at() == 1020.0
    assert results.next_to_poll(1019.5) is None
    assert results.next_to_poll(1020.0) is work.board.in_flight["b"]
    assert results.next_to_poll(1020.0) is work.board.in_flight["c"]
    assert results.next_to_poll(1020.0) is None
    assert results.next_poll_at() == math.inf


@pytest.mark.parametrize(
    ("values", "due"),
    [
        ({}, 1001.0),
        ({"submitted": 900.0}, 901.0),
        ({"submitted": 0.0}, 0.0),
        ({"polls": 1, "due": 0.0}, 0.0),
        ({"due": 7.0}, 7.0),
        ({"polls": 1, "due": 8.0}, 8.0),
    ],
)
def test_the_first_poll_of_an_own_job_is_due_when_jobs_usually_end(
    values: dict[str, Any], due: float
) -> None:
    work, results = in_flight("a")
    for name, value in values.items():
        setattr(work.board.in_flight["a"], name, value)
    assert results.next_poll_at() == due


def test_the_job_that_has_been_due_for_the_longest_time_is_polled_first() -> None:
    work, results = in_flight("a", "b", "c")
    for name, due in (("a", 1005.0), ("b", 1003.0), ("c", 1004.0)):
        work.board.in_flight[name].due = due
    order = []
    while group := results.next_to_poll(1005.0):
        order.append(group.fingerprint)
    assert order == ["b", "c", "a"]


def test_jobs_that_are_due_at_the_same_time_are_polled_in_their_order() -> None:
    work, results = in_flight("b", "a")
    for group in work.board.in_flight.values():
        group.due = 1005.0
    first = results.next_to_poll(1005.0)
    assert first is not None
    assert first.fingerprint == "b"


def test_the_next_end_is_the_first_expected_one_that_is_not_past() -> None:
    work, results = in_flight("a", "b")
    assert results.next_end(1000.0) == math.inf
    results._timing.on_end(100.0, 110.0, 110.0)
    work.board.in_flight["b"].submitted = 1004.0
    assert results.next_end(1000.0) == 1010.0
    assert results.next_end(1010.0) == 1014.0
    assert results.next_end(1014.0) == math.inf


def test_jobs_that_were_not_polled_since_a_time_hurry() -> None:
    work, results = in_flight("a", "b")
    work.board.in_flight["a"].polled = 1002.0
    work.board.in_flight["b"].polled = 1003.0
    assert not results.hurry(1002.0)
    assert results.hurry(1003.0)
    assert [group.due for group in work.board.in_flight.values()] == [1003.0, 0.0]


def test_a_job_that_has_not_ended_is_polled_again_after_half_of_its_age(clock: Clock) -> None:
    work, results = in_flight("a", "b")
    group = results.next_to_poll(1001.0)
    assert group is not None
    clock.now = 1008.0
    group.errors = 3
    polled(results, group, "in_progress")
    assert (group.polls, group.polled, group.due, group.errors) == (1, 1008.0, 1012.0, 0)
    assert list(work.board.in_flight) == ["a", "b"]
    assert results.next_poll_at() == 1012.0
    polled(results, group, "in_progress")
    assert group.polls == 2


def test_a_job_that_others_wait_for_is_polled_again_earlier(clock: Clock) -> None:
    work, results = in_flight("a", window=JobWindow(1))
    clock.now = 1020.0
    polled(results, work.board.in_flight["a"], "pending")
    assert work.board.in_flight["a"].due == 1022.0


def test_the_age_of_the_job_of_another_process_is_not_known(clock: Clock) -> None:
    work, results = in_flight("a")
    group = work.board.in_flight["a"]
    group.submitted = 0.0
    clock.now = 1008.0
    polled(results, group, "pending")
    assert group.due == 1008.2


def test_an_unknown_status_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    work, results = in_flight("a")
    for status in ("odd", "pending", "odd", "strange"):
        polled(results, work.board.in_flight["a"], status)
    assert logged(caplog) == [
        ("WARNING", "xParse job job-a has the unknown status 'odd'; handled as not finished."),
        ("WARNING", "xParse job job-a has the unknown status 'strange'; handled as not finished."),
    ]


@pytest.mark.parametrize("problem", [None, ErrorKind.SERVER])
def test_a_job_is_left_to_the_next_run_at_the_deadline(problem: ErrorKind | None, clock: Clock) -> None:
    work, results = in_flight("a", "b", deadline=1010.0)
    ends = done(error(problem)) if problem else done(XParseJob("job", "pending"))
    clock.now = 1009.5
    results.on_polled(work.board.in_flight["a"], ends)
    assert results.unfinished == 0
    assert work.board.problems == {}
    clock.now = 1010.0
    for group in list(work.board.in_flight.values()):
        results.on_polled(group, ends)
    assert results.unfinished == 2
    assert work.board.problems == {"/in/a.pdf": NOT_IN_TIME, "/in/b.pdf": NOT_IN_TIME}
    assert work.board.in_flight == {}


@pytest.mark.parametrize("status", ["completed", "partial_completed"])
def test_the_result_of_a_job_that_has_ended_is_stored(status: str, clock: Clock) -> None:
    work, results = in_flight("a", deadline=900.0)
    group = work.board.in_flight["a"]
    clock.now = 1100.0
    polled(results, group, status)
    assert list(work.board.to_store) == [group]
    assert group.job == XParseJob("job-a", status)
    assert work.board.in_flight == {}
    assert work.board.problems == {}
    assert results._timing.expected == 95.0


def test_the_time_that_a_job_has_taken_is_learned_from_its_last_two_polls(clock: Clock) -> None:
    work, results = in_flight("a")
    group = work.board.in_flight["a"]
    clock.now = 1004.0
    polled(results, group, "pending")
    clock.now = 1008.0
    polled(results, group, "completed")
    assert results._timing.expected == 6.0


def test_nothing_is_learned_from_the_job_of_another_process() -> None:
    work, results = in_flight("a")
    work.board.in_flight["a"].submitted = 0.0
    polled(results, work.board.in_flight["a"], "completed")
    assert results._timing.expected is None


@pytest.mark.parametrize(("status", "stops"), [("completed", False), ("failed", False), ("pending", True)])
def test_the_end_of_a_job_is_progress(status: str, stops: bool, clock: Clock) -> None:
    work, results = in_flight("a")
    work.queue("b")
    clock.now += 50.0
    polled(results, work.board.in_flight["a"], status)
    clock.now += 50.0
    work.refuse(ErrorKind.SERVER)
    assert (work.sending.stopped is not None) is stops


@pytest.mark.parametrize(
    ("status", "reason", "message"),
    [
        ("failed", "file corrupted", "file corrupted"),
        ("stopped", None, "TextIn gave no reason, its status is stopped"),
        ("failed", "", "TextIn gave no reason, its status is failed"),
    ],
)
def test_a_failed_job_is_recorded_with_its_reason(
    status: str, reason: str | None, message: str, caplog: pytest.LogCaptureFixture
) -> None:
    work, results = in_flight("a")
    before = work.ledger.state.contents["a"]
    work.ledger.noted.clear()
    polled(results, work.board.in_flight["a"], status, message=reason)
    assert work.ledger.noted == [before._replace(kind=FAILED, message=message)]
    assert work.board.problems == {"/in/a.pdf": ("failed", message)}
    assert work.board.in_flight == {}
    assert not work.board.to_store
    assert logged(caplog) == [("ERROR", f"/in/a.pdf failed: {message}")]


def test_a_reason_that_repeats_a_password_is_redacted() -> None:
    work, results = in_flight("a", config={"document": {"password": "open sesame"}})
    polled(results, work.board.in_flight["a"], "failed", message="'open sesame' is wrong")
    assert work.board.problems["/in/a.pdf"] == ("failed", "'***' is wrong")
    assert work.ledger.state.contents["a"].message == "'***' is wrong"


@pytest.mark.parametrize("code", [404, 40004])
def test_a_job_that_textin_does_not_know_any_more_has_failed(code: int) -> None:
    work, results = in_flight("a")
    problem = error(ErrorKind.REQUEST, "no such job", code=code)
    results.on_polled(work.board.in_flight["a"], done(problem))
    assert work.board.problems == {"/in/a.pdf": ("failed", "TextIn no longer knows its job: no such job")}


@pytest.mark.parametrize(
    ("kind", "code"), [(ErrorKind.REQUEST, 40003), (ErrorKind.AUTHENTICATION, 404), (ErrorKind.QUOTA, None)]
)
def test_another_refusal_of_a_poll_ends_the_run(kind: ErrorKind, code: int | None) -> None:
    work, results = in_flight("a")
    with pytest.raises(ApiError) as raised:
        results.on_polled(work.board.in_flight["a"], done(error(kind, code=code)))
    assert raised.value.kind is kind


def test_a_poll_that_failed_is_repeated_after_a_growing_pause(clock: Clock, backoffs: Backoffs) -> None:
    work, results = in_flight("a")
    group = results.next_to_poll(1001.0)
    assert group is not None
    clock.now = 1010.0
    dues = []
    for retry_after in (None, 3.0, 30.0):
        results.on_polled(group, done(error(ErrorKind.TRANSPORT, retry_after=retry_after)))
        dues.append(group.due)
    assert dues == [1012.0, 1014.0, 1040.0]
    assert backoffs.asked == [(1, 120.0), (2, 120.0), (3, 120.0)]
    assert (group.errors, group.polls, group.polled) == (3, 3, 1010.0)
    assert results.next_poll_at() == 1040.0
    assert work.board.problems == {}
    assert group.submitted == 1000.0
