"""The operator that submits, waits and stores as a task of real DAG runs, with Airflow's own state store."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.operators.document import GATEWAY, MODES, modes
from tests.running import RETRIES_RESUME, new_dag, run_dag
from textin_provider.operators.document import XParseDocumentOperator
from textin_provider.testing import JobScript, TextInServer

try:
    from airflow.models.task_state_store import TaskStateStoreModel
except ImportError:
    HAS_STORE = False
else:
    HAS_STORE = True

if TYPE_CHECKING:
    from pathlib import Path

    from airflow.providers.common.compat.sdk import DAG

pytestmark = pytest.mark.usefixtures("airflow_db")
needs_store = pytest.mark.skipif(not HAS_STORE, reason="Airflow keeps a task's state from 3.3 on")


def _value(instances: dict[Any, Any], index: int = -1, key: str = "return_value") -> Any:
    return instances["parse", index].xcom_pull(task_ids="parse", map_indexes=index, key=key)


def _kept(run_id: str) -> dict[int, dict[str, str]]:
    """Return what Airflow keeps of a DAG run, by map index."""
    from airflow.utils.session import create_session

    with create_session() as session:
        rows = session.query(TaskStateStoreModel).filter_by(run_id=run_id, task_id="parse").all()
        return {row.map_index: json.loads(row.value) for row in rows}


def _document(tmp_path: Path, name: str = "a.md") -> str:
    (tmp_path / name).write_text(f"# This is {name}\n")
    return str(tmp_path / name)


def _dag(dag_id: str, tmp_path: Path, mode: str) -> DAG:
    """Return a DAG with one task, which parses one document."""
    with new_dag(dag_id) as dag:
        XParseDocumentOperator(
            task_id="parse",
            file=_document(tmp_path),
            output_path=f"{tmp_path}/out/",
            poll_interval=0.05,
            **MODES[mode],
        )
    return dag


@modes
def test_documents_are_mapped_to_stored_results(textin: TextInServer, tmp_path: Path, mode: str) -> None:
    documents = [_document(tmp_path, f"{number}.md") for number in range(3)]
    with new_dag(f"document_mapped_{mode}") as dag:
        XParseDocumentOperator.partial(
            task_id="parse", output_path=f"{tmp_path}/out/", poll_interval=0.05, **MODES[mode]
        ).expand(file=documents)

    instances = run_dag(dag, tmp_path / "dags")

    assert {str(ti.state) for ti in instances.values()} == {"success"}
    manifests = [_value(instances, index) for index in range(3)]
    assert [_value(instances, index, "job_id") for index in range(3)] == [one["job_id"] for one in manifests]
    assert [textin.jobs[one["job_id"]].filename for one in manifests] == ["0.md", "1.md", "2.md"]
    assert textin.submissions == 3
    if HAS_STORE:
        kept = _kept(instances["parse", 0].run_id)
        assert [kept[index]["job_id"] for index in range(3)] == [one["job_id"] for one in manifests]


@modes
def test_a_retry_after_a_failed_download_pays_again_only_where_airflow_has_no_store(
    textin: TextInServer, tmp_path: Path, mode: str
) -> None:
    textin.fault("result", GATEWAY, times=4)
    instances = run_dag(_dag(f"document_retried_{mode}", tmp_path, mode), tmp_path / "dags")

    ti = instances["parse", -1]
    assert (str(ti.state), ti.try_number) == ("success", 2)
    pays_once = HAS_STORE or (RETRIES_RESUME and mode == "deferrable")
    assert (textin.count("submit"), textin.submissions) == ((1, 1) if pays_once else (2, 2))
    assert _value(instances)["job_id"] == list(textin.jobs)[-1] == _value(instances, key="job_id")


@modes
def test_a_failed_job_is_retried_with_a_new_one(textin: TextInServer, tmp_path: Path, mode: str) -> None:
    if RETRIES_RESUME and mode == "deferrable":
        pytest.skip("what tells such a retry is kept over the deferral, which dag.test() forgets")
    textin.script(JobScript(states=["failed"]))
    instances = run_dag(_dag(f"document_failed_{mode}", tmp_path, mode), tmp_path / "dags")

    ti = instances["parse", -1]
    assert (str(ti.state), ti.try_number) == ("success", 2)
    assert textin.submissions == 2


@needs_store
@modes
def test_a_task_that_is_cleared_goes_on_with_its_job(textin: TextInServer, tmp_path: Path, mode: str) -> None:
    dag = _dag(f"document_cleared_{mode}", tmp_path, mode)
    ti = run_dag(dag, tmp_path / "dags")["parse", -1]
    [job_id] = textin.jobs
    assert str(ti.state) == "success"

    again = _clear_and_run(ti, dag.get_task("parse"))

    assert str(again.state) == "success"
    assert again.id != ti.id
    assert (textin.count("submit"), textin.count("result")) == (1, 2)
    assert _kept(ti.run_id)[-1]["job_id"] == job_id


def _clear_and_run(ti: Any, task: Any) -> Any:
    from airflow.models.taskinstance import TaskInstance, clear_task_instances
    from airflow.sdk.definitions.dag import _run_task
    from airflow.utils.session import create_session

    place = {"dag_id": ti.dag_id, "run_id": ti.run_id, "task_id": ti.task_id}
    with create_session() as session:
        old = session.query(TaskInstance).filter_by(**place).one()
        clear_task_instances([old], session)
    with create_session() as session:
        new = session.query(TaskInstance).filter_by(**place).one()
        new.try_number += 1
    _run_task(ti=new, task=task, run_triggerer=True)
    with create_session() as session:
        return session.query(TaskInstance).filter_by(**place).one()
