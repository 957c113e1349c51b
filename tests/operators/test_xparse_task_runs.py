"""The operators as tasks of a real DAG run: mapped over documents, and what becomes of their errors."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.running import new_dag, run_dag
from textin_provider.operators.xparse import (
    XParseDocumentOperator,
    XParseDownloadResultOperator,
    XParseSubmitOperator,
)
from textin_provider.sensors.xparse import XParseJobSensor
from textin_provider.testing import JobScript, ScriptedFault, TextInServer

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("airflow_db")

GATEWAY = ScriptedFault(http_status=502, body=b"<html>Bad Gateway</html>", content_type="text/html")


def _state(instances: dict[Any, Any], task_id: str, index: int = -1) -> tuple[str, int]:
    ti = instances[task_id, index]
    return str(ti.state), ti.try_number


def _value(instances: dict[Any, Any], task_id: str, index: int = -1) -> Any:
    return instances[task_id, index].xcom_pull(task_ids=task_id, map_indexes=index)


def test_documents_are_mapped_from_submit_to_stored_results(textin: TextInServer, tmp_path: Path) -> None:
    documents = [tmp_path / f"document-{number}.md" for number in range(3)]
    for document in documents:
        document.write_text(f"# This is {document.name}\n")
        textin.script(JobScript(states=["pending", "completed"]))
    with new_dag("mapped_xparse") as dag:
        submit = XParseSubmitOperator.partial(task_id="submit").expand(file=[str(path) for path in documents])
        wait = XParseJobSensor.partial(task_id="wait", deferrable=True, poke_interval=0.05).expand(
            job_id=submit.output
        )
        each = XParseDownloadResultOperator.partial(task_id="each", output_path=f"{tmp_path}/each/").expand(
            job_id=submit.output
        )
        job_ids: Any = submit.output
        all_at_once = XParseDownloadResultOperator(
            task_id="all", job_id=job_ids, output_path=f"{tmp_path}/all/"
        )
        wait >> [each, all_at_once]

    instances = run_dag(dag, tmp_path / "dags")

    assert {key: str(ti.state) for key, ti in instances.items()} == {
        ("all", -1): "success",
        **{(task, index): "success" for task in ("submit", "wait", "each") for index in range(3)},
    }
    assert textin.submissions == 3
    jobs = [_value(instances, "submit", index) for index in range(3)]
    assert [textin.jobs[job_id].filename for job_id in jobs] == [path.name for path in documents]
    assert [_value(instances, "wait", index)["job_id"] for index in range(3)] == jobs
    assert [manifest["job_id"] for manifest in _value(instances, "all")] == jobs
    for folder in ("each", "all"):
        stored = [(tmp_path / folder / f"{job_id}.json").read_text() for job_id in jobs]
        assert [path.name in text for path, text in zip(documents, stored, strict=True)] == [True] * 3


def test_templates_lead_from_one_task_to_the_next(textin: TextInServer, tmp_path: Path) -> None:
    document = tmp_path / "a.md"
    document.write_text("# A\n")
    with new_dag("templated_xparse") as dag:
        submit = XParseSubmitOperator(
            task_id="submit",
            file="{{ params.file }}",
            config={"document": {"password": "{{ task.task_id }}"}},
            params={"file": str(document)},
        )
        wait = XParseJobSensor(
            task_id="wait", job_id="{{ ti.xcom_pull(task_ids='submit') }}", poke_interval=0.05
        )
        job_id: Any = submit.output
        download = XParseDownloadResultOperator(
            task_id="download", job_id=job_id, output_path=f"{tmp_path}/{{{{ task.task_id }}}}.json"
        )
        submit >> wait >> download

    instances = run_dag(dag, tmp_path / "dags")

    assert {str(ti.state) for ti in instances.values()} == {"success"}
    [job] = textin.jobs.values()
    assert job.config == {"document": {"password": "submit"}}
    assert (tmp_path / "download.json").exists()


def test_errors_are_retried_only_where_that_can_help_and_pays_nothing_twice(
    textin: TextInServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = textin.connection() | {"password": "wrong"}
    monkeypatch.setenv("AIRFLOW_CONN_TEXTIN_WRONG", json.dumps(wrong))
    document = tmp_path / "a.md"
    document.write_text("# A\n")
    textin.fault("submit", ScriptedFault(cut="in_headers"), times=None)
    textin.fault("result", GATEWAY, times=None)
    with new_dag("failing_xparse") as dag:
        XParseSubmitOperator(task_id="uncertain", file=str(document))
        XParseSubmitOperator(task_id="bad_input", file=str(tmp_path / "missing.md"))
        XParseDownloadResultOperator(
            task_id="bad_credentials",
            job_id=textin.add_job(),
            output_path=f"{tmp_path}/out/",
            textin_conn_id="textin_wrong",
        )
        XParseDownloadResultOperator(
            task_id="server_error",
            job_id=textin.add_job(JobScript(states=["completed"])),
            output_path=f"{tmp_path}/out/",
        )

    instances = run_dag(dag, tmp_path / "dags")

    assert {task_id: _state(instances, task_id) for task_id in dag.task_ids} == {
        "uncertain": ("failed", 1),
        "bad_input": ("failed", 1),
        "bad_credentials": ("failed", 1),
        "server_error": ("failed", 3),
    }
    assert (textin.count("submit"), textin.submissions) == (1, 1)
    assert list((tmp_path / "out").iterdir()) == []


def test_a_retry_that_helps_is_a_success(
    textin: TextInServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    textin.fault("result", GATEWAY, times=4)
    with new_dag("recovering_xparse") as dag:
        XParseDownloadResultOperator(
            task_id="download",
            job_id=textin.add_job(JobScript(states=["completed"])),
            output_path=f"{tmp_path}/out/",
        )

    instances = run_dag(dag, tmp_path / "dags")

    assert _state(instances, "download") == ("success", 2)
    assert _value(instances, "download")["size_bytes"] > 0


@pytest.mark.parametrize("operator", ["submit", "document"])
def test_a_password_in_the_text_of_a_configuration_is_in_no_rendered_template(
    textin: TextInServer, tmp_path: Path, operator: str
) -> None:
    from airflow.models.renderedtifields import RenderedTaskInstanceFields

    (tmp_path / "a.md").write_text("# A\n")
    arguments: dict[str, Any] = {
        "task_id": "parse",
        "file": f"{tmp_path}/a.md",
        "config": '{"document": {"password": "open {{ params.rest }}"}}',
        "params": {"rest": "wide-and-far"},
    }
    with new_dag(f"password_of_{operator}") as dag:
        if operator == "submit":
            XParseSubmitOperator(**arguments)
        else:
            XParseDocumentOperator(output_path=f"{tmp_path}/out/", poll_interval=0.05, **arguments)

    [ti] = run_dag(dag, tmp_path / "dags").values()

    [job] = textin.jobs.values()
    assert job.config == {"document": {"password": "open wide-and-far"}}
    rendered = RenderedTaskInstanceFields.get_templated_fields(ti)
    assert rendered is not None
    assert "***" in str(rendered["config"])
    assert "wide-and-far" not in str(rendered["config"])
