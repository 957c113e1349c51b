"""The DocFlow operators as tasks of a real DAG run: chained, mapped, and what becomes of their errors."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.operators.test_docflow_download import fields, stored
from tests.operators.test_docflow_upload import invoices
from tests.running import new_dag, run_dag
from textin_provider.operators.docflow import DocFlowDownloadResultsOperator, DocFlowUploadOperator
from textin_provider.sensors.docflow import DocFlowBatchSensor
from textin_provider.testing import FileScript, ScriptedFault, TextInServer

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("airflow_db")

BATCH = "{{ ti.xcom_pull('upload')['batch_number'] }}"
WAIT: dict[str, Any] = {"deferrable": True, "poke_interval": 0.05}


def _states(instances: dict[Any, Any]) -> dict[str, list[str]]:
    states: dict[str, list[str]] = {}
    for (task_id, _), ti in sorted(instances.items()):
        states.setdefault(task_id, []).append(str(ti.state))
    return states


def test_templates_lead_from_upload_to_stored_results(textin: TextInServer, tmp_path: Path) -> None:
    files = invoices(tmp_path, 12)
    for _ in files:
        textin.script_file(FileScript(statuses=[0, 20, 4, 1]))
    with new_dag("docflow_templates") as dag:
        upload = DocFlowUploadOperator(task_id="upload", files=files)
        wait = DocFlowBatchSensor(
            task_id="wait",
            batch_number=BATCH,
            expected_files="{{ ti.xcom_pull('upload')['files'] }}",
            **WAIT,
        )
        download = DocFlowDownloadResultsOperator(
            task_id="download", batch_number=BATCH, output_path=f"{tmp_path}/{{{{ task.task_id }}}}/"
        )
        upload >> wait >> download

    instances = run_dag(dag, tmp_path / "dags")

    assert _states(instances) == {"upload": ["success"], "wait": ["success"], "download": ["success"]}
    batch = instances["upload", -1].xcom_pull(task_ids="upload")["batch_number"]
    summary = instances["wait", -1].xcom_pull(task_ids="wait")
    manifest = instances["download", -1].xcom_pull(task_ids="download")
    assert (summary["batch_number"], summary["total"], summary["succeeded"]) == (batch, 12, 12)
    assert manifest["output_path"] == f"{tmp_path}/download/{batch}.jsonl"
    assert {name: manifest[name] for name in summary} == summary
    lines = stored(tmp_path / "download" / f"{batch}.jsonl")
    assert [fields(line)["Invoice number"] for line in lines] == [f"2026-{n}" for n in range(12)]


def test_batches_are_mapped_from_upload_to_stored_results(textin: TextInServer, tmp_path: Path) -> None:
    files = invoices(tmp_path, 4)
    with new_dag("docflow_mapped") as dag:
        upload = DocFlowUploadOperator.partial(task_id="upload").expand_kwargs(
            [{"files": files[:3], "batch_number": "first"}, {"files": files[3:], "batch_number": "second"}]
        )
        wait = DocFlowBatchSensor.partial(task_id="wait", **WAIT).expand_kwargs(
            upload.output.map(_batch_and_files)
        )
        download = DocFlowDownloadResultsOperator.partial(
            task_id="download", output_path=f"{tmp_path}/out/"
        ).expand(batch_number=["first", "second"])
        wait >> download

    instances = run_dag(dag, tmp_path / "dags")

    assert _states(instances) == dict.fromkeys(["upload", "wait", "download"], ["success"] * 2)
    totals = [instances["wait", n].xcom_pull(task_ids="wait", map_indexes=n)["total"] for n in (0, 1)]
    assert totals == [3, 1]
    assert [len(stored(tmp_path / "out" / f"{name}.jsonl")) for name in ("first", "second")] == [3, 1]
    assert textin.uploads_accepted == 4


def _batch_and_files(upload: dict[str, Any]) -> dict[str, Any]:
    return {"batch_number": upload["batch_number"], "expected_files": upload["files"]}


def test_single_files_are_mapped_over_their_ids(textin: TextInServer, tmp_path: Path) -> None:
    scripts = [FileScript(statuses=[4, 1]), FileScript(statuses=[4, 2], failure_causes="坏文件")]
    textin.add_batch(files=scripts)
    with new_dag("docflow_mapped_files") as dag:
        DocFlowBatchSensor.partial(task_id="by_id", **WAIT).expand(file_id=list(textin.files))
        DocFlowBatchSensor.partial(task_id="by_task", **WAIT).expand(
            docflow_task_id=[file.task_id for file in textin.files.values()]
        )

    instances = run_dag(dag, tmp_path / "dags")

    assert _states(instances) == {"by_id": ["success", "failed"], "by_task": ["success", "failed"]}
    pushed = instances["by_id", 1].xcom_pull(task_ids="by_id", map_indexes=1)
    assert pushed["failures"][0]["failure_causes"] == "坏文件"


def test_failed_files_fail_once_and_leave_results_and_value(textin: TextInServer, tmp_path: Path) -> None:
    batch = textin.add_batch(files=[FileScript(name="good.pdf"), FileScript(failure_causes="文件格式不支持")])
    with new_dag("docflow_failed_files") as dag:
        DocFlowDownloadResultsOperator(
            task_id="download", batch_number=batch, output_path=f"{tmp_path}/out/a.jsonl"
        )

    [ti] = run_dag(dag, tmp_path / "dags").values()

    assert (str(ti.state), ti.try_number) == ("failed", 1)
    value = ti.xcom_pull(task_ids="download")
    assert (value["succeeded"], value["failed"], value["output_path"]) == (1, 1, f"{tmp_path}/out/a.jsonl")
    assert [line["name"] for line in stored(tmp_path / "out" / "a.jsonl")] == ["good.pdf"]


def test_errors_are_retried_only_where_that_can_help(
    textin: TextInServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = textin.connection() | {"password": "wrong"}
    monkeypatch.setenv("AIRFLOW_CONN_TEXTIN_WRONG", json.dumps(wrong))
    with new_dag("docflow_retries") as dag:
        paths = {task_id: f"{tmp_path}/out/{task_id}" for task_id in ("credentials", "unfinished", "gateway")}
        batch = textin.add_batch(count=1)
        moving = textin.add_batch(files=[FileScript(statuses=[4, 1])])
        down = DocFlowDownloadResultsOperator
        first = down(
            task_id="credentials",
            batch_number=batch,
            output_path=paths["credentials"],
            textin_conn_id="textin_wrong",
        )
        second = down(task_id="unfinished", batch_number=moving, output_path=paths["unfinished"])
        third = down(
            task_id="gateway",
            batch_number=batch,
            output_path=paths["gateway"],
            trigger_rule="all_done",
            pre_execute=lambda _: textin.fault("fetch", ScriptedFault(http_status=502), times=4),
        )
        [first, second] >> third

    instances = run_dag(dag, tmp_path / "dags")

    assert {task_id: (str(ti.state), ti.try_number) for (task_id, _), ti in instances.items()} == {
        "credentials": ("failed", 1),
        "unfinished": ("success", 2),
        "gateway": ("failed", 3),
    }
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["unfinished"]
