"""What follows from a submit that was not accepted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.tasks.folder.fakes import Work, content, document, done, error, found, logged
from textin_provider.api.errors import ApiError, ErrorKind
from textin_provider.api.job_window import JobWindow
from textin_provider.tasks.folder.actions import Submitted
from textin_provider.tasks.folder.board import Rules
from textin_provider.tasks.folder.budget import Budget
from textin_provider.tasks.folder.records import FAILED, JOB

if TYPE_CHECKING:
    from tests.tasks.folder.fakes import Backoffs, Clock

pytestmark = pytest.mark.usefixtures("clock", "backoffs")
JOBS: dict[str, Any] = {"message": "too many jobs in progress", "code": 40306}
RATE: dict[str, Any] = {"message": "too many requests", "code": 429}


def test_a_submit_that_breaks_the_run_is_put_back() -> None:
    work = Work(window=JobWindow(1))
    work.queue("a")
    with pytest.raises(KeyboardInterrupt):
        work.sending.on_end(work.begin(), done(KeyboardInterrupt()))
    assert work.queued == ["a"]
    assert not work.sending.is_full
    assert work.sending.stopped is None


def test_an_uncertain_submit_is_not_sent_again_and_stays_counted(caplog: pytest.LogCaptureFixture) -> None:
    work = Work(budget=Budget(1))
    work.queue("a")
    work.refuse(ErrorKind.UNCERTAIN, message="no response")
    assert work.board.problems == {"/in/a.pdf": ("uncertain", "no response")}
    assert work.queued == []
    assert not work.sending.is_open()
    assert logged(caplog) == [("ERROR", "A document: no response.")]


def test_three_uncertain_submits_in_a_row_stop_the_run() -> None:
    work = Work()
    work.queue(*"abcdef")
    for _ in range(2):
        work.refuse(ErrorKind.UNCERTAIN, message="no response")
    work.accept()
    for _ in range(2):
        work.refuse(ErrorKind.UNCERTAIN, message="no response")
    assert work.sending.stopped is None
    work.refuse(ErrorKind.UNCERTAIN, message="no response", code=502)
    stopped = work.sending.stopped
    assert stopped is not None
    assert stopped.kind is ErrorKind.TRANSPORT
    assert str(stopped) == (
        "A document: no response [code 502]. Check the network and the gateway to TextIn."
    )


@pytest.mark.parametrize("kind", [ErrorKind.AUTHENTICATION, ErrorKind.CONFIGURATION])
@pytest.mark.parametrize("was_sent", [True, False])
def test_an_error_of_all_documents_ends_the_run(kind: ErrorKind, was_sent: bool) -> None:
    work = Work(budget=Budget(1))
    work.queue("a")
    with pytest.raises(ApiError) as raised:
        work.refuse(kind, was_sent=was_sent)
    assert raised.value.kind is kind
    assert work.sending.stopped is raised.value
    assert work.queued == ["a"]
    assert work.budget.allows()


@pytest.mark.parametrize("was_sent", [True, False])
def test_without_a_quota_the_run_sends_no_more(was_sent: bool) -> None:
    work = Work(budget=Budget(1))
    work.queue("a")
    problem = work.refuse(ErrorKind.QUOTA, was_sent=was_sent)
    assert work.sending.stopped is problem
    assert work.queued == ["a"]
    assert work.budget.allows()


@pytest.mark.parametrize("kind", [ErrorKind.RATE_LIMIT, ErrorKind.TRANSPORT, ErrorKind.SERVER])
def test_a_submit_that_did_not_reach_textin_is_sent_later(kind: ErrorKind, clock: Clock) -> None:
    work = Work(window=JobWindow(5), budget=Budget(1))
    work.queue("a")
    work.refuse(kind, was_sent=False, about="Ledger", **JOBS)
    assert work.queued == ["a"]
    assert work.sending.next_at() == 1002.0
    assert work.window.size == 5
    assert work.sending.is_open()
    clock.now += 61.0
    problem = work.refuse(kind, was_sent=False)
    assert work.sending.stopped is problem


@pytest.mark.parametrize("about", ["Output folder /out", "Ledger /out/.textin", "output_path='/out'"])
@pytest.mark.parametrize("kind", [ErrorKind.REQUEST, ErrorKind.STORAGE])
def test_an_error_of_the_output_folder_stops_the_run(about: str, kind: ErrorKind, backoffs: Backoffs) -> None:
    work = Work()
    work.queue("a")
    problem = work.refuse(kind, was_sent=False, about=about)
    assert work.sending.stopped is problem
    assert work.queued == ["a"]
    assert work.board.problems == {}
    assert backoffs.asked == []


@pytest.mark.parametrize(("kind", "status"), [(ErrorKind.STORAGE, "left"), (ErrorKind.REQUEST, "failed")])
def test_another_document_with_the_content_is_sent_if_one_cannot_be_read(
    kind: ErrorKind, status: str, caplog: pytest.LogCaptureFixture
) -> None:
    work = Work(rules=Rules("config-1", "run-1"))
    work.queue("a")
    for name in ("b", "c"):
        work.board.identified(found(f"{name}.pdf"), "a")
    group = work.sending.next_group()
    assert group is not None
    # No record of the attempt stands in the ledger: nothing was sent.
    work.board.next_attempt(group)
    submitted = Submitted(error=error(kind, "it cannot be read", about="/in/a.pdf"))
    work.sending.on_end(group, done(submitted))
    assert work.board.problems == {"/in/a.pdf": (status, "it cannot be read")}
    (group,) = work.board.to_send
    assert [document.name for document in group.documents] == ["b.pdf", "c.pdf"]
    assert work.sending.stopped is None
    assert logged(caplog) == [("WARNING", "/in/a.pdf: it cannot be read.")]


def test_an_error_of_textin_is_sent_again_without_a_change_of_the_window() -> None:
    work = Work(window=JobWindow(5), budget=Budget(2))
    work.queue("a", "b")
    work.accept()
    work.refuse(ErrorKind.SERVER)
    assert work.queued == ["b"]
    assert work.window.size == 5
    assert work.sending.next_at() == 1002.0
    assert work.sending.is_open()


def test_a_limit_of_jobs_shrinks_the_window_and_needs_no_pause(backoffs: Backoffs) -> None:
    work = Work(window=JobWindow(5))
    work.queue("a", "b", "c")
    work.accept()
    work.accept()
    work.refuse(ErrorKind.RATE_LIMIT, **JOBS)
    assert work.window.size == 2
    assert work.queued == ["c"]
    assert backoffs.asked == []
    assert work.sending.stopped is None


def test_a_limit_of_jobs_that_stays_stops_the_run(clock: Clock) -> None:
    work = Work(window=JobWindow(5))
    work.queue("a", "b")
    work.accept()
    clock.now += 61.0
    problem = work.refuse(ErrorKind.RATE_LIMIT, **JOBS)
    assert work.sending.stopped is problem


def test_a_limit_of_jobs_without_own_jobs_needs_a_pause() -> None:
    work = Work(window=JobWindow(5))
    work.queue("a")
    work.refuse(ErrorKind.RATE_LIMIT, **JOBS)
    assert work.window.size == 1
    assert work.sending.next_at() == 1002.0


def test_a_second_refusal_for_the_rate_may_mean_jobs(clock: Clock) -> None:
    work = Work(window=JobWindow(5))
    work.queue("a", "b")
    work.accept()
    work.refuse(ErrorKind.RATE_LIMIT, **RATE)
    assert work.window.size == 5
    assert work.sending.next_at() == 1002.0
    clock.now = 1002.0
    work.refuse(ErrorKind.RATE_LIMIT, **RATE)
    assert work.window.size == 1
    assert work.sending.next_at() == 1006.0


def test_refusals_for_the_rate_mean_no_jobs_without_any_or_with_an_accepted_submit_between(
    clock: Clock,
) -> None:
    work = Work(window=JobWindow(5))
    work.queue("a", "b")
    for _ in range(3):
        work.refuse(ErrorKind.RATE_LIMIT, **RATE)
        clock.now = work.sending.next_at()
    work.accept()
    work.refuse(ErrorKind.RATE_LIMIT, **RATE)
    assert work.window.size == 5


def test_the_first_refusal_for_the_rate_means_no_jobs_beside_those_of_another_process() -> None:
    work = Work(document("x.pdf", "x"), content(JOB, "x"), window=JobWindow(5))
    work.board.add([found("x.pdf")])
    work.queue("a")
    work.refuse(ErrorKind.RATE_LIMIT, **RATE)
    assert list(work.board.in_flight) == ["x"]
    assert work.window.size == 5


@pytest.mark.parametrize("code", [404, 40007, 40008])
def test_a_missing_service_stops_the_run(code: int, caplog: pytest.LogCaptureFixture) -> None:
    work = Work()
    work.queue("a")
    work.ledger.noted.clear()
    problem = work.refuse(ErrorKind.REQUEST, message="not there", code=code)
    assert work.sending.stopped is problem
    assert work.queued == ["a"]
    assert work.board.problems == {}
    assert [line.partition(":")[0] for _, line in logged(caplog)] == ["The run sends no more documents"]


def test_a_document_that_textin_rejects_has_failed(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    rules = Rules("config-1", "run-1", retry_failed=True)
    work = Work(content(FAILED, "a", message="before"), rules=rules, budget=Budget(1))
    work.queue("a")
    clock.now += 100.0
    work.refuse(ErrorKind.REQUEST, message="file corrupted", code=40422)
    assert work.board.problems == {"/in/a.pdf": ("failed", "file corrupted")}
    intent, failed = work.ledger.noted
    assert intent.was == FAILED
    assert failed == intent._replace(kind=FAILED, message="file corrupted", was=None)
    assert work.queued == []
    assert work.budget.allows()
    assert logged(caplog) == [("ERROR", "A document: file corrupted [code 40422].")]


def test_a_rejected_document_is_progress(clock: Clock) -> None:
    work = Work()
    work.queue("a", "b")
    clock.now += 100.0
    work.refuse(ErrorKind.REQUEST, code=40422)
    clock.now += 50.0
    work.refuse(ErrorKind.SERVER)
    assert work.sending.stopped is None


@pytest.mark.parametrize("code", [400, 40004])
def test_five_rejected_parameters_in_a_row_stop_the_run(code: int) -> None:
    work = Work()
    work.queue(*"abcdefghijklmno")
    for _ in range(4):
        work.refuse(ErrorKind.REQUEST, message="parameter error", code=code)
    work.refuse(ErrorKind.REQUEST, message="file corrupted", code=40422)
    for _ in range(4):
        work.refuse(ErrorKind.REQUEST, message="parameter error", code=code)
    work.accept()
    for _ in range(4):
        work.refuse(ErrorKind.REQUEST, message="parameter error", code=code)
    assert work.sending.stopped is None
    work.refuse(ErrorKind.REQUEST, message="parameter error", code=code)
    assert str(work.sending.stopped) == (
        f"A document: parameter error [code {code}]. "
        "Correct config, then set retry_failed=True to send them again."
    )
    assert len(work.board.problems) == 14
