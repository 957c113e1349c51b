"""What may be sent now: the queue, the window, the budget, and the pauses after errors."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest

from tests.tasks.folder.fakes import Work, done, error, found, logged
from textin_provider.api.errors import ErrorKind
from textin_provider.api.job_window import JobWindow
from textin_provider.tasks.folder.actions import Submitted
from textin_provider.tasks.folder.budget import Budget
from textin_provider.tasks.folder.records import DOCUMENT, Document

if TYPE_CHECKING:
    from tests.tasks.folder.fakes import Backoffs, Clock

pytestmark = pytest.mark.usefixtures("clock", "backoffs")


def test_without_a_content_nothing_is_sent() -> None:
    assert Work().sending.next_group() is None


def test_contents_are_sent_in_their_order() -> None:
    work = Work()
    work.queue("a", "b")
    assert work.begin().fingerprint == "a"
    assert work.queued == ["b"]
    assert work.begin().fingerprint == "b"
    assert work.sending.next_group() is None


def test_submits_in_progress_and_jobs_in_flight_fill_the_window() -> None:
    work = Work(window=JobWindow(2))
    work.queue("a", "b", "c")
    assert not work.sending.is_full
    work.accept()
    assert not work.sending.is_full
    group = work.begin()
    assert work.sending.is_full
    assert work.sending.next_group() is None
    assert work.queued == ["c"]
    work.sending.on_end(group, done(Submitted(error=error(ErrorKind.REQUEST, code=40422), was_sent=True)))
    assert not work.sending.is_full


def test_a_content_that_does_not_fit_into_the_window_costs_no_budget() -> None:
    work = Work(window=JobWindow(1), budget=Budget(2))
    work.queue("a", "b")
    work.accept()
    assert work.sending.next_group() is None
    assert work.sending.is_open()


def test_each_submit_is_counted_by_the_budget() -> None:
    work = Work(budget=Budget(2))
    work.queue("a", "b", "c")
    work.begin()
    assert work.sending.is_open()
    work.begin()
    assert not work.sending.is_open()
    assert work.sending.next_group() is None


def test_a_run_that_was_stopped_before_sends_nothing() -> None:
    stopped = error()
    work = Work(stopped=stopped)
    work.queue("a")
    assert work.sending.stopped is stopped
    assert not work.sending.is_open()
    assert work.sending.next_group() is None
    assert work.queued == ["a"]


def test_the_first_reason_to_stop_stays_and_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    work = Work()
    assert work.sending.stopped is None
    assert work.sending.is_open()
    first = error(message="first")
    work.sending.stop(first)
    work.sending.stop(error(message="second"))
    assert work.sending.stopped is first
    assert not work.sending.is_open()
    assert logged(caplog) == [("WARNING", "The run sends no more documents: A document: first.")]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"stopped": error(message="the balance is too low")}, "not sent: the balance is too low"),
        ({"budget": Budget(0)}, "not sent: max_documents=0 is reached"),
        ({"budget": Budget(0), "stopped": error(message="stopped")}, "not sent: stopped"),
        ({"budget": Budget(None, 5, pages=5)}, "not sent: max_pages=5 is reached"),
    ],
)
def test_what_may_not_be_sent_is_left_to_the_next_run(options: dict[str, Any], message: str) -> None:
    work = Work(**options)
    work.queue("a")
    work.sending.close_if_ended()
    assert work.board.problems == {"/in/a.pdf": ("left", message)}
    assert work.queued == []


def test_while_documents_may_be_sent_none_is_left() -> None:
    work = Work(budget=Budget(1))
    work.queue("a")
    work.sending.close_if_ended()
    assert work.queued == ["a"]
    assert work.board.problems == {}


def test_without_a_pause_no_submit_waits_for_a_time(clock: Clock) -> None:
    clock.now = 900.5  # a machine that has just started
    work = Work()
    work.queue("a")
    assert work.sending.next_at() == math.inf
    assert work.sending.next_group() is not None


def test_a_pause_delays_the_next_submit(clock: Clock) -> None:
    work = Work()
    work.queue("a")
    work.refuse(ErrorKind.SERVER)
    assert work.sending.next_at() == 1002.0
    assert work.sending.next_group() is None
    clock.now = 1001.5
    assert work.sending.next_at() == 1002.0
    assert work.sending.next_group() is None
    clock.now = 1002.0
    assert work.sending.next_at() == math.inf
    assert work.sending.next_group() is not None


def test_a_pause_matters_only_for_contents_to_send() -> None:
    work = Work()
    work.queue("a")
    work.refuse(ErrorKind.SERVER)
    work.board.to_send.clear()
    assert work.sending.next_at() == math.inf


def test_pauses_double_until_there_is_progress(clock: Clock, backoffs: Backoffs) -> None:
    work = Work()
    work.queue("a")
    for ends_with_progress in (False, False, True, False, False):
        work.refuse(ErrorKind.SERVER)
        clock.now = work.sending.next_at()
        if ends_with_progress:
            work.sending.progress()
    assert backoffs.asked == [(1, 30.0), (2, 30.0), (3, 30.0), (1, 30.0), (2, 30.0)]


@pytest.mark.parametrize(("retry_after", "due"), [(None, 1002.0), (1.0, 1002.0), (10.0, 1010.0)])
def test_a_pause_lasts_as_long_as_textin_asks_for(retry_after: float | None, due: float) -> None:
    work = Work()
    work.queue("a")
    work.refuse(ErrorKind.SERVER, retry_after=retry_after)
    assert work.sending.next_at() == due


@pytest.mark.parametrize(
    ("kind", "timeout", "longest"),
    [
        (ErrorKind.RATE_LIMIT, 600.0, 600.0),
        (ErrorKind.SERVER, 600.0, 120.0),
        (ErrorKind.TRANSPORT, 600.0, 120.0),
        (ErrorKind.SERVER, 60.0, 60.0),
    ],
)
def test_a_run_without_progress_stops(kind: ErrorKind, timeout: float, longest: float, clock: Clock) -> None:
    work = Work(timeout=timeout)
    work.queue("a")
    clock.now += longest
    work.refuse(kind)
    assert work.sending.stopped is None
    clock.now += 40.0
    problem = work.refuse(kind)
    assert work.sending.stopped is problem
    assert work.queued == ["a"]


def test_progress_lets_a_run_go_on(clock: Clock) -> None:
    work = Work()
    work.queue("a")
    clock.now += 60.0
    work.sending.progress()
    clock.now += 60.0
    work.refuse(ErrorKind.SERVER)
    assert work.sending.stopped is None


def test_a_document_that_was_identified_is_noted_and_queued() -> None:
    work = Work()
    work.sending.on_identified(found("a.pdf"), done("f"))
    assert work.ledger.noted == [
        Document(DOCUMENT, "/in/a.pdf", 10, "mark-1", "config-1", "f", "a.pdf.json", "run-1")
    ]
    assert work.queued == ["f"]


@pytest.mark.parametrize(("kind", "status"), [(ErrorKind.STORAGE, "left"), (ErrorKind.REQUEST, "failed")])
def test_a_document_that_cannot_be_read_is_not_sent(
    kind: ErrorKind, status: str, caplog: pytest.LogCaptureFixture
) -> None:
    work = Work()
    work.sending.on_identified(found("a.pdf"), done(error(kind, "it cannot be read")))
    assert work.board.problems == {"/in/a.pdf": (status, "it cannot be read")}
    assert work.ledger.noted == []
    assert work.queued == []
    assert logged(caplog) == [("WARNING", "A document: it cannot be read.")]


def test_an_accepted_submit_is_in_flight(clock: Clock) -> None:
    work = Work(window=JobWindow())
    work.queue("a", "b")
    clock.now = 1234.0
    group = work.accept()
    assert work.board.in_flight == {"a": group}
    assert group.submitted == 1234.0
    assert work.window.size == 2
    assert work.board.problems == {}


def test_an_accepted_submit_is_progress(clock: Clock, backoffs: Backoffs) -> None:
    work = Work()
    work.queue("a", "b")
    work.refuse(ErrorKind.SERVER)
    clock.now += 50.0
    work.accept()
    clock.now += 50.0
    work.refuse(ErrorKind.SERVER)
    assert work.sending.stopped is None
    assert [errors for errors, _ in backoffs.asked] == [1, 1]


def test_an_accepted_submit_stays_counted() -> None:
    work = Work(budget=Budget(1))
    work.queue("a")
    work.accept()
    assert not work.sending.is_open()


def test_a_submit_that_ends_after_the_loop_is_not_in_progress_any_more() -> None:
    work = Work(window=JobWindow(2))
    work.queue("a", "b", "c")
    work.begin()
    work.begin()
    work.sending.on_late_end(done(None))
    assert not work.sending.is_full
    work.begin()
    assert work.sending.is_full
