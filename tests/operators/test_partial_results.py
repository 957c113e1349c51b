"""Results of which pages or exports are missing: they are stored, and `on_partial` says what else is done."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

import pytest

from tests.folder.folder import manifest as folder_manifest
from tests.folder.folder import parse as parse_folder
from tests.folder.folder import write_documents
from tests.operators.document import modes
from tests.operators.document import parse as parse_document
from tests.running import run
from textin_provider.exceptions import (
    TextInJobFailedError,
    TextInPartialResultError,
    TextInRequestError,
)
from textin_provider.hooks.textin import TextInHook
from textin_provider.operators.xparse import (
    XParseDocumentOperator,
    XParseDownloadResultOperator,
    XParseFolderOperator,
)
from textin_provider.sensors.xparse import XParseJobSensor
from textin_provider.testing import JobScript, ScriptedFault

if TYPE_CHECKING:
    from pathlib import Path

    from tests.running import Outcome
    from textin_provider.testing import TextInServer

STATES = ("Success", "Fail", "Success", "Success", "Fail", "Fail", "Success", "Success", "Success", "Success")
PARTIAL = {
    "schema_version": "1.3.1",
    "success_count": 7,
    "metadata": {"filename": "handbook.pdf", "page_count": 10},
    "markdown": "# Handbook",
    "elements": [],
    "pages": [{"page_number": number, "status": state} for number, state in enumerate(STATES, 1)],
}
WHOLE = {**PARTIAL, "success_count": 10, "pages": [{"page_number": 1, "status": "Success"}]}
MISSING = "3 of 10 pages (2,5-6) were not parsed"


def script(result: Any = None, **more: Any) -> JobScript:
    return JobScript(
        result=PARTIAL if result is None else result, pending_seconds=0, processing_seconds=0, **more
    )


def download(job_id: Any, output: Path, **options: Any) -> Outcome:
    options = {"task_id": "download", "job_id": job_id, "output_path": f"{output}/", **options}
    return run(lambda: XParseDownloadResultOperator(**options))


@pytest.mark.parametrize("wrapped", [False, True], ids=["bare", "wrapped"])
@pytest.mark.parametrize("on_partial", ["warn", "fail", "ignore"])
def test_a_download_stores_the_result_and_tells_its_pages(
    textin: TextInServer,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    on_partial: str,
    wrapped: bool,
) -> None:
    # Airflow 3 would show none of its lines to pytest.
    monkeypatch.setattr(XParseDownloadResultOperator, "log", logging.getLogger("task"))
    job_id = textin.add_job(script(wrapped=wrapped))

    outcome = download(job_id, tmp_path, on_partial=on_partial)

    assert json.loads((tmp_path / f"{job_id}.json").read_text()) == PARTIAL
    manifest = outcome.xcoms["return_value"] if on_partial == "fail" else outcome.returned()
    assert manifest["source"] == "handbook.pdf"
    assert {name: manifest[name] for name in ("pages", "page_count", "failed_pages", "exports")} == {
        "pages": 7,
        "page_count": 10,
        "failed_pages": "2,5-6",
        "exports": {},
    }
    assert (MISSING in caplog.text) is (on_partial == "warn")
    if on_partial == "fail":
        assert isinstance(outcome.error, TextInPartialResultError)
        assert MISSING in str(outcome.error)
        assert f"xParse job {job_id}, handbook.pdf" in str(outcome.error)


@modes
@pytest.mark.parametrize("on_partial", ["warn", "fail", "ignore"])
def test_a_document_is_stored_and_submitted_once(
    textin: TextInServer, document: str, tmp_path: Path, on_partial: str, mode: str
) -> None:
    textin.script(script())
    output = tmp_path / "a.json"

    outcome = parse_document(
        file=document, output_path=str(output), on_partial=on_partial, deferrable=mode == "deferrable"
    )

    assert json.loads(output.read_text()) == PARTIAL
    manifest = outcome.xcoms["return_value"] if on_partial == "fail" else outcome.returned()
    assert (manifest["source"], manifest["failed_pages"]) == (document, "2,5-6")
    assert isinstance(outcome.error, TextInPartialResultError) is (on_partial == "fail")
    assert textin.submissions == 1


def test_pages_that_were_not_asked_for_have_not_failed(
    textin: TextInServer, document: str, tmp_path: Path
) -> None:
    few = {**WHOLE, "success_count": 3}
    del few["pages"]
    textin.script(script(few))
    manifest = parse_document(
        file=document,
        output_path=str(tmp_path / "a.json"),
        config={"scope": {"page_range": "1"}},
        on_partial="fail",
    ).returned()
    assert (manifest["pages"], manifest["page_count"], manifest["failed_pages"]) == (3, 10, None)


def test_of_a_list_all_results_are_stored_before_the_task_fails(textin: TextInServer, tmp_path: Path) -> None:
    jobs = [textin.add_job(script(result)) for result in (PARTIAL, WHOLE, PARTIAL)]

    outcome = download(jobs, tmp_path, on_partial="fail")

    assert isinstance(outcome.error, TextInPartialResultError)
    assert "2 of 3 xParse results are partial" in str(outcome.error)
    assert [manifest["job_id"] for manifest in outcome.xcoms["return_value"]] == jobs
    assert len(list(tmp_path.glob("*.json"))) == 3


def test_a_failed_export_is_partial(textin: TextInServer, tmp_path: Path) -> None:
    exports = [{"format": "docx", "status": "success"}, {"format": "pdf", "status": "fail"}]
    job_id = textin.add_job(script({**WHOLE, "exports": exports}))
    outcome = download(job_id, tmp_path, on_partial="fail")
    assert "the export pdf failed" in str(outcome.raised())
    assert outcome.xcoms["return_value"]["exports"] == {"docx": "success", "pdf": "fail"}


@pytest.mark.parametrize("on_partial", ["Fail", "", None, "raise"])
@pytest.mark.parametrize(
    "operator", [XParseDownloadResultOperator, XParseDocumentOperator, XParseFolderOperator]
)
def test_another_word_is_an_error_when_the_dag_is_parsed(operator: Any, on_partial: Any) -> None:
    arguments = {
        XParseDownloadResultOperator: {"job_id": "1"},
        XParseDocumentOperator: {"file": "a"},
        XParseFolderOperator: {"source": "a"},
    }[operator]
    with pytest.raises(TextInRequestError, match=r'on_partial=.*Pass "warn", "fail" or "ignore"'):
        operator(task_id="t", output_path="b", on_partial=on_partial, **arguments)


@pytest.mark.parametrize("on_partial", ["warn", "fail", "ignore"])
def test_a_folder_stores_all_documents_and_counts_the_pages(
    textin: TextInServer, tmp_path: Path, on_partial: str
) -> None:
    source, output = write_documents(tmp_path / "in", "a.md", "b.md", "c.md"), tmp_path / "out"
    for result in (PARTIAL, WHOLE, PARTIAL):
        textin.script(script(result))

    outcome = parse_folder(source, output, on_partial=on_partial)

    value = outcome.xcoms["return_value"] if on_partial == "fail" else outcome.returned()
    assert (value["succeeded"], value["failed"], value["pages"], value["failed_pages"]) == (3, 0, 24, 6)
    lines = folder_manifest(output).values()
    assert sorted(line["status"] for line in lines) == ["partial", "partial", "succeeded"]
    assert {line["message"] for line in lines} == {MISSING, None}
    assert isinstance(outcome.error, TextInPartialResultError) is (on_partial == "fail")
    if on_partial == "fail":
        assert "2 of 3 documents are partial" in str(outcome.error)

    again = parse_folder(source, output, on_partial=on_partial).returned()
    assert (again["unchanged"], textin.submissions) == (3, 3)


@pytest.mark.parametrize("state", ["partial_completed", "partial_failed"])
def test_a_job_that_completed_in_part_has_a_result(textin: TextInServer, tmp_path: Path, state: str) -> None:
    job_id = textin.add_job(script(WHOLE))
    url = TextInHook().get_xparse_job(job_id).result_url
    _say(textin, state, result_url=url)

    value = run(lambda: XParseJobSensor(task_id="wait", job_id=job_id, poke_interval=0.02)).returned()
    assert value["status"] == state
    outcome = download(job_id, tmp_path, on_partial="fail")
    assert "TextIn says that some pages failed" in str(outcome.raised())
    assert (tmp_path / f"{job_id}.json").exists()


@pytest.mark.parametrize("state", ["stopped", "deleted", "cancelled", "canceled"])
@pytest.mark.parametrize("message", ["by the console", None])
def test_a_job_that_was_stopped_has_failed(
    textin: TextInServer, tmp_path: Path, state: str, message: str | None
) -> None:
    job_id = textin.add_job(script(WHOLE))
    _say(textin, state, message=message)
    reason = message or "TextIn gave no reason"
    waited = run(lambda: XParseJobSensor(task_id="wait", job_id=job_id, poke_interval=0.02))
    for error in (waited.raised(), download(job_id, tmp_path).raised()):
        assert isinstance(error, TextInJobFailedError)
        assert f"xParse job {job_id} was {state.replace('canceled', 'cancelled')}: {reason}" in str(error)
    assert list(tmp_path.glob("*.json")) == []


def _say(textin: TextInServer, state: str, **data: Any) -> None:
    """Answer each poll with this state."""
    body = {
        "code": 200,
        "message": "success",
        "data": {"job_id": "1", "file_id": "2", "status": state, **data},
    }
    textin.fault("status", ScriptedFault(body=json.dumps(body).encode(), http_status=200), times=None)
