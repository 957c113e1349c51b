"""Durable uploads: whatever strikes, a later try asks the batch what it has and sends only the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.operators.uploads import NOWHERE, accepted, attempt, crash_after, ids, invoices, once
from textin_provider.exceptions import (
    TextInServerError,
)
from textin_provider.testing import FileScript, ScriptedFault, TextInServer

if TYPE_CHECKING:
    from pathlib import Path


HTML = b"<html>504 Gateway Timeout</html>"
NO_FAULT = ScriptedFault()
#: Faults after which nobody knows whether the files were accepted; ``accept`` says whether they were.
UNCERTAIN: dict[str, dict[str, Any]] = {
    "the connection reset before the response": {"cut": "before_answer"},
    "the connection closed in the headers": {"cut": "in_headers"},
    "a gateway that gave up": {"http_status": 504, "body": HTML, "content_type": "text/html"},
    "a response that is not JSON": {"body": HTML, "content_type": "text/html"},
    "a success without files": {"body": b'{"code": 200, "result": {}}'},
}
uncertain = pytest.mark.parametrize("fault", UNCERTAIN.values(), ids=UNCERTAIN)


def sources_of(kind: str, folder: Path, count: int) -> dict[str, Any]:
    if kind == "files":
        return {"files": invoices(folder, count)}
    return {"urls": [f"{NOWHERE}/{number}.pdf?sign=x" for number in range(count)]}


both_kinds = pytest.mark.parametrize("kind", ["files", "urls"])


def test_the_batch_number_is_known_before_anything_is_sent_and_the_batch_is_asked_once(
    textin: TextInServer, tmp_path: Path
) -> None:
    value = attempt(files=invoices(tmp_path, 12)).returned()

    number = value["batch_number"]
    assert len(number) == 20
    assert number.isalnum()
    assert number == number.lower()
    assert [request.endpoint for request in textin.requests] == ["fetch", "upload", "upload"]
    assert {file.batch_number for file in textin.files.values()} == {number}
    assert ids(value) == list(textin.files)


@both_kinds
@pytest.mark.parametrize("requests", [1, 2, 3])
def test_a_try_after_a_crash_sends_only_what_is_missing(
    textin: TextInServer,
    tmp_path: Path,
    requests: int,
    kind: str,
) -> None:
    sources = sources_of(kind, tmp_path, 25)
    with crash_after(requests):
        attempt(**sources)
    assert textin.uploads_accepted == min(10 * requests, 25)

    value = attempt(2, **sources).returned()

    assert accepted(textin) == once(sources[kind])
    assert textin.uploads_accepted == 25
    assert ids(value) == list(textin.files), "in the order of the sources, with those of the first try"
    assert all(file["task_id"] and file["name"] and file["format"] for file in value["files"])


@both_kinds
@uncertain
@pytest.mark.parametrize("accept", [True, False], ids=["accepted", "not accepted"])
@pytest.mark.parametrize("batch_number", [None, "20261019"], ids=["made", "given"])
def test_an_uncertain_request_is_settled_in_the_same_try(
    textin: TextInServer, tmp_path: Path, fault: dict[str, Any], kind: str, accept: bool, batch_number: str
) -> None:
    sources = sources_of(kind, tmp_path, 22)
    textin.fault("upload", NO_FAULT)
    textin.fault("upload", ScriptedFault(**fault, accept=accept))

    value = attempt(batch_number=batch_number, **sources).returned()

    assert accepted(textin) == once(sources[kind])
    assert (textin.count("upload"), textin.uploads_accepted) == (3 if accept else 4, 22)
    assert ids(value) == list(textin.files)


def test_a_request_that_is_uncertain_again_and_again_is_left_to_a_retry(
    textin: TextInServer, tmp_path: Path
) -> None:
    files = invoices(tmp_path, 12)
    textin.fault("upload", NO_FAULT)
    textin.fault("upload", ScriptedFault(http_status=504, body=HTML), times=None)

    outcome = attempt(files=files)

    error = outcome.raised()
    assert isinstance(error, TextInServerError)
    assert "10 of 12 files were accepted under batch_number=" in str(error)
    assert "the batch lists none of it" in str(error)
    assert "may have been accepted" not in str(error)
    assert ids(outcome.xcoms["return_value"]) == list(textin.files)
    assert textin.count("upload") == 3
    textin.clear_faults()
    assert len(attempt(2, files=files).returned()["files"]) == 12
    assert accepted(textin) == once(files)


def test_a_list_that_grows_late_is_waited_for(textin: TextInServer, tmp_path: Path) -> None:
    files = invoices(tmp_path, 12)
    textin.quirks.uploads_listed_after = 0.4
    textin.fault("upload", ScriptedFault(cut="before_answer", accept=True), times=None)

    value = attempt(files=files).returned()

    assert (textin.count("upload"), textin.uploads_accepted) == (2, 12)
    assert ids(value) == list(textin.files)


def test_a_retry_waits_for_files_that_are_listed_one_after_the_other(
    textin: TextInServer, tmp_path: Path
) -> None:
    files = invoices(tmp_path, 12)
    for number in range(10):
        textin.script_file(FileScript(visible_after_seconds=0.5 + 0.2 * number))
    with crash_after(1):
        attempt(files=files)

    attempt(2, files=files).returned()

    assert accepted(textin) == once(files)


def test_a_first_try_does_not_wait_for_an_empty_batch(textin: TextInServer, tmp_path: Path) -> None:
    attempt(files=invoices(tmp_path, 1)).returned()
    attempt(files=invoices(tmp_path / "b", 1), batch_number="b7").returned()
    assert [request.endpoint for request in textin.requests] == ["fetch", "upload", "upload"]


def test_the_same_document_twice_is_uploaded_twice_and_not_more(textin: TextInServer, tmp_path: Path) -> None:
    files = invoices(tmp_path, 1) * 3
    first = attempt(files=files).returned()
    assert attempt(2, files=files).returned() == first
    assert textin.uploads_accepted == 3


@pytest.mark.parametrize(
    "change",
    [
        {"category": "invoice"},
        {"split_flag": True},
        {"parser_params": {"dpi": 216}},
        {"pdf_password": "hush"},
        {"run_id": "another"},
        {"map_index": 1},
    ],
    ids=str,
)
def test_other_options_and_other_runs_are_another_batch(
    textin: TextInServer, tmp_path: Path, change: dict[str, Any]
) -> None:
    files = invoices(tmp_path, 2)
    first = attempt(files=files).returned()
    second = attempt(files=files, **change).returned()
    assert first["batch_number"] != second["batch_number"]
    assert textin.uploads_accepted == 4


def test_a_changed_file_is_another_batch(textin: TextInServer, tmp_path: Path) -> None:
    files = invoices(tmp_path, 2)
    first = attempt(files=files).returned()
    (tmp_path / "invoice 1.txt").write_text("Invoice number: 2026-2\n")
    second = attempt(2, files=files).returned()
    assert first["batch_number"] != second["batch_number"]


def test_a_changed_query_of_a_url_is_another_batch(textin: TextInServer) -> None:
    first = attempt(urls=[f"{NOWHERE}/a.pdf?version=1"]).returned()
    second = attempt(2, urls=[f"{NOWHERE}/a.pdf?version=2"]).returned()
    assert first["batch_number"] != second["batch_number"]


def test_a_task_that_was_cleared_after_its_success_returns_the_same_and_uploads_nothing(
    textin: TextInServer, tmp_path: Path
) -> None:
    files = invoices(tmp_path, 25)
    first = attempt(files=files).returned()
    assert attempt(2, files=files).returned() == first
    assert textin.uploads_accepted == 25


def test_two_tasks_may_share_a_batch(textin: TextInServer, tmp_path: Path) -> None:
    first, second = invoices(tmp_path, 3), invoices(tmp_path, 3, start=3)
    attempt(files=first, batch_number="b7").returned()
    textin.fault("upload", ScriptedFault(code=500))
    assert isinstance(attempt(files=second, batch_number="b7").raised(), TextInServerError)
    value = attempt(2, files=second, batch_number="b7").returned()
    assert [file["name"] for file in value["files"]] == [f"invoice {number}.txt" for number in range(3, 6)]
    assert accepted(textin) == once(first + second)


def test_a_batch_number_that_rendering_made_a_number_is_one(textin: TextInServer, tmp_path: Path) -> None:
    files = invoices(tmp_path, 2)
    first = attempt(files=files, batch_number=20261019).returned()
    assert attempt(2, files=files, batch_number=20261019).returned() == first
    assert (first["batch_number"], textin.uploads_accepted) == ("20261019", 2)
