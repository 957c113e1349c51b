"""The work of a leg: what it finds, what its loop is given, and what a deferral keeps."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from tests.tasks.folder.fake_run import OPTIONS, Script
from tests.tasks.folder.fakes import content, document, error, found, logged, stored
from textin_provider.api.errors import ErrorKind
from textin_provider.hooks.tree import FoundFile
from textin_provider.tasks.folder.engine import Limits, Pause
from textin_provider.tasks.folder.options import FolderOptions, Leg
from textin_provider.tasks.folder.records import FAILED, INTENT, JOB, STORED

if TYPE_CHECKING:
    from tests.tasks.folder.fakes import Clock

pytestmark = pytest.mark.usefixtures("clock", "backoffs")
Patch = pytest.MonkeyPatch


def options(**changes: Any) -> FolderOptions:
    return replace(OPTIONS, **changes)


def test_a_leg_begins_with_what_its_source_holds(monkeypatch: Patch) -> None:
    script = Script(
        monkeypatch,
        stored("done.pdf", "d"),
        stored("lost.pdf", "l"),
        content(STORED, "l"),
        document("gone.pdf", "g"),
        content(JOB, "g"),
        document("former.pdf", "f", output=""),
        listed=[found("done.pdf"), found("lost.pdf"), found("new.pdf")],
        ignored=4,
        files=[FoundFile("done.pdf.json", 5, "")],
    )
    board = script.work._board
    assert script.listing_asked[:2] == ("/in", "source_conn")
    assert script.listing_asked[2]("/out/done.pdf.json")
    assert not script.listing_asked[2]("/out/")
    assert script.work.listing.conn_id == "listed_conn"
    assert [one.name for one in script.work.listing.documents] == [
        "done.pdf",
        "lost.pdf",
        "new.pdf",
        "gone.pdf.json",
    ]
    assert list(board.to_identify) == [found("new.pdf")]
    assert [group.documents for group in board.to_store] == [[found("lost.pdf")]]
    assert list(board.in_flight) == ["g"]
    assert script.progress.told == [("found", 4, 4, 3)]


def test_names_of_former_results_are_taken(monkeypatch: Patch) -> None:
    script = Script(monkeypatch, stored("a.pdf", "a"), listed=[found("a.pdf")])
    (record,) = script.work._board.identified(found("a.pdf", source="/other/a.pdf"), "b")
    assert record.output.startswith("a-")


def test_new_records_are_of_the_run_and_its_configuration(monkeypatch: Patch) -> None:
    script = Script(monkeypatch)
    (record,) = script.work._board.identified(found("a.pdf"), "a")
    assert (record.config, record.run) == ("config-1", "run-1")


@pytest.mark.parametrize(
    ("changes", "to_send"),
    [({}, []), ({"retry_failed": True}, ["f"]), ({"resubmit_uncertain": True}, ["i"])],
)
def test_what_is_sent_again_is_an_option(
    changes: dict[str, bool], to_send: list[str], monkeypatch: Patch
) -> None:
    script = Script(
        monkeypatch,
        document("f.pdf", "f"),
        content(FAILED, "f"),
        document("i.pdf", "i"),
        content(INTENT, "i"),
        listed=[found("f.pdf"), found("i.pdf")],
        options=options(**changes),
    )
    assert [group.fingerprint for group in script.work._board.to_send] == to_send


@pytest.mark.parametrize(
    ("listed", "lines"),
    [([], [("WARNING", "source=/in holds no documents.")]), ([found("a.pdf")], [])],
)
def test_a_source_without_documents_is_worth_a_warning(
    listed: list[Any], lines: list[tuple[str, str]], monkeypatch: Patch, caplog: pytest.LogCaptureFixture
) -> None:
    Script(monkeypatch, listed=listed)
    assert logged(caplog) == lines


@pytest.mark.parametrize(("leg", "deadline"), [(None, 1600.0), (Leg(1234.0), 1234.0)])
def test_the_loop_of_a_leg_is_given_its_parts(leg: Leg | None, deadline: float, monkeypatch: Patch) -> None:
    script = Script(monkeypatch, leg=leg, options=options(deferrable=True))
    script.through()
    engine = script.engine
    assert engine.actions == "actions"
    assert engine.board is script.work._board
    assert engine.sending._board is script.work._board
    assert engine.sending._ledger is script.ledger
    assert engine.sending._rate_limit_timeout == 300.0
    assert engine.limits == Limits(deadline, 7.0, True)
    assert engine.timing.first_poll(100.0, is_oldest=False) == 107.0


@pytest.mark.parametrize(
    ("most", "of_connection", "leg", "size", "limit"),
    [
        (None, None, None, 1, 100),
        (None, 0, None, 1, 100),
        (5, 9, None, 5, 5),
        (None, 9, None, 9, 9),
        (5, None, Leg(1.0, 3), 3, 5),
        (5, None, Leg(1.0), 5, 5),
        (None, None, Leg(1.0, 3), 3, 100),
    ],
)
def test_the_window_of_a_leg_is_told_or_learned(
    most: int | None, of_connection: int | None, leg: Leg | None, size: int, limit: int, monkeypatch: Patch
) -> None:
    script = Script(monkeypatch, leg=leg, most=of_connection, options=options(max_in_flight=most))
    window = script.work._sending().window
    assert window.size == size
    for _ in range(11_000):
        window.on_accepted(window.size)
    assert window.size == limit


OWN = [
    content(JOB, "a", run="run-1"),
    content(STORED, "b", run="run-1", pages=5),
    content(INTENT, "c", run="run-1", pages=9),
    content(STORED, "d", run="run-0", pages=9),
]


@pytest.mark.parametrize(
    ("limits", "is_open"),
    [
        ({"max_documents": 2}, False),
        ({"max_documents": 3}, True),
        ({"max_pages": 6}, False),
        ({"max_pages": 7}, True),
    ],
)
def test_what_earlier_legs_have_sent_is_counted(
    limits: dict[str, int], is_open: bool, monkeypatch: Patch
) -> None:
    script = Script(monkeypatch, *OWN, options=options(**limits))
    assert script.work._sending().is_open() is is_open


def test_a_run_that_has_stopped_sending_stays_stopped(monkeypatch: Patch) -> None:
    stopped = error(ErrorKind.QUOTA, "the balance is too low", code=40003)
    script = Script(monkeypatch, leg=Leg(1234.0, 3, stopped.to_dict()))
    found_again = script.work._sending().stopped
    assert found_again is not None
    assert found_again.to_dict() == stopped.to_dict()


def test_a_run_sends_until_it_is_stopped(monkeypatch: Patch) -> None:
    assert Script(monkeypatch).work._sending().stopped is None
    assert Script(monkeypatch, leg=Leg(1234.0, 3)).work._sending().stopped is None


def test_housekeeping_looks_after_lock_ledger_and_progress(monkeypatch: Patch) -> None:
    documents = document("a.pdf", "a"), document("x.pdf", "x")
    script = Script(monkeypatch, *OWN, *documents, listed=[found("a.pdf"), found("x.pdf")])

    def do(engine: Any) -> Pause:
        script.ledger.calls.clear()
        script.progress.told.clear()
        engine.housekeeping()
        assert script.ledger.calls == ["check", ("tidy", 256)]
        assert script.progress.told == [("report", 2, 1, 14)]
        return Pause.WAITING

    script.through(do)


def test_a_task_that_airflow_ends_is_left_to_a_retry(
    monkeypatch: Patch, caplog: pytest.LogCaptureFixture
) -> None:
    script = Script(monkeypatch)
    script.is_stopped = True
    finished = script.through(lambda engine: engine.housekeeping())
    assert finished.error.kind is ErrorKind.TRANSPORT
    assert str(finished.error) == "The run: Airflow has ended the task. A retry goes on."
    assert ("ERROR", f"The run ends: {finished.error}") in logged(caplog)


def broken(problem: Exception) -> Any:
    def do(_: object) -> Pause:
        raise problem

    return do


def test_a_fatal_error_ends_the_run_with_its_summary(monkeypatch: Patch) -> None:
    script = Script(monkeypatch, listed=[found("a.pdf")])
    fatal = error(ErrorKind.AUTHENTICATION)
    finished = script.through(broken(fatal))
    assert finished.error is fatal
    assert finished.summary["left"] == 1
    assert script.ledger.calls == [("write",), ("tidy", 2)]


def test_the_ledger_is_written_whatever_ends_the_run(monkeypatch: Patch) -> None:
    script = Script(monkeypatch)
    with pytest.raises(ZeroDivisionError):
        script.through(broken(ZeroDivisionError()))
    assert script.ledger.calls == [("write",), ("tidy", 2)]
    assert script.output.written == {}


@pytest.mark.parametrize(
    ("jobs", "more", "is_stopped", "wake_after"),
    [
        (5, None, False, 5),
        (5, "send", False, 2),
        (5, "identify", False, 2),
        (5, "send", True, 5),
        (1, "send", False, 1),
        (2, "identify", False, 1),
        (4, "send", False, 2),
    ],
)
def test_a_leg_that_waits_is_resumed_when_more_can_be_sent(
    jobs: int, more: str | None, is_stopped: bool, wake_after: int, monkeypatch: Patch, clock: Clock
) -> None:
    names = [f"{number}" for number in range(jobs)]
    records = [document(f"{name}.pdf", name) for name in names]
    script = Script(
        monkeypatch,
        *records,
        *(content(JOB, name) for name in names),
        *([document("s.pdf", "s")] if more == "send" else []),
        listed=[found(f"{name}.pdf") for name in names] + ([found("s.pdf")] if more else []),
        options=options(max_in_flight=5),
    )
    problem = error(message="stopped")

    def do(engine: Any) -> Pause:
        if is_stopped:
            engine.sending.stop(problem)
        return Pause.WAITING

    waiting = script.through(do)
    assert waiting.job_ids == [f"job-{name}" for name in names]
    assert waiting.wake_after == wake_after
    assert waiting.leg == Leg(1600.0, 5, problem.to_dict() if is_stopped else None)
    assert script.output.written == {}


def test_a_leg_that_waits_says_so(monkeypatch: Patch, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    record = content(JOB, "a", job_id=None)
    script = Script(monkeypatch, document("a.pdf", "a"), record, listed=[found("a.pdf")])
    assert script.through(lambda _: Pause.WAITING).job_ids == [""]
    assert logged(caplog) == [("INFO", "All 1 jobs in flight are in work at TextIn; waiting for 1.")]
