"""The DocFlow example DAGs as a user runs them: a real Airflow, a local TextIn, real deferral."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import pytest

from scripts.local_airflow import EXAMPLE_DAGS
from tests.airflow_versions import DagBag
from textin_provider.testing import FileScript, TextInServer
from textin_provider.triggers.docflow import DocFlowBatchTrigger

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

#: Fields that only the text of the invoices can have brought into the results.
KNOWN_FIELDS = {
    "fapiao-2026-103.html": {
        "发票号码": "2026-103",
        "开票日期": "2026-10-19",
        "销售方": "示例水泵有限公司",
        "购买方": "示例自来水公司",
        "价税合计": "880.00",
    },
    "invoice-2026-101.md": {
        "Invoice number": "2026-101",
        "Invoice date": "2026-10-05",
        "Seller": "Example Pumps Ltd",
        "Buyer": "Example Waterworks",
        "Total amount": "1,610.00",
    },
    "invoice-2026-102.txt": {
        "Invoice number": "2026-102",
        "Buyer": "Example Gardens",
        "Currency": "EUR",
        "Total amount": "80.00",
    },
}
CAUSE = "文件格式不支持"
MOVING = [0, 20, 3, 4]


@pytest.fixture
def dags(airflow_db: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.setenv("TEXTIN_RESULTS", str(tmp_path))
    bag = DagBag(EXAMPLE_DAGS / "example_docflow.py")
    assert bag.import_errors == {}
    for dag in bag.dags.values():
        tasks: dict[str, Any] = dag.task_dict
        # The interval of the example is long for a test.
        tasks["wait"].poke_interval = 0.1
    return dict(bag.dags)


@pytest.fixture
def deferred(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The batches that a trigger has waited for."""
    batches: list[str] = []
    run = DocFlowBatchTrigger.run

    def noted(trigger: DocFlowBatchTrigger) -> AsyncIterator[Any]:
        batches.append(trigger.value)
        return run(trigger)

    monkeypatch.setattr(DocFlowBatchTrigger, "run", noted)
    return batches


def _script(textin: TextInServer, *failing: int) -> None:
    """Let each file move at the first look, however long that takes, and some of them fail."""
    for number in range(len(KNOWN_FIELDS)):
        end = 2 if number in failing else 1
        textin.script_file(FileScript(statuses=[*MOVING, end], failure_causes=CAUSE))


def _states(run: Any) -> dict[str, str]:
    return {ti.task_id: str(ti.state) for ti in run.get_task_instances()}


def _value(run: Any, task_id: str) -> Any:
    [ti] = [ti for ti in run.get_task_instances() if ti.task_id == task_id]
    return ti.xcom_pull(task_ids=task_id)


def _missing(record: dict[str, Any]) -> dict[str, str]:
    """Return the known fields that are not in a stored record."""
    found = {field["key"]: field["value"] for field in record["data"]["fields"]}
    return {key: value for key, value in KNOWN_FIELDS[record["name"]].items() if found.get(key) != value}


def _batch(textin: TextInServer) -> str:
    [batch] = {file.batch_number for file in textin.files.values()}
    return batch


def test_the_examples_are_two_dags_without_a_schedule(dags: dict[str, Any]) -> None:
    assert set(dags) == {"example_docflow", "example_docflow_branch"}
    for dag in dags.values():
        assert dag.catchup is False
        assert "textin" in dag.tags
        assert dag.task_dict["wait"].upstream_task_ids == {"upload"}


def test_invoices_are_uploaded_waited_for_and_stored(
    dags: dict[str, Any], textin: TextInServer, deferred: list[str], tmp_path: Path
) -> None:
    _script(textin)

    run = dags["example_docflow"].test()

    assert _states(run) == dict.fromkeys(["upload", "wait", "download"], "success")
    assert deferred == [_batch(textin)]
    assert textin.uploads_accepted == len(KNOWN_FIELDS)
    content = (tmp_path / "invoices.jsonl").read_bytes()
    records = [json.loads(line) for line in content.splitlines()]
    assert {record["name"] for record in records} == set(KNOWN_FIELDS)
    assert [_missing(record) for record in records] == [{}] * len(KNOWN_FIELDS)
    value = _value(run, "download")
    assert (value["total"], value["succeeded"], value["failures"]) == (3, 3, [])
    assert value["output_path"] == str(tmp_path / "invoices.jsonl")
    assert (value["size_bytes"], value["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())


def test_an_invoice_that_cannot_be_read_fails_the_run_after_the_others_were_stored(
    dags: dict[str, Any], textin: TextInServer, tmp_path: Path
) -> None:
    _script(textin, 1)

    run = dags["example_docflow"].test()

    assert _states(run) == {"upload": "success", "wait": "success", "download": "failed"}
    lines = (tmp_path / "invoices.jsonl").read_text().splitlines()
    stored = {json.loads(line)["name"] for line in lines}
    assert stored == set(KNOWN_FIELDS) - {"invoice-2026-101.md"}
    [failure] = _value(run, "download")["failures"]
    assert (failure["name"], failure["failure_causes"]) == ("invoice-2026-101.md", CAUSE)


def test_the_branch_goes_on_with_what_was_read(
    dags: dict[str, Any], textin: TextInServer, deferred: list[str]
) -> None:
    _script(textin)

    run = dags["example_docflow_branch"].test()

    assert _states(run) == {
        "upload": "success",
        "wait": "success",
        "judge": "success",
        "book": "success",
        "ask_a_person": "skipped",
    }
    assert deferred == [_batch(textin)]
    assert _value(run, "book") == "3 invoices read"


def test_the_branch_asks_a_person_about_what_failed(
    dags: dict[str, Any], textin: TextInServer, deferred: list[str]
) -> None:
    _script(textin, 0, 2)

    run = dags["example_docflow_branch"].test()

    assert _states(run) == {
        "upload": "success",
        "wait": "success",
        "judge": "success",
        "book": "skipped",
        "ask_a_person": "success",
    }
    assert deferred == [_batch(textin)]
    assert _value(run, "ask_a_person") == [
        f"{name}: {CAUSE}" for name in ("fapiao-2026-103.html", "invoice-2026-102.txt")
    ]
