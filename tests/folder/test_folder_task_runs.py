"""XParseFolderOperator as a task of a real DAG run: templates, retries, deferral, XComs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import task

from tests.folder.folder import counts, numbered, write_documents
from tests.running import new_dag, run_dag
from textin_provider.operators.xparse import XParseFolderOperator
from textin_provider.testing import JobScript, ScriptedFault, fast_polling

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from textin_provider.testing import TextInServer

pytestmark = pytest.mark.usefixtures("airflow_db")


@pytest.fixture(autouse=True)
def _fast() -> Iterator[None]:
    with fast_polling(keep_intervals=True):
        yield


def value_of(ti: Any) -> dict[str, Any]:
    value: dict[str, Any] = ti.xcom_pull(task_ids=ti.task_id)
    return value


@pytest.mark.parametrize("deferrable", [False, True])
def test_a_folder_is_parsed_by_a_task(deferrable: bool, textin: TextInServer, tmp_path: Path) -> None:
    source = write_documents(tmp_path / "in", *numbered(3))
    for _ in range(3):
        textin.script(JobScript(states=["pending"] * 15 + ["completed"]))
    with new_dag(f"folder_{deferrable}") as dag:
        XParseFolderOperator(
            task_id="parse",
            source=str(source),
            output_path=f"{tmp_path}/{{{{ dag.dag_id }}}}",
            max_documents="{{ 2 + 1 }}",
            poll_interval=0.1,
            deferrable=deferrable,
        )
    ti = run_dag(dag, tmp_path / "dags")["parse", -1]
    assert ti.state == "success"
    assert counts(value_of(ti)) == {"found": 3, "submitted": 3, "succeeded": 3}
    assert (tmp_path / f"folder_{deferrable}/000.md.json").exists()


def test_the_list_of_another_task_is_a_source(textin: TextInServer, tmp_path: Path) -> None:
    source = write_documents(tmp_path / "in", *numbered(2))
    with new_dag("folder_of_list") as dag:

        @task
        def find() -> list[str]:
            return [str(source / name) for name in numbered(2)]

        found: Any = find()
        XParseFolderOperator(task_id="parse", source=found, output_path=f"{tmp_path}/out", poll_interval=0.1)
    ti = run_dag(dag, tmp_path / "dags")["parse", -1]
    assert counts(value_of(ti)) == {"found": 2, "submitted": 2, "succeeded": 2}


def test_a_retry_goes_on_with_what_is_paid_for(textin: TextInServer, tmp_path: Path) -> None:
    source = write_documents(tmp_path / "in", *numbered(3))
    textin.fault("result", ScriptedFault(http_status=500, body=b"", content_type="text/plain"), 12)
    with new_dag("folder_retried") as dag:
        XParseFolderOperator(
            task_id="parse", source=str(source), output_path=f"{tmp_path}/out", poll_interval=0.1
        )
    ti = run_dag(dag, tmp_path / "dags")["parse", -1]
    assert ti.state == "success"
    assert textin.submissions == 3
    lines = [json.loads(line) for line in (tmp_path / "out/manifest.jsonl").read_text().splitlines()]
    assert {line["status"] for line in lines} == {"succeeded"}


def test_a_failed_document_fails_the_task_without_retry(textin: TextInServer, tmp_path: Path) -> None:
    source = write_documents(tmp_path / "in", *numbered(2))
    textin.script(JobScript(status="failed"))
    with new_dag("folder_failed") as dag:
        XParseFolderOperator(
            task_id="parse", source=str(source), output_path=f"{tmp_path}/out", poll_interval=0.1
        )
    ti = run_dag(dag, tmp_path / "dags")["parse", -1]
    assert ti.state == "failed"
    assert ti.try_number == 1
    assert counts(value_of(ti)) == {"found": 2, "submitted": 2, "succeeded": 1, "failed": 1}
