"""The record of a submit in the ledger: whatever happens to the submit, the ledger does not forget it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.folder.test_folder_ledger import intent, new_ledger
from textin_provider.api.errors import ApiError, ErrorKind
from textin_provider.hooks.tree import Tree
from textin_provider.tasks.folder.actions import SubmitRecord
from textin_provider.tasks.folder.records import INTENT, JOB

if TYPE_CHECKING:
    from pathlib import Path

    from textin_provider.tasks.folder.ledger import Ledger


def loaded(folder: Path) -> Ledger:
    ledger = new_ledger(folder, "b" * 12)
    ledger.load()
    return ledger


def record_in(folder: Path) -> SubmitRecord:
    return SubmitRecord(loaded(folder), intent(1), lambda: None)


def test_an_intent_stands_before_the_submit(tmp_path: Path) -> None:
    record_in(tmp_path).sending()
    assert loaded(tmp_path).state.standing("f1") == INTENT


def test_a_refused_submit_may_be_sent_again(tmp_path: Path) -> None:
    record = record_in(tmp_path)
    record.sending()
    record.refused()
    assert loaded(tmp_path).state.standing("f1") is None


def test_an_intent_after_a_refusal_stands(tmp_path: Path) -> None:
    record = record_in(tmp_path)
    for _ in range(3):
        record.sending()
        record.refused()
    record.sending()
    assert loaded(tmp_path).state.standing("f1") == INTENT
    record.accepted("job")
    assert loaded(tmp_path).state.standing("f1") == JOB


def test_nothing_is_sent_if_the_intent_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = record_in(tmp_path)

    def fails(*_: object) -> None:
        raise ApiError(ErrorKind.STORAGE, about="output_path", message="no space is left")

    with monkeypatch.context() as patch:
        patch.setattr(Tree, "write", fails)
        with pytest.raises(ApiError, match="no space"):
            record.sending()
    assert not record.is_open
    record.sending()
    assert loaded(tmp_path).state.standing("f1") == INTENT


def test_a_job_that_cannot_be_written_is_written_with_the_next_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = loaded(tmp_path)
    record = SubmitRecord(ledger, intent(1), lambda: None)
    record.sending()

    def fails(*_: object) -> None:
        raise ApiError(ErrorKind.STORAGE, about="output_path", message="the storage is overloaded")

    with monkeypatch.context() as patch:
        patch.setattr(Tree, "write", fails)
        record.accepted("job")
    assert record.job is not None
    ledger.write()
    assert loaded(tmp_path).state.contents["f1"].job_id == "job"
