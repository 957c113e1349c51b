"""Paths of each form as tasks of a real DAG run: templated, serialized with the DAG, mapped."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import ObjectStoragePath

from tests.running import new_dag, run_dag
from tests.s3 import CONN_ID, Bucket
from textin_provider.operators.docflow import DocFlowDownloadResultsOperator, DocFlowUploadOperator
from textin_provider.operators.xparse import (
    XParseDocumentOperator,
    XParseDownloadResultOperator,
    XParseSubmitOperator,
)
from textin_provider.sensors.xparse import XParseJobSensor
from textin_provider.testing import FileScript, JobScript, TextInServer

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("airflow_db")


def states(instances: dict[Any, Any]) -> set[str]:
    return {str(ti.state) for ti in instances.values()}


def value(instances: dict[Any, Any], task_id: str, index: int = -1) -> Any:
    return instances[task_id, index].xcom_pull(task_ids=task_id, map_indexes=index)


def test_paths_of_pathlib_survive_rendering_and_serialization(textin: TextInServer, tmp_path: Path) -> None:
    for name in ("a.md", "b.md", "store.md"):
        (tmp_path / name).write_text("# A\n")
    (tmp_path / "existing").mkdir()
    batch = textin.add_batch(files=[FileScript(status=1)])
    textin.script(JobScript(states=["completed"]))
    jobs = [textin.add_job(JobScript(states=["completed"])) for _ in range(2)]
    with new_dag("paths_of_pathlib") as dag:
        XParseSubmitOperator(task_id="submit", file=tmp_path / "a.md")
        XParseSubmitOperator.partial(task_id="each").expand(file=[tmp_path / "a.md", tmp_path / "b.md"])
        XParseDocumentOperator(
            task_id="parse",
            file=tmp_path / "{{ task.task_id.replace('parse', 'store') }}.md",
            output_path=tmp_path / "new" / "{{ task.task_id }}.json",
            poll_interval=0.05,
        )
        XParseDownloadResultOperator(task_id="store", job_id=jobs[0], output_path=tmp_path / "existing")
        XParseDownloadResultOperator(task_id="store_all", job_id=jobs, output_path=tmp_path / "all")
        DocFlowUploadOperator(task_id="upload", files=[tmp_path / "a.md", str(tmp_path / "b.md")])
        DocFlowDownloadResultsOperator(task_id="read", batch_number=batch, output_path=tmp_path / "b.jsonl")

    instances = run_dag(dag, tmp_path / "dags")

    assert states(instances) == {"success"}
    assert value(instances, "parse")["output_path"] == str(tmp_path / "new" / "parse.json")
    assert value(instances, "store")["output_path"] == str(tmp_path / "existing" / f"{jobs[0]}.json")
    assert [each["output_path"] for each in value(instances, "store_all")] == [
        str(tmp_path / "all" / f"{job_id}.json") for job_id in jobs
    ]
    assert value(instances, "read")["output_path"] == str(tmp_path / "b.jsonl")
    assert [file["name"] for file in value(instances, "upload")["files"]] == ["a.md", "b.md"]
    submitted = sorted(job.filename for job_id, job in textin.jobs.items() if job_id not in jobs)
    assert submitted == ["a.md", "a.md", "b.md", "store.md"]


def test_object_storage_paths_survive_rendering_and_serialization(
    textin: TextInServer, tmp_path: Path, s3_bucket: Bucket
) -> None:
    s3_bucket.put("in/submit #1.md", b"# A\n")
    s3_bucket.put("in/b.md", b"# B\n")
    root = ObjectStoragePath(f"s3://{s3_bucket.name}", conn_id=CONN_ID)
    textin.script(JobScript(states=["completed"]))
    job_id = textin.add_job(JobScript(states=["completed"]))
    with new_dag("object_storage_paths") as dag:
        XParseSubmitOperator(task_id="submit", file=root / "in" / "{{ task.task_id }} #1.md")
        XParseSubmitOperator.partial(task_id="each").expand(file=[root / "in" / "b.md"])
        XParseDocumentOperator(
            task_id="parse",
            file=root / "in" / "b.md",
            output_path=root / "out" / "p.json",
            poll_interval=0.05,
        )
        XParseDownloadResultOperator(task_id="store", job_id=[job_id], output_path=root / "out")
        DocFlowUploadOperator(task_id="upload", files=[root / "in" / "b.md", s3_bucket.url("in/b.md")])

    instances = run_dag(dag, tmp_path / "dags")

    assert states(instances) == {"success"}
    assert s3_bucket.keys() == ["in/b.md", "in/submit #1.md", *sorted([f"out/{job_id}.json", "out/p.json"])]
    assert value(instances, "parse")["output_path"] == s3_bucket.url("out/p.json")
    [stored] = value(instances, "store")
    assert stored["output_path"] == s3_bucket.url(f"out/{job_id}.json")
    assert json.loads(ObjectStoragePath(stored["output_path"]).read_text())


@pytest.mark.parametrize("native", [False, True], ids=["text", "native"])
def test_a_list_that_a_template_hands_over_is_the_list(
    textin: TextInServer, tmp_path: Path, native: bool
) -> None:
    for name in ("a.md", "b's [1].md"):
        (tmp_path / name).write_text("# A\n")
    jobs = [textin.add_job(JobScript(states=["completed"])) for _ in range(2)]
    files = [str(tmp_path / "a.md"), str(tmp_path / "b's [1].md")]
    with new_dag(f"list_of_a_template_{native}") as dag:
        dag.render_template_as_native_obj = native
        parameters: dict[str, Any] = {
            "params": {"jobs": jobs, "files": files, "urls": [f"{textin.url}/a.pdf"]}
        }
        XParseJobSensor(task_id="wait", job_id="{{ params.jobs }}", poke_interval=0.05, **parameters)
        XParseDownloadResultOperator(
            task_id="store", job_id="{{ params.jobs }}", output_path=f"{tmp_path}/out/", **parameters
        )
        DocFlowUploadOperator(task_id="upload", files="{{ params.files }}", **parameters)
        DocFlowUploadOperator(task_id="upload_urls", urls="{{ params.urls }}", **parameters)

    instances = run_dag(dag, tmp_path / "dags")

    assert states(instances) == {"success"}
    assert [job["job_id"] for job in value(instances, "wait")] == jobs
    assert [manifest["job_id"] for manifest in value(instances, "store")] == jobs
    assert [file["name"] for file in value(instances, "upload")["files"]] == ["a.md", "b's [1].md"]
    assert len(value(instances, "upload_urls")["files"]) == 1
