"""The example DAGs as a user runs them: a real Airflow, a local TextIn, real deferral."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import pytest

from scripts.local_airflow import EXAMPLE_DAGS
from tests.airflow_versions import DagBag
from textin_provider.testing import JobScript, TextInServer
from textin_provider.triggers.xparse import XParseJobTrigger

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

#: Something that only the text of the document can have brought into the result.
KNOWN_TEXT = {
    "handbook.md": ["Pump P-200 Handbook", "Connect the suction hose first", "维修前必须切断电源"],
    "notice.html": ["Service notice 2026-07", "Order seal kit SK-12 from your dealer", "P200-2026-10140"],
    "report.pdf": ["Quarterly Report, Q3 2026", "1,610", "which is hedged until March 2027 only"],
}


@pytest.fixture
def dags(airflow_db: None) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in ("example_xparse.py", "example_xparse_folder.py"):
        found |= DagBag(EXAMPLE_DAGS / name).dags
    for dag in found.values():
        tasks: dict[str, Any] = dag.task_dict
        for name, task in tasks.items():
            # The intervals of the examples are long for a test.
            if name == "wait":
                task.poke_interval = 0.1
            if name == "parse":
                task.poll_interval = 0.1
    return found


@pytest.fixture
def deferred(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What triggers have waited for: one job each, or a list."""
    jobs: list[Any] = []
    run = XParseJobTrigger.run

    def noted(trigger: XParseJobTrigger) -> AsyncIterator[Any]:
        jobs.append(trigger.job_id)
        return run(trigger)

    monkeypatch.setattr(XParseJobTrigger, "run", noted)
    return jobs


def test_every_example_is_imported_without_an_error(airflow_db: None) -> None:
    assert DagBag(EXAMPLE_DAGS).import_errors == {}


def test_the_examples_are_three_dags_without_a_schedule(dags: dict[str, Any]) -> None:
    assert set(dags) == {"example_xparse_document", "example_xparse", "example_xparse_folder"}
    for dag in dags.values():
        assert dag.catchup is False
        assert "textin" in dag.tags
    assert dags["example_xparse"].task_dict["wait"].upstream_task_ids == {"submit"}
    assert dags["example_xparse"].task_dict["wait"].downstream_task_ids == {"download"}


def test_one_document_is_submitted_waited_for_and_stored(
    dags: dict[str, Any], textin: TextInServer, deferred: list[Any], tmp_path: Path
) -> None:
    _leave_time_to_defer(textin, jobs=1)

    run = dags["example_xparse"].test(run_conf={"results": str(tmp_path)})

    assert _states(run) == {("submit", -1): "success", ("wait", -1): "success", ("download", -1): "success"}
    [job] = textin.jobs.values()
    assert textin.submissions == 1
    assert deferred == [job.job_id]
    assert [path.name for path in tmp_path.iterdir()] == [f"{job.job_id}.json"]
    assert _missing_text(tmp_path, job.job_id, "handbook.md") == []


def test_the_manifest_tells_what_was_stored(
    dags: dict[str, Any], textin: TextInServer, tmp_path: Path
) -> None:
    document = str(EXAMPLE_DAGS / "documents" / "report.pdf")

    run = dags["example_xparse"].test(run_conf={"document": document, "results": str(tmp_path)})

    [job] = textin.jobs.values()
    content = (tmp_path / f"{job.job_id}.json").read_bytes()
    assert _xcom(run, "download") == {
        "job_id": job.job_id,
        "file_id": job.file_id,
        "output_path": str(tmp_path / f"{job.job_id}.json"),
        "size_bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "source": job.filename,
        "pages": 2,
        "page_count": 2,
        "failed_pages": None,
        "exports": {},
    }


def test_one_document_may_be_one_task(
    dags: dict[str, Any], textin: TextInServer, deferred: list[Any], tmp_path: Path
) -> None:
    _leave_time_to_defer(textin, jobs=1)

    run = dags["example_xparse_document"].test(run_conf={"results": str(tmp_path)})

    assert _states(run) == {("parse", -1): "success"}
    [job] = textin.jobs.values()
    assert deferred == [job.job_id]
    assert _xcom(run, "parse")["output_path"] == str(tmp_path / f"{job.job_id}.json")
    assert _missing_text(tmp_path, job.job_id, "handbook.md") == []


def test_the_documents_of_a_folder_are_paid_for_once(
    dags: dict[str, Any], textin: TextInServer, deferred: list[Any], tmp_path: Path
) -> None:
    # One poll while the worker has something to do, one before it defers.
    for _ in KNOWN_TEXT:
        textin.script(JobScript(states=["pending"] * 20 + ["completed"]))
    conf = {"results": str(tmp_path)}

    run = dags["example_xparse_folder"].test(run_conf=conf)

    assert _states(run) == {("parse", -1): "success"}
    documents = {job.filename: job.job_id for job in textin.jobs.values()}
    assert set(documents) == set(KNOWN_TEXT)
    assert sorted(deferred[0]) == sorted(documents.values())
    assert _xcom(run, "parse")["succeeded"] == len(KNOWN_TEXT)
    for name in documents:
        assert _missing_text(tmp_path, name, name) == []

    run = dags["example_xparse_folder"].test(run_conf=conf)

    assert _xcom(run, "parse")["unchanged"] == len(KNOWN_TEXT)
    assert textin.submissions == len(KNOWN_TEXT)


def _leave_time_to_defer(textin: TextInServer, jobs: int) -> None:
    """Let each job be unfinished at the first look, however long this machine took to get there."""
    for _ in range(jobs):
        textin.script(JobScript(states=["pending", "in_progress", "completed"]))


def _states(run: Any) -> dict[tuple[str, int], str]:
    return {(ti.task_id, ti.map_index): str(ti.state) for ti in run.get_task_instances()}


def _xcom(run: Any, task_id: str) -> Any:
    [ti] = [ti for ti in run.get_task_instances() if ti.task_id == task_id]
    return ti.xcom_pull(task_ids=task_id)


def _missing_text(results: Path, name: str, document: str) -> list[str]:
    """Return the known text that is not in the elements, or not in the markdown, of the stored result."""
    result = json.loads((results / f"{name}.json").read_text())
    elements = " ".join(" ".join(element["text"].split()) for element in result["elements"])
    markdown = " ".join(result["markdown"].split())
    return [text for text in KNOWN_TEXT[document] if text not in elements or text not in markdown]
