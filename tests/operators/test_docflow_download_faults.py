"""What is stored of a batch when something is amiss: all of it, or nothing."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from fsspec.implementations.memory import MemoryFileSystem

from tests.airflow_versions import attach
from tests.operators.test_docflow_download import download, names, stored
from textin_provider.exceptions import (
    TextInAuthenticationError,
    TextInBadResultError,
    TextInConfigurationError,
    TextInFilesFailedError,
    TextInRequestError,
    TextInServerError,
)
from textin_provider.testing import FileScript, ScriptedFault, TextInServer

if TYPE_CHECKING:
    from pathlib import Path

HTML = b"<html>502 Bad Gateway</html>"
NO_FAULT = ScriptedFault()
BLIPS = {
    "a gateway": ScriptedFault(http_status=502, body=HTML, content_type="text/html"),
    "no JSON": ScriptedFault(body=HTML),
    "code 429": ScriptedFault(code=429),
    "code 500": ScriptedFault(code=500),
    "reset": ScriptedFault(cut="before_answer"),
    "cut within the body": ScriptedFault(cut="in_body"),
    "half of the body": ScriptedFault(truncate=2_000),
}


def _ids(path: Path) -> set[str]:
    return {record["id"] for record in stored(path)}


@pytest.mark.parametrize("fault", BLIPS.values(), ids=BLIPS)
@pytest.mark.parametrize("good_pages", [0, 1, 2])
def test_a_page_that_cannot_be_read_is_asked_for_again(
    textin: TextInServer, tmp_path: Path, fault: ScriptedFault, good_pages: int
) -> None:
    batch = textin.add_batch(count=250)
    for _ in range(good_pages):
        textin.fault("fetch", NO_FAULT)
    textin.fault("fetch", fault, times=2)
    assert download(batch, tmp_path / "a.jsonl").returned()["total"] == 250
    assert _ids(tmp_path / "a.jsonl") == set(textin.files)


@pytest.mark.parametrize("fault", BLIPS.values(), ids=BLIPS)
def test_a_fetch_that_breaks_in_the_middle_leaves_nothing_behind(
    textin: TextInServer, tmp_path: Path, fault: ScriptedFault
) -> None:
    textin.fault("fetch", NO_FAULT)
    textin.fault("fetch", fault, times=None)
    (tmp_path / "a.jsonl").write_text("of yesterday\n")

    outcome = download(textin.add_batch(count=250), tmp_path / "a.jsonl")

    assert not isinstance(outcome.raised(), AirflowFailException)
    assert names(tmp_path) == ["a.jsonl"]
    assert (tmp_path / "a.jsonl").read_text() == "of yesterday\n"
    assert outcome.xcoms == {}


def test_a_fetch_that_breaks_leaves_no_object_behind(textin: TextInServer) -> None:
    attach(protocol="memory", fs=MemoryFileSystem())
    bucket = uuid.uuid4().hex
    textin.fault("fetch", NO_FAULT)
    textin.fault("fetch", BLIPS["code 500"], times=None)
    outcome = download(textin.add_batch(count=250), f"memory://{bucket}/a.jsonl")
    assert isinstance(outcome.raised(), TextInServerError)
    assert MemoryFileSystem().find(f"/{bucket}") == []


@pytest.mark.parametrize("status", ["never", 0, 99], ids=repr)
def test_of_a_batch_that_has_not_finished_nothing_is_stored(
    textin: TextInServer, tmp_path: Path, status: Any
) -> None:
    batch = textin.add_batch(files=[FileScript(), FileScript(status=status), FileScript(status=2)])
    outcome = download(batch, tmp_path / "a.jsonl")
    error = outcome.raised()
    assert isinstance(error, TextInBadResultError)
    assert not isinstance(error, AirflowFailException)
    assert "2 of 3 done, 1 failed" in str(error)
    assert "DocFlowBatchSensor" in str(error)
    assert names(tmp_path) == []
    assert outcome.xcoms == {}


def test_of_a_file_whose_part_has_not_finished_nothing_is_stored(
    textin: TextInServer, tmp_path: Path
) -> None:
    batch = textin.add_batch(files=[FileScript(children=(FileScript(status="never"),))])
    assert isinstance(download(batch, tmp_path / "a.jsonl").raised(), TextInBadResultError)
    assert names(tmp_path) == []


@pytest.mark.parametrize("omit_total", [False, True], ids=["with totals", "without totals"])
def test_an_empty_batch_is_an_error_and_no_empty_file(
    textin: TextInServer, tmp_path: Path, omit_total: bool
) -> None:
    textin.quirks.omit_total = omit_total
    error = download("nobody-uploaded-this", tmp_path / "a.jsonl").raised()
    assert isinstance(error, TextInBadResultError)
    assert "nobody-uploaded-this" in str(error)
    assert "no file is visible" in str(error)
    assert names(tmp_path) == []


def test_where_all_files_failed_the_file_is_empty_and_the_error_names_them(
    textin: TextInServer, tmp_path: Path
) -> None:
    batch = textin.add_batch(files=[FileScript(name=f"{n}.pdf", failure_causes="坏文件") for n in range(2)])
    outcome = download(batch, tmp_path / "a.jsonl")
    error = outcome.raised()
    assert isinstance(error, TextInFilesFailedError)
    assert "2 of 2 failed" in str(error)
    assert ["0.pdf" in str(error), "1.pdf" in str(error)] == [True, True]
    assert stored(tmp_path / "a.jsonl") == []
    assert outcome.xcoms["return_value"]["size_bytes"] == 0


def test_twenty_failures_are_named_and_the_rest_counted(textin: TextInServer, tmp_path: Path) -> None:
    scripts = [FileScript(name=f"发票-{n}.pdf", failure_causes="文件格式不支持") for n in range(30)]
    error = download(textin.add_batch(files=scripts), tmp_path / "a.jsonl").raised()
    assert [n for n in range(30) if f"发票-{n}.pdf (file_id" in str(error)] == list(range(20))
    assert "and 10 more" in str(error)


QUIRKS: dict[str, dict[str, Any]] = {
    "none": {},
    "no totals": {"omit_total": True},
    "files on two pages": {"duplicate_over_pages": True},
    "files on two pages and no totals": {"duplicate_over_pages": True, "omit_total": True},
    "pages that are shorter than asked for": {"max_page_size": 30},
    "pages that are shorter than asked for and no totals": {"max_page_size": 30, "omit_total": True},
    "one file a page": {"max_page_size": 1},
}


@pytest.mark.parametrize("quirks", QUIRKS.values(), ids=QUIRKS)
def test_each_file_of_many_pages_is_stored_once(
    textin: TextInServer, tmp_path: Path, quirks: dict[str, Any]
) -> None:
    for name, value in quirks.items():
        setattr(textin.quirks, name, value)
    batch = textin.add_batch(count=250)
    assert download(batch, tmp_path / "a.jsonl").returned()["total"] == 250
    records = stored(tmp_path / "a.jsonl")
    assert len(records) == 250
    assert {record["id"] for record in records} == set(textin.files)


def test_an_order_that_changes_with_each_page_loses_no_file_silently(
    textin: TextInServer, tmp_path: Path
) -> None:
    textin.quirks.shuffle = True
    outcome = download(textin.add_batch(count=250), tmp_path / "a.jsonl")
    if outcome.error is None:
        assert _ids(tmp_path / "a.jsonl") == set(textin.files)
    else:
        assert isinstance(outcome.error, TextInServerError)
        assert names(tmp_path) == []


@pytest.mark.parametrize("output_path", [" ", "/proc/no/such/a.jsonl", "nope://bucket/a.jsonl"])
def test_a_place_that_cannot_be_written_is_named_before_anything_is_asked(
    textin: TextInServer, output_path: str
) -> None:
    error = download(textin.add_batch(count=1), output_path).raised()
    assert isinstance(error, TextInRequestError)
    assert str(error).startswith("output_path=")
    assert textin.count("*") == 0


@pytest.mark.parametrize(
    ("selectors", "problem"),
    [
        pytest.param({}, "none is given", id="none"),
        pytest.param({"batch_number": "1", "docflow_task_id": "2"}, "several are given", id="two"),
        pytest.param({"batch_number": "None"}, "batch_number='None'", id="a template without a value"),
    ],
)
def test_anything_but_one_selector_is_refused_before_anything_is_asked(
    textin: TextInServer, tmp_path: Path, selectors: dict[str, Any], problem: str
) -> None:
    error = download(output_path=tmp_path / "a.jsonl", **selectors).raised()
    assert isinstance(error, TextInRequestError)
    assert problem in str(error)
    assert textin.count("*") == 0


def test_wrong_credentials_fail_without_retry(
    textin: TextInServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_TEXTIN_DEFAULT", json.dumps(textin.connection() | {"password": "wrong"}))
    error = download(textin.add_batch(count=1), tmp_path / "a.jsonl").raised()
    assert isinstance(error, TextInAuthenticationError)
    assert textin.count("fetch") == 1
    assert names(tmp_path) == []


def test_no_workspace_anywhere_is_an_error_that_says_where_to_give_one(
    textin: TextInServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = textin.connection() | {"extra": {"docflow_host": textin.url}}
    monkeypatch.setenv("AIRFLOW_CONN_TEXTIN_DEFAULT", json.dumps(connection))
    error = download(textin.add_batch(count=1), tmp_path / "a.jsonl").raised()
    assert isinstance(error, TextInConfigurationError)
    assert "workspace_id" in str(error)
    assert textin.count("*") == 0
