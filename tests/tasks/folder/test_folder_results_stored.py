"""Results of a run: which is stored next, and what follows from one that was stored, copied or neither."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from tests.tasks.folder.fakes import Work, content, done, error, found, logged, stored
from textin_provider.api.errors import ApiError, ErrorKind
from textin_provider.api.poll_timing import PollTiming
from textin_provider.api.xparse import XParseJob
from textin_provider.tasks.folder.budget import Budget
from textin_provider.tasks.folder.records import FAILED, STORED
from textin_provider.tasks.folder.results import Results

if TYPE_CHECKING:
    from tests.tasks.folder.fakes import Backoffs, Clock
    from textin_provider.tasks.folder.board import Group

pytestmark = pytest.mark.usefixtures("clock", "backoffs")


def ended(*names: str, config: Any = None, **options: Any) -> tuple[Work, Results]:
    """Return a run with a job that has ended for each name, and its results."""
    work = Work(**options)
    work.queue(*names)
    for _ in names:
        work.accept()
    actions: Any = SimpleNamespace(ledger=work.ledger, config=config, run="run-1")
    results = Results(actions, work.board, work.sending, PollTiming(20.0), 5000.0)
    for group in list(work.board.in_flight.values()):
        results.on_polled(group, done(XParseJob(f"job-{group.fingerprint}", "completed")))
    work.ledger.noted.clear()
    return work, results


def next_group(results: Results) -> Group:
    group = results.next_to_store()
    assert group is not None
    return group


def fail(results: Results, kind: ErrorKind, message: str = "it broke", **values: Any) -> Group:
    """Let the next result fail to be stored."""
    group = next_group(results)
    results.on_stored(group, done(error(kind, message, about="xParse job", **values)))
    return group


def test_results_are_stored_in_the_order_in_which_their_jobs_have_ended() -> None:
    _, results = ended("a", "b")
    assert results.next_store_at() == 0.0
    assert next_group(results).fingerprint == "a"
    assert next_group(results).fingerprint == "b"
    assert results.next_to_store() is None
    assert results.next_store_at() == math.inf


def test_a_result_that_failed_is_stored_again_after_a_growing_pause(clock: Clock, backoffs: Backoffs) -> None:
    work, results = ended("a")
    group = fail(results, ErrorKind.STORAGE)
    assert (group.stores, group.job, group.due) == (1, None, 1002.0)
    assert results.next_store_at() == 1002.0
    assert results.next_to_store() is None
    clock.now = 1002.0
    fail(results, ErrorKind.STORAGE)
    assert (group.stores, group.due) == (2, 1006.0)
    assert backoffs.asked == [(1, 120.0), (2, 120.0)]
    assert list(work.board.to_store) == [group]
    assert work.board.problems == {}


def test_a_result_that_was_not_tried_yet_is_stored_before_one_that_waits() -> None:
    work, results = ended("a", "b")
    fail(results, ErrorKind.STORAGE)
    work.board.to_store.rotate()
    group = next_group(results)
    assert group.fingerprint == "b"
    assert [waiting.fingerprint for waiting in work.board.to_store] == ["a"]


def test_the_first_store_of_a_result_does_not_wait_for_the_next_poll() -> None:
    work, results = ended("a")
    work.board.to_store[0].due = 2000.0
    assert next_group(results).fingerprint == "a"


def test_the_next_result_is_due_at_the_lowest_time() -> None:
    work, results = ended("a", "b", "c")
    for group, due in zip(work.board.to_store, (5.0, 3.0, 4.0), strict=True):
        group.due = due
    assert results.next_store_at() == 3.0


def test_a_result_that_cannot_be_stored_three_times_is_left_to_the_next_run(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    work, results = ended("a")
    for _ in range(3):
        fail(results, ErrorKind.STORAGE, "disk full")
        clock.now += 10.0
    assert work.board.problems == {"/in/a.pdf": ("submitted", "its result was not stored: disk full")}
    assert [str(problem) for problem in results.unstored] == ["xParse job: disk full."]
    assert not work.board.to_store
    assert work.sending.stopped is None
    assert logged(caplog) == [("ERROR", "/in/a.pdf: its result was not stored: xParse job: disk full.")]


def test_a_lasting_error_of_the_output_stops_sending() -> None:
    work, results = ended("a")
    group = fail(results, ErrorKind.REQUEST, "no permission", code=40003)
    assert group.job is None
    assert work.board.problems == {"/in/a.pdf": ("submitted", "its result was not stored: no permission")}
    assert results.unstored == [work.sending.stopped]
    assert not work.board.to_store


@pytest.mark.parametrize(
    ("kind", "code"), [(ErrorKind.JOB_FAILED, None), (ErrorKind.REQUEST, 404), (ErrorKind.REQUEST, 40004)]
)
def test_a_result_that_is_not_at_textin_any_more_has_failed(kind: ErrorKind, code: int | None) -> None:
    work, results = ended("a", config={"password": "open sesame"})
    before = work.ledger.state.contents["a"]
    fail(results, kind, "no open sesame", code=code)
    assert work.board.problems == {"/in/a.pdf": ("failed", "no ***")}
    assert work.ledger.noted == [before._replace(kind=FAILED, message="no ***")]
    assert results.unstored == []
    assert work.sending.stopped is None


@pytest.mark.parametrize("kind", [ErrorKind.AUTHENTICATION, ErrorKind.CONFIGURATION])
@pytest.mark.parametrize("code", [404, None])
def test_an_error_of_all_documents_ends_the_run(kind: ErrorKind, code: int | None) -> None:
    _, results = ended("a")
    with pytest.raises(ApiError) as raised:
        fail(results, kind, code=code)
    assert raised.value.kind is kind
    assert results.unstored == []


def test_a_stored_result_is_noted_and_copied_for_the_other_documents() -> None:
    work, results = ended("a")
    group = next_group(results)
    group.documents.append(found("b.pdf"))
    records = content(STORED, "a"), stored("a.pdf", "a")
    results.on_stored(group, done(records))
    assert work.ledger.noted == list(records)
    assert list(work.board.to_copy) == [(found("b.pdf"), records[1])]
    assert work.board.remaining == 1


@pytest.mark.parametrize(
    ("run", "pages", "is_open"), [("run-1", 9, False), ("run-1", 8, True), ("run-0", 9, True)]
)
def test_the_pages_of_a_stored_result_are_counted_if_this_run_has_sent_it(
    run: str, pages: int, is_open: bool
) -> None:
    work, results = ended("a", budget=Budget(max_pages=9))
    group = next_group(results)
    results.on_stored(group, done((content(STORED, "a", run=run, pages=pages), stored("a.pdf", "a"))))
    assert work.sending.is_open() is is_open


def test_a_stored_result_is_progress(clock: Clock) -> None:
    work, results = ended("a")
    work.queue("b")
    clock.now += 50.0
    results.on_stored(next_group(results), done((content(STORED, "a"), stored("a.pdf", "a"))))
    clock.now += 50.0
    work.refuse(ErrorKind.SERVER)
    assert work.sending.stopped is None


def test_a_copy_is_noted_and_is_progress(clock: Clock) -> None:
    work, results = ended()
    work.queue("b")
    clock.now += 50.0
    work.ledger.noted.clear()
    record = stored("c.pdf", "f")
    results.on_copied(found("c.pdf"), stored("a.pdf", "f"), done(record))
    assert work.ledger.noted == [record]
    clock.now += 50.0
    work.refuse(ErrorKind.SERVER)
    assert work.sending.stopped is None
    assert not work.board.to_store


def test_a_result_that_could_not_be_copied_is_fetched(caplog: pytest.LogCaptureFixture) -> None:
    work, results = ended()
    results.on_copied(found("c.pdf"), stored("a.pdf", "f"), done(error(ErrorKind.STORAGE, "it is gone")))
    (group,) = work.board.to_store
    assert (group.fingerprint, group.documents) == ("f", [found("c.pdf")])
    assert work.ledger.noted == []
    assert logged(caplog) == [
        (
            "WARNING",
            "/in/c.pdf: its result could not be copied, and is fetched: A document: it is gone.",
        )
    ]
