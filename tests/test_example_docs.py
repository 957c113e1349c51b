"""The example DAGs that the documentation is made of, as a user runs them: a real Airflow, a local TextIn."""

from __future__ import annotations

import json
import threading
import time
from datetime import timedelta
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import pytest
from packaging.version import Version

from scripts.local_airflow import EXAMPLE_DAGS
from tests.airflow_versions import DagBag
from textin_provider.testing import FileScript, JobScript, ScriptedFault, TextInServer, fast_polling

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

needs_policies = pytest.mark.skipif(
    Version(version("apache-airflow")) < Version("3.3"), reason="Airflow has policies from 3.3 on"
)
WRONG_SECRET, TOO_MANY, BUSY = 40102, 40306, 500


@pytest.fixture
def dag(airflow_db: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Any]:
    """Return a function that loads an example DAG, made to wait for tenths of seconds."""
    monkeypatch.setenv("TEXTIN_RESULTS", str(tmp_path))

    def load(dag_id: str) -> Any:
        bag = DagBag(EXAMPLE_DAGS / f"{dag_id}.py")
        assert bag.import_errors == {}
        for operator in bag.dags[dag_id].task_dict.values():
            operator.retry_delay = timedelta(0)
            for interval in ("poke_interval", "poll_interval"):
                if hasattr(operator, interval):
                    setattr(operator, interval, 0.1)
        return bag.dags[dag_id]

    return load


def _states(run: Any) -> dict[str, str]:
    return {ti.task_id: str(ti.state) for ti in run.get_task_instances()}


def _ti(run: Any, task_id: str) -> Any:
    [ti] = [ti for ti in run.get_task_instances() if ti.task_id == task_id]
    return ti


def test_the_quickstart_stores_what_it_was_told_to(
    dag: Callable[[str], Any], textin: TextInServer, tmp_path: Path
) -> None:
    document = EXAMPLE_DAGS / "documents" / "report.pdf"

    run = dag("example_quickstart").test(run_conf={"document": str(document), "results": str(tmp_path)})

    assert _states(run) == {"parse": "success"}
    [job_id] = textin.jobs
    assert "Quarterly Report" in json.loads((tmp_path / f"{job_id}.json").read_text())["markdown"]


def test_what_passes_is_retried_and_told(
    dag: Callable[[str], Any], textin: TextInServer, caplog: pytest.LogCaptureFixture
) -> None:
    # As often as a download is tried before the task's own retries apply.
    textin.fault("result", ScriptedFault(code=BUSY, message="busy"), times=4)

    run = dag("example_retries").test()

    parse = _ti(run, "parse")
    assert (str(parse.state), parse.try_number) == ("success", 2)
    assert f"TextIn code {BUSY}" in caplog.text
    assert "until somebody acts" not in caplog.text


def test_what_no_retry_can_mend_fails_at_once_and_calls_for_a_person(
    dag: Callable[[str], Any], textin: TextInServer, caplog: pytest.LogCaptureFixture
) -> None:
    textin.fault("submit", ScriptedFault(code=WRONG_SECRET), times=None)

    run = dag("example_retries").test()

    parse = _ti(run, "parse")
    assert (str(parse.state), parse.try_number, textin.submissions) == ("failed", 1, 0)
    assert "until somebody acts: Check App ID and Secret code" in caplog.text


@needs_policies
def test_a_policy_ends_the_retries_of_a_document_that_would_fail_again(
    dag: Callable[[str], Any], textin: TextInServer
) -> None:
    textin.script(JobScript(status="failed", message="document is empty"))

    run = dag("example_retry_policy").test()

    parse = _ti(run, "parse")
    assert (str(parse.state), parse.try_number, textin.submissions) == ("failed", 1, 1)


@needs_policies
def test_a_policy_gives_a_rate_limit_more_time_than_the_task_would(
    dag: Callable[[str], Any], textin: TextInServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow.models.taskinstance import TaskInstance
    from airflow.utils.session import create_session

    class WaitsForRetryError(Exception):
        """The run would sleep now until the retry is due."""

    def stop(seconds: float, sleep: Callable[[float], None] = time.sleep) -> None:
        if threading.current_thread() is threading.main_thread():
            raise WaitsForRetryError
        sleep(seconds)

    textin.fault("submit", ScriptedFault(code=TOO_MANY))
    monkeypatch.setattr(time, "sleep", stop)
    limited = dag("example_retry_policy")
    for task in limited.tasks:
        task.rate_limit_timeout = 0.0
    with pytest.raises(WaitsForRetryError):
        limited.test()

    with create_session() as session:
        ti = session.query(TaskInstance).filter_by(dag_id="example_retry_policy", state="up_for_retry").one()
        decision = (ti.retry_delay_override, ti.retry_reason)
    assert decision == (15 * 60, "Matched rule for TextInRateLimitError")
    assert textin.submissions == 0


def test_two_regions_are_two_connections(
    dag: Callable[[str], Any], textin: TextInServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with TextInServer(app_id="international", workspace_id="elsewhere", pending_seconds=0.1) as abroad:
        for conn_id, server in {"textin_cn": textin, "textin_intl": abroad}.items():
            monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(server.connection()))
            for _ in range(3):
                server.script_file(FileScript(statuses=[0, 1]))

        run = dag("example_regions").test()

        assert set(_states(run).values()) == {"success"}
        assert (textin.uploads_accepted, abroad.uploads_accepted) == (3, 3)
    for region, server in {"cn": textin, "intl": abroad}.items():
        lines = (tmp_path / f"invoices-{region}.jsonl").read_text().splitlines()
        assert {json.loads(line)["id"] for line in lines} == set(server.files)


def test_the_hooks_serve_taskflow_functions(
    dag: Callable[[str], Any], textin: TextInServer, tmp_path: Path
) -> None:
    run = dag("example_taskflow").test(run_conf={"results": str(tmp_path)})

    assert set(_states(run).values()) == {"success"}
    job_ids = list(textin.jobs)
    assert _ti(run, "submit_all").xcom_pull(task_ids="submit_all", key="job_ids") == job_ids
    assert set(_ti(run, "poll").xcom_pull(task_ids="poll")) == set(job_ids)
    tables = _ti(run, "count_tables").xcom_pull(task_ids="count_tables")
    by_name = {textin.jobs[job_id].filename: count for job_id, count in tables.items()}
    assert set(by_name) == {"handbook.md", "notice.html", "report.pdf"}
    assert any(by_name.values())


def test_what_was_accepted_is_known_when_a_later_document_is_refused(
    dag: Callable[[str], Any], textin: TextInServer
) -> None:
    textin.fault("submit", ScriptedFault(), times=1)  # nothing is wrong with the first
    textin.fault("submit", ScriptedFault(code=40303), times=1)

    run = dag("example_taskflow").test()

    submit = _ti(run, "submit_all")
    assert (str(submit.state), textin.submissions) == ("failed", 1)
    assert submit.xcom_pull(task_ids="submit_all", key="job_ids") == list(textin.jobs)


# [START dag_test]
def test_a_failed_job_ends_the_run_and_costs_one_submit(
    airflow_db: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    dag = DagBag(EXAMPLE_DAGS / "example_xparse.py").dags["example_xparse"]
    with TextInServer() as textin, fast_polling():
        monkeypatch.setenv("AIRFLOW_CONN_TEXTIN_DEFAULT", json.dumps(textin.connection()))
        textin.script(JobScript(status="failed", message="document is empty"))
        textin.fault("status", ScriptedFault(http_status=502), times=3)

        run = dag.test(run_conf={"results": str(tmp_path)})

    states = {ti.task_id: ti.state for ti in run.get_task_instances()}
    assert states == {"submit": "success", "wait": "failed", "download": "upstream_failed"}
    assert textin.submissions == 1


# [END dag_test]
