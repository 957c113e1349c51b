"""The record of a submit: what it writes into the ledger at each step, and what it does if that fails."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, cast

import pytest

from tests.tasks.folder.samples import new_content
from textin_provider.tasks.folder import actions as actions_module
from textin_provider.tasks.folder.actions import SubmitRecord
from textin_provider.tasks.folder.records import FAILED, JOB, WITHDRAWN

if TYPE_CHECKING:
    from collections.abc import Callable

    from textin_provider.tasks.folder.ledger import Ledger

NOW = "2026-05-06T07:08:09+00:00"


class Log:
    """A ledger that keeps what is written and noted, and fails if the test says so."""

    def __init__(self) -> None:
        self.entries: list[tuple[str, Any]] = []
        self.error: BaseException | None = None

    def write(self, record: Any) -> None:
        if self.error:
            raise self.error
        self.entries.append(("write", record))

    def note(self, record: Any) -> None:
        self.entries.append(("note", record))


@pytest.fixture(autouse=True)
def _now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(actions_module, "now_text", lambda: NOW)


INTENT = new_content(was=FAILED, message="refused before", attempt=4)


def new_record(check: Callable[[], None] = lambda: None) -> tuple[SubmitRecord, Log]:
    log = Log()
    return SubmitRecord(cast("Ledger", log), INTENT, check), log


def steps(record: SubmitRecord) -> tuple[bool, bool, Any]:
    return record.is_open, record.was_refused, record.job


def test_a_new_record_has_written_nothing() -> None:
    record, log = new_record()
    assert steps(record) == (False, False, None)
    assert log.entries == []


def test_the_intent_is_written_once_and_after_the_check() -> None:
    order: list[str] = []
    record, log = new_record(lambda: order.append(f"checked before {len(log.entries)} entries"))
    record.sending()
    record.sending()
    assert log.entries == [("write", INTENT._replace(at=NOW))]
    assert order == ["checked before 0 entries"]
    assert steps(record) == (True, False, None)


def test_nothing_is_written_if_the_check_fails() -> None:
    def fails() -> None:
        raise KeyError("lock")

    record, log = new_record(fails)
    with pytest.raises(KeyError):
        record.sending()
    assert log.entries == []
    assert steps(record) == (False, False, None)


def test_the_job_is_written_without_what_was_before() -> None:
    record, log = new_record()
    record.sending()
    record.accepted("j1")
    job = INTENT._replace(kind=JOB, job_id="j1", at=NOW, was=None, message=None)
    assert log.entries[1:] == [("write", job)]
    assert steps(record) == (False, False, job)


def test_a_refused_intent_is_withdrawn_and_the_next_one_is_another_attempt() -> None:
    record, log = new_record()
    record.sending()
    record.refused()
    assert steps(record) == (False, True, None)
    record.sending()
    record.refused()
    record.sending()
    first = INTENT._replace(at=NOW)
    written = [
        first,
        first._replace(kind=WITHDRAWN),
        first._replace(attempt=5),
        first._replace(attempt=5, kind=WITHDRAWN),
        first._replace(attempt=6),
    ]
    assert log.entries == [("write", entry) for entry in written]
    assert steps(record) == (True, True, None)
    record.accepted("j1")
    assert record.job is not None
    assert record.job.attempt == 6


@pytest.mark.parametrize("error", [OSError("no space"), KeyboardInterrupt()])
def test_an_intent_that_may_not_have_been_written_is_withdrawn(error: BaseException) -> None:
    record, log = new_record()
    log.error = error
    with pytest.raises(type(error)):
        record.sending()
    assert log.entries == [("note", INTENT._replace(at=NOW, kind=WITHDRAWN))]
    assert steps(record) == (False, False, None)
    log.error = None
    record.sending()
    assert log.entries[1:] == [("write", INTENT._replace(at=NOW, attempt=5))]


def test_a_withdrawal_that_could_not_be_written_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    record, log = new_record()
    record.sending()
    log.error = OSError("no\nspace")
    with caplog.at_level(logging.WARNING, actions_module.__name__):
        record.refused()
    assert steps(record) == (False, True, None)
    assert [(entry.levelname, entry.getMessage()) for entry in caplog.records] == [
        ("WARNING", "The ledger could not be written: no space")
    ]
    log.error = None
    record.sending()
    assert log.entries[-1] == ("write", INTENT._replace(at=NOW, attempt=5))


def test_a_job_that_could_not_be_written_is_logged_with_its_id(caplog: pytest.LogCaptureFixture) -> None:
    record, log = new_record()
    record.sending()
    log.error = OSError("no\nspace")
    with caplog.at_level(logging.WARNING, actions_module.__name__):
        record.accepted("j1")
    assert record.job is not None
    assert record.job.job_id == "j1"
    assert [(entry.levelname, entry.getMessage()) for entry in caplog.records] == [
        (
            "ERROR",
            "xParse job j1 of /in/a.pdf is accepted, but the ledger could not be written: no space",
        )
    ]
