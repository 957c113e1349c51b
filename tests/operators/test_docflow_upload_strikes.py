"""Errors in the middle of durable uploads: nothing that was accepted is lost or sent again."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from unittest import mock

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from tests.operators.uploads import Crash, accepted, attempt, ids, invoices, once
from textin_provider.exceptions import (
    TextInAuthenticationError,
    TextInRequestError,
    TextInServerError,
    TextInTransportError,
    TextInUncertainSubmitError,
)
from textin_provider.hooks.docflow_sources import Sources
from textin_provider.testing import ScriptedFault, TextInServer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.running import Outcome

HTML = b"<html>504 Gateway Timeout</html>"
NO_FAULT = ScriptedFault()


def test_files_in_another_batch_than_the_next_try_would_ask_are_not_left_to_it(
    textin: TextInServer, tmp_path: Path
) -> None:
    records = [{"id": str(number), "name": f"invoice {number}.txt"} for number in range(10)]
    body = json.dumps({"code": 200, "result": {"batch_number": "another", "files": records}}).encode()
    textin.fault("upload", ScriptedFault(body=body))
    textin.fault("upload", ScriptedFault(code=500))

    outcome = attempt(files=invoices(tmp_path, 12))

    assert isinstance(outcome.raised(), TextInUncertainSubmitError)
    assert "10 of 12 files were accepted under batch_number='another'" in str(outcome.raised())
    assert outcome.xcoms["return_value"]["batch_number"] == "another"


LATER: dict[str, tuple[dict[str, Any], type[Exception], bool]] = {
    "a server error": ({"code": 500}, TextInServerError, True),
    "refused": ({"code": 400}, TextInRequestError, False),
    "bad credentials": ({"code": 40102}, TextInAuthenticationError, False),
}


@pytest.mark.parametrize(("fault", "expected", "is_retried"), LATER.values(), ids=LATER)
def test_a_later_refusal_keeps_its_meaning_and_the_next_try_sends_the_rest(
    textin: TextInServer, tmp_path: Path, fault: dict[str, Any], expected: type[Exception], is_retried: bool
) -> None:
    files = invoices(tmp_path, 12)
    textin.fault("upload", NO_FAULT)
    textin.fault("upload", ScriptedFault(**fault))

    outcome = attempt(files=files)

    error = outcome.raised()
    assert isinstance(error, expected)
    assert isinstance(error, AirflowFailException) is not is_retried
    assert "10 of 12 files were accepted under batch_number=" in str(error)
    assert len(outcome.xcoms["return_value"]["files"]) == 10
    assert len(attempt(2, files=files).returned()["files"]) == 12
    assert accepted(textin) == once(files)


class ResetError(Exception):
    """What a storage library raises, which this provider does not know."""


@pytest.mark.parametrize("durable", [True, False])
@pytest.mark.parametrize(
    "strike", [ResetError("connection reset"), MemoryError(), Crash("SIGTERM")], ids=repr
)
def test_what_strikes_between_two_requests_loses_no_accepted_file(
    textin: TextInServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    strike: BaseException,
    durable: bool,
) -> None:
    files = invoices(tmp_path, 12)
    pushed: list[Any] = []
    monkeypatch.setattr(
        "textin_provider.operators.docflow_upload.DocFlowUploadOperator.push_value",
        lambda _, __, value: pushed.append(value),
    )

    with striking_when_opened("invoice 11.txt", strike):
        error = failure_of(lambda: attempt(files=files, durable=durable))

    assert ids(pushed[-1]) == list(textin.files)
    assert textin.uploads_accepted == 10
    if durable:
        assert error is strike
        attempt(2, files=files).returned()
        assert accepted(textin) == once(files)
    else:
        assert isinstance(error, TextInUncertainSubmitError)
        assert type(strike).__name__ in str(error)
        assert "10 of 12 files were accepted" in str(error)


def striking_when_opened(name: str, strike: BaseException) -> Any:
    """Raise an error when a file is opened to be sent, after all files were checked."""
    open_document = Sources.open

    def opened(sources: Sources, source: int) -> Any:
        if sources.names[source] == name:
            raise strike
        return open_document(sources, source)

    return mock.patch.object(Sources, "open", opened)


def failure_of(work: Callable[[], Outcome]) -> BaseException:
    try:
        return work().raised()
    except Crash as crash:
        return crash


@pytest.mark.parametrize("strike", [Crash("SIGTERM"), MemoryError(), TypeError("a bug")], ids=repr)
@pytest.mark.parametrize("durable", [True, False])
def test_what_strikes_while_the_response_is_read_bills_nothing_twice(
    textin: TextInServer, tmp_path: Path, strike: BaseException, durable: bool
) -> None:
    files = invoices(tmp_path, 2)

    def upload() -> Outcome:
        return attempt(files=files, durable=durable)

    with mock.patch("textin_provider.api.docflow.upload.read_data", side_effect=strike):
        if durable and not isinstance(strike, Crash):
            upload().returned()
        else:
            error = failure_of(upload)
            assert error is strike if durable else isinstance(error, TextInUncertainSubmitError)
    if durable:
        attempt(2, files=files).returned()

    assert accepted(textin) == once(files)


@pytest.mark.parametrize("fault", [{"http_status": 502, "body": HTML}, {"code": 500}], ids=str)
def test_a_batch_that_cannot_be_asked_is_asked_by_the_next_try(
    textin: TextInServer, tmp_path: Path, fault: dict[str, Any]
) -> None:
    files = invoices(tmp_path, 2)
    textin.fault("fetch", NO_FAULT)
    textin.fault("fetch", ScriptedFault(**fault), times=None)
    textin.fault("upload", ScriptedFault(cut="before_answer", accept=True))

    error = attempt(files=files).raised()

    assert isinstance(error, TextInServerError)
    assert not isinstance(error, AirflowFailException)
    assert isinstance(attempt(2, files=files).raised(), TextInServerError)
    assert textin.uploads_accepted == 2, "nothing is sent while the batch cannot be asked"
    textin.clear_faults()
    attempt(3, files=files).returned()
    assert accepted(textin) == once(files)


def test_a_service_that_cannot_be_reached_has_accepted_nothing(textin: TextInServer, tmp_path: Path) -> None:
    files = invoices(tmp_path, 2)
    textin.stop()
    assert isinstance(attempt(files=files).raised(), TextInTransportError)


def test_an_xcom_that_cannot_be_pushed_does_not_hide_the_error(
    textin: TextInServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def push(*_: object, **__: object) -> None:
        raise ConnectionError("no API server")

    monkeypatch.setattr("tests.running.TaskInstance.xcom_push", push)
    textin.fault("upload", NO_FAULT)
    textin.fault("upload", ScriptedFault(code=400))
    assert isinstance(attempt(files=invoices(tmp_path, 11)).raised(), TextInRequestError)
