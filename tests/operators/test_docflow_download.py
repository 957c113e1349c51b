"""The operator that stores what DocFlow extracted from the files of a batch."""

from __future__ import annotations

import hashlib
import json
import time
import uuid
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from fsspec.implementations.memory import MemoryFileSystem

from tests.airflow_versions import attach
from tests.operators.test_docflow_upload import invoices, upload
from tests.running import Outcome, new_context, run
from textin_provider.exceptions import TextInFilesFailedError, TextInRequestError
from textin_provider.operators.docflow import DocFlowDownloadResultsOperator
from textin_provider.testing import FileScript, ScriptedFault, TextInServer

if TYPE_CHECKING:
    from pathlib import Path

#: The sample of the vendor's page about task states.
SAMPLE = [
    FileScript(name="企业信用报告.pdf", format="pdf", status=1, category="credit_report", duration_ms=15000),
    FileScript(
        name="发票.pdf", status=2, category="invoice", duration_ms=8000, failure_causes="文件格式不支持"
    ),
]


def download(batch_number: Any = None, output_path: Any = None, **others: Any) -> Outcome:
    """Run the operator."""
    arguments = {"batch_number": batch_number, "output_path": output_path and str(output_path), **others}
    return run(lambda: DocFlowDownloadResultsOperator(task_id="download", **arguments))


def stored(path: Path) -> list[dict[str, Any]]:
    """Read JSON Lines, which end with a line feed and hold no empty line."""
    content = path.read_bytes()
    assert content == b"" or content.endswith(b"\n")
    return [json.loads(line) for line in content.split(b"\n")[:-1]]


def names(folder: Path) -> list[str]:
    """Return what lies in a folder."""
    return sorted(path.name for path in folder.iterdir())


def fields(record: dict[str, Any]) -> dict[str, str]:
    """Return the extracted fields of a record."""
    return {field["key"]: field["value"] for field in record["data"]["fields"]}


def test_the_sample_of_the_vendor_is_stored_as_far_as_it_is_good_before_the_task_fails(
    textin: TextInServer, tmp_path: Path
) -> None:
    batch = textin.add_batch(files=SAMPLE)
    good, bad = textin.files.values()

    outcome = download(batch, tmp_path / "results.jsonl")

    error = outcome.raised()
    assert isinstance(error, TextInFilesFailedError)
    assert isinstance(error, AirflowFailException)
    assert f"发票.pdf (file_id {bad.file_id}): 文件格式不支持" in str(error)
    [record] = stored(tmp_path / "results.jsonl")
    assert (record["id"], record["name"], record["category"]) == (
        good.file_id,
        "企业信用报告.pdf",
        "credit_report",
    )
    assert names(tmp_path) == ["results.jsonl"]
    assert outcome.xcoms["return_value"] == _value(batch, bad) | _manifest(tmp_path / "results.jsonl")


def test_the_sample_of_the_vendor_is_a_value_where_failures_do_not_fail_the_task(
    textin: TextInServer, tmp_path: Path
) -> None:
    batch = textin.add_batch(files=SAMPLE)
    bad = list(textin.files.values())[1]
    outcome = download(batch, tmp_path / "results.jsonl", raise_on_failure=False)
    assert outcome.returned() == _value(batch, bad) | _manifest(tmp_path / "results.jsonl")
    assert outcome.xcoms == {}


def _value(batch: str, bad: Any) -> dict[str, Any]:
    ids = {"file_id": bad.file_id, "task_id": bad.task_id}
    return {
        "batch_number": batch,
        "total": 2,
        "succeeded": 1,
        "failed": 1,
        "classified": 0,
        "duration_ms": {"total": 23000, "max": 15000},
        "failures": [{**ids, "name": "发票.pdf", "failure_causes": "文件格式不支持"}],
    }


def _manifest(path: Path) -> dict[str, Any]:
    content = path.read_bytes()
    sha256 = hashlib.sha256(content).hexdigest()
    return {"output_path": str(path), "size_bytes": len(content), "sha256": sha256}


def test_the_lines_hold_the_fields_of_the_documents_that_were_uploaded(
    textin: TextInServer, tmp_path: Path
) -> None:
    batch = upload(files=invoices(tmp_path, 3)).returned()["batch_number"]
    while {file.status(time.monotonic()) for file in textin.files.values()} != {1}:
        time.sleep(0.01)

    value = download(batch, tmp_path / "out" / "results.jsonl").returned()

    assert (value["total"], value["succeeded"], value["failures"]) == (3, 3, [])
    records = stored(tmp_path / "out" / "results.jsonl")
    assert [record["name"] for record in records] == [f"发票 {number}.txt" for number in range(3)]
    assert [fields(record) for record in records] == [
        {"Invoice number": f"2026-{number}", "价税合计": f"{number}.00"} for number in range(3)
    ]
    assert "价税合计".encode() in (tmp_path / "out" / "results.jsonl").read_bytes()


def test_classified_files_are_stored_too(textin: TextInServer, tmp_path: Path) -> None:
    batch = textin.add_batch(files=[FileScript(status=10, category="invoice"), FileScript(status=1)])
    value = download(batch, tmp_path / "a.jsonl").returned()
    assert (value["classified"], value["succeeded"]) == (1, 1)
    assert [record["recognition_status"] for record in stored(tmp_path / "a.jsonl")] == [10, 1]


def test_ids_stay_text_and_unknown_fields_stay(textin: TextInServer, tmp_path: Path) -> None:
    contents = {"fields": [{"key": "说明", "value": "一\n二\u2028三", "news": None}]}
    batch = textin.add_batch(files=[FileScript(file_id="1234567890123456789", data=contents)])
    download(batch, tmp_path / "a.jsonl").returned()
    [record] = stored(tmp_path / "a.jsonl")
    assert (record["id"], record["data"]) == ("1234567890123456789", contents)


def test_the_password_that_the_service_echoes_is_not_stored(textin: TextInServer, tmp_path: Path) -> None:
    textin.script_file(FileScript(statuses=[1], children=(FileScript(statuses=[1]),) * 2))
    batch = upload(files=invoices(tmp_path, 1), pdf_password="open sesame").returned()["batch_number"]
    download(batch, tmp_path / "a.jsonl").returned()
    [record] = stored(tmp_path / "a.jsonl")
    assert len(record["child_files"]) == 2
    assert "open sesame" not in (tmp_path / "a.jsonl").read_text()


@pytest.mark.parametrize("is_listed", [False, True], ids=["only within it", "beside it too"])
def test_parts_of_a_file_are_stored_within_it(textin: TextInServer, tmp_path: Path, is_listed: bool) -> None:
    parts = (FileScript(status=1), FileScript(status=1, task_type=3))
    whole = FileScript(children=parts, list_children_at_top_level=is_listed, file_id="7")
    value = download(textin.add_batch(files=[whole]), tmp_path / "a.jsonl").returned()
    [record] = stored(tmp_path / "a.jsonl")
    assert (record["id"], len(record["child_files"]), value["total"]) == ("7", 2, 3)


def test_a_failed_part_fails_the_task_after_the_file_was_stored(textin: TextInServer, tmp_path: Path) -> None:
    parts = (FileScript(status=1), FileScript(status=2, failure_causes="空白页", file_id="77"))
    error = download(textin.add_batch(files=[FileScript(children=parts)]), tmp_path / "a.jsonl").raised()
    assert isinstance(error, TextInFilesFailedError)
    assert "(file_id 77): 空白页" in str(error)
    assert len(stored(tmp_path / "a.jsonl")) == 1


@pytest.mark.parametrize(("argument", "attribute"), [("file_id", "file_id"), ("docflow_task_id", "task_id")])
def test_one_file_may_be_stored(textin: TextInServer, tmp_path: Path, argument: str, attribute: str) -> None:
    textin.add_batch(files=[FileScript(status="never"), FileScript(status=1)])
    file = list(textin.files.values())[1]
    chosen = getattr(file, attribute)
    value = download(output_path=f"{tmp_path}/", **{argument: chosen}).returned()
    assert value["output_path"] == f"{tmp_path}/{chosen}.jsonl"
    assert [record["id"] for record in stored(tmp_path / f"{chosen}.jsonl")] == [file.file_id]


def test_one_part_of_a_file_may_be_stored(textin: TextInServer, tmp_path: Path) -> None:
    whole = FileScript(children=(FileScript(file_id="77"),), list_children_at_top_level=True)
    textin.add_batch(files=[whole])
    download(file_id="77", output_path=tmp_path / "a.jsonl").returned()
    assert [record["id"] for record in stored(tmp_path / "a.jsonl")] == ["77"]


def test_a_directory_gets_a_file_named_after_the_batch(textin: TextInServer, tmp_path: Path) -> None:
    batch = textin.add_batch("2026/十月 19", count=1)
    value = download(batch, f"{tmp_path}/new/deep/").returned()
    [name] = names(tmp_path / "new" / "deep")
    assert name.endswith(".jsonl")
    assert value["output_path"] == f"{tmp_path}/new/deep/{name}"


@pytest.mark.parametrize("number", ["../up", "..", "/etc/x", "a/../../b", "..\\up", "%2e%2e/up"])
def test_a_batch_number_cannot_lead_out_of_the_directory(
    textin: TextInServer, tmp_path: Path, number: str
) -> None:
    batch = textin.add_batch(number, count=1)
    download(batch, f"{tmp_path}/inner/").returned()
    assert names(tmp_path) == ["inner"]
    assert len(names(tmp_path / "inner")) == 1


def test_without_a_path_nothing_is_stored_and_the_batch_judged(
    textin: TextInServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    outcome = download(textin.add_batch(files=SAMPLE))
    assert isinstance(outcome.raised(), TextInFilesFailedError)
    value = download(textin.add_batch(count=2)).returned()
    assert (value["succeeded"], value["output_path"], value["size_bytes"], value["sha256"]) == (
        2,
        None,
        None,
        None,
    )
    assert names(tmp_path) == []


@pytest.mark.parametrize("overwrite", [True, False])
def test_a_file_that_is_there_is_replaced_only_where_it_may_be(
    textin: TextInServer, tmp_path: Path, overwrite: bool
) -> None:
    target = tmp_path / "a.jsonl"
    target.write_text("mine")
    outcome = download(textin.add_batch(count=1), target, overwrite=overwrite)
    if overwrite:
        assert outcome.returned()["size_bytes"] == target.stat().st_size
    else:
        assert isinstance(outcome.raised(), TextInRequestError)
        assert target.read_text() == "mine"
        assert textin.count("*") == 0


def test_results_may_be_stored_on_object_storage(textin: TextInServer) -> None:
    attach(protocol="memory", fs=MemoryFileSystem())
    bucket = uuid.uuid4().hex
    batch = textin.add_batch(files=SAMPLE)
    outcome = download(batch, f"memory://{bucket}/deep/")
    assert isinstance(outcome.raised(), TextInFilesFailedError)
    assert outcome.xcoms["return_value"]["output_path"] == f"memory://{bucket}/deep/{batch}.jsonl"
    assert MemoryFileSystem().find(f"/{bucket}") == [f"/{bucket}/deep/{batch}.jsonl"]
    [line] = MemoryFileSystem().cat_file(f"/{bucket}/deep/{batch}.jsonl").splitlines()
    assert json.loads(line)["name"] == "企业信用报告.pdf"


def test_every_argument_that_may_be_a_template_is_rendered() -> None:
    arguments: dict[str, Any] = {
        "batch_number": "{{ x }}1",
        "file_id": "{{ x }}2",
        "docflow_task_id": "{{ x }}3",
        "workspace_id": "{{ x }}4",
        "output_path": "s3://{{ x }}/",
        "output_conn_id": "{{ x }}_files",
        "textin_conn_id": "textin_{{ x }}",
    }
    operator = DocFlowDownloadResultsOperator(task_id="download", **arguments)
    operator.render_template_fields(new_context(x="a"))
    assert {name: getattr(operator, name) for name in arguments} == {
        name: value.replace("{{ x }}", "a") for name, value in arguments.items()
    }


def test_lines_are_strict_json_whatever_textin_sends(textin: TextInServer, tmp_path: Path) -> None:
    batch = textin.add_batch(count=1)
    values = rf'[NaN, -Infinity, 1e999, "\ud83d", "\u2028\u0085", {10**400}, {"9" * 5000}]'
    record = f'{{"id": "1", "name": "a\\udc00", "recognition_status": 1, "data": {values}}}'
    body = f'{{"code": 200, "result": {{"total": 1, "files": [{record}]}}}}'
    textin.fault("fetch", ScriptedFault(body=body.encode()), times=None)

    outcome = download(batch, tmp_path / "a.jsonl")

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    [line] = (tmp_path / "a.jsonl").read_bytes().decode().splitlines()
    data = json.loads(line, parse_constant=refuse)["data"]
    assert data == [None, None, None, "\ufffd", "\u2028\x85", 10**400, None]
    assert outcome.returned()["succeeded"] == 1
