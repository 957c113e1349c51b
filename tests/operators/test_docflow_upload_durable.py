"""Durable uploads: whatever strikes, a later try asks the batch what it has and sends only the rest."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from unittest import mock

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from tests.operators.uploads import NOWHERE, Crash, accepted, attempt, crash_after, ids, invoices, once
from textin_provider.exceptions import (
    TextInAuthenticationError,
    TextInRateLimitError,
    TextInRequestError,
    TextInServerError,
    TextInTransportError,
    TextInUncertainSubmitError,
)
from textin_provider.hooks.docflow_sources import Sources
from textin_provider.testing import FileScript, ScriptedFault, TextInServer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.running import Outcome

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


@pytest.mark.parametrize(
    "names", [["a", "a"], ["a", "b", "a", "b", "a"], ["é", "e\u0301"]], ids=["twice", "mixed", "Unicode"]
)
@pytest.mark.parametrize("requests", [1, 2])
def test_files_of_the_same_name_are_counted(
    textin: TextInServer,
    tmp_path: Path,
    names: list[str],
    requests: int,
) -> None:
    files = []
    for number, name in enumerate(names):
        path = tmp_path / str(number) / f"{name}.txt"
        path.parent.mkdir()
        path.write_text(f"Invoice number: {number}\n")
        files.append(str(path))
    with crash_after(requests):
        attempt(files=files)
    assert textin.uploads_accepted < len(files) or requests == 2

    value = attempt(2, files=files).returned()

    sizes = [file.sha256 for file in textin.files.values()]
    assert len(set(sizes)) == len(sizes) == len(files), "each content once"
    assert sorted(ids(value)) == sorted(textin.files)


def test_one_request_never_holds_two_files_of_the_same_name(textin: TextInServer, tmp_path: Path) -> None:
    files = [*invoices(tmp_path / "a", 6), *invoices(tmp_path / "b", 6)]
    attempt(files=files).returned()
    assert (textin.count("upload"), textin.uploads_accepted) == (2, 12)


def test_the_same_document_twice_is_uploaded_twice_and_not_more(textin: TextInServer, tmp_path: Path) -> None:
    files = invoices(tmp_path, 1) * 3
    first = attempt(files=files).returned()
    assert attempt(2, files=files).returned() == first
    assert textin.uploads_accepted == 3


def test_another_order_of_the_files_is_the_same_batch(textin: TextInServer, tmp_path: Path) -> None:
    files = [*invoices(tmp_path / "a", 2), *invoices(tmp_path / "b", 2)]
    first = attempt(files=files).returned()
    second = attempt(2, files=files[::-1]).returned()
    assert textin.uploads_accepted == 4
    assert (second["batch_number"], ids(second)) == (first["batch_number"], ids(first)[::-1])


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


def test_parts_of_a_document_are_not_uploads(textin: TextInServer, tmp_path: Path) -> None:
    files = invoices(tmp_path, 2)
    parts = tuple(FileScript(name=name) for name in ("invoice 1.txt", "invoice 0.txt"))
    for listed in (True, False):
        child = tuple(FileScript(name=part.name, list_children_at_top_level=listed) for part in parts)
        textin.script_file(
            FileScript(status=1, statuses=[1], children=child, list_children_at_top_level=listed)
        )
    first = attempt(files=files, split_flag=True).returned()
    assert attempt(2, files=files, split_flag=True).returned() == first
    assert textin.uploads_accepted == 2


def test_a_task_that_was_cleared_after_its_success_returns_the_same_and_uploads_nothing(
    textin: TextInServer, tmp_path: Path
) -> None:
    files = invoices(tmp_path, 25)
    first = attempt(files=files).returned()
    assert attempt(2, files=files).returned() == first
    assert textin.uploads_accepted == 25


class TestFewerNamed:
    """Responses that name fewer files than were sent."""

    def test_files_that_were_accepted_are_found_in_the_batch(
        self, textin: TextInServer, tmp_path: Path
    ) -> None:
        textin.quirks.uploads_listed_after = 0.2
        textin.script_file(FileScript())
        textin.script_file(FileScript(named=False))
        value = attempt(files=invoices(tmp_path, 3)).returned()
        assert ids(value) == list(textin.files)
        assert (textin.count("upload"), textin.uploads_accepted) == (1, 3)

    def test_files_that_were_not_accepted_are_named_and_sent_by_a_retry(
        self, textin: TextInServer, tmp_path: Path
    ) -> None:
        files = invoices(tmp_path, 3)
        textin.script_file(FileScript())
        textin.script_file(FileScript(accepted=False))

        outcome = attempt(files=files)

        error = outcome.raised()
        assert isinstance(error, TextInServerError)
        assert "the response names 2 of 3 files" in str(error)
        assert "missing: invoice 1.txt" in str(error)
        assert ids(outcome.xcoms["return_value"]) == list(textin.files)
        assert textin.uploads_accepted == 2
        value = attempt(2, files=files).returned()
        assert [file["name"] for file in value["files"]] == [f"invoice {number}.txt" for number in range(3)]
        assert accepted(textin) == once(files)

    def test_without_durable_the_missing_are_named_and_nothing_is_retried(
        self, textin: TextInServer, tmp_path: Path
    ) -> None:
        textin.script_file(FileScript())
        textin.script_file(FileScript(named=False))
        outcome = attempt(files=invoices(tmp_path, 3), durable=False)
        error = outcome.raised()
        assert isinstance(error, TextInUncertainSubmitError)
        assert "missing: invoice 1.txt" in str(error)
        assert "2 of 3 files were accepted" in str(error)
        assert [file["name"] for file in outcome.xcoms["return_value"]["files"]] == [
            "invoice 0.txt",
            "invoice 2.txt",
        ]


class TestOtherNames:
    """Files that DocFlow names in another way than the sources."""

    def test_a_response_with_other_names_is_taken_in_order(self, textin: TextInServer) -> None:
        for number in range(2):
            textin.script_file(FileScript(name=f"download-{number}.pdf"))
        value = attempt(urls=[f"{NOWHERE}/get?id={number}" for number in range(2)]).returned()
        assert [file["name"] for file in value["files"]] == ["download-0.pdf", "download-1.pdf"]
        assert textin.uploads_accepted == 2

    def test_files_that_cannot_be_told_apart_are_not_sent_again(self, textin: TextInServer) -> None:
        textin.script_file(FileScript(name="download-0.pdf"))
        textin.fault("upload", ScriptedFault(cut="before_answer", accept=True))
        error = attempt(urls=[f"{NOWHERE}/a.pdf?sign=hush", f"{NOWHERE}/b.pdf"]).raised()
        assert isinstance(error, TextInUncertainSubmitError)
        assert "download-0.pdf" in str(error)
        assert f"{NOWHERE}/a.pdf" in str(error)
        assert "hush" not in str(error)
        assert textin.uploads_accepted == 2

    def test_other_files_in_a_batch_of_ones_own_number_do_not_matter(
        self, textin: TextInServer, tmp_path: Path
    ) -> None:
        textin.add_batch("b7", count=3)
        files = invoices(tmp_path, 2)
        textin.fault("upload", ScriptedFault(cut="before_answer", accept=True))
        value = attempt(files=files, batch_number="b7").returned()
        assert textin.uploads_accepted == 2
        assert ids(value) == list(textin.files)[3:]


def test_two_tasks_may_share_a_batch(textin: TextInServer, tmp_path: Path) -> None:
    first, second = invoices(tmp_path, 3), invoices(tmp_path, 3, start=3)
    attempt(files=first, batch_number="b7").returned()
    textin.fault("upload", ScriptedFault(code=429))
    assert isinstance(attempt(files=second, batch_number="b7").raised(), TextInRateLimitError)
    value = attempt(2, files=second, batch_number="b7").returned()
    assert [file["name"] for file in value["files"]] == [f"invoice {number}.txt" for number in range(3, 6)]
    assert accepted(textin) == once(first + second)


def test_a_batch_number_that_rendering_made_a_number_is_one(textin: TextInServer, tmp_path: Path) -> None:
    files = invoices(tmp_path, 2)
    first = attempt(files=files, batch_number=20261019).returned()
    assert attempt(2, files=files, batch_number=20261019).returned() == first
    assert (first["batch_number"], textin.uploads_accepted) == ("20261019", 2)


def test_files_in_another_batch_than_the_next_try_would_ask_are_not_left_to_it(
    textin: TextInServer, tmp_path: Path
) -> None:
    records = [{"id": str(number), "name": f"invoice {number}.txt"} for number in range(10)]
    body = json.dumps({"code": 200, "result": {"batch_number": "another", "files": records}}).encode()
    textin.fault("upload", ScriptedFault(body=body))
    textin.fault("upload", ScriptedFault(code=429))

    outcome = attempt(files=invoices(tmp_path, 12))

    assert isinstance(outcome.raised(), TextInUncertainSubmitError)
    assert "10 of 12 files were accepted under batch_number='another'" in str(outcome.raised())
    assert outcome.xcoms["return_value"]["batch_number"] == "another"


LATER: dict[str, tuple[dict[str, Any], type[Exception], bool]] = {
    "too many requests": ({"code": 429}, TextInRateLimitError, True),
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
