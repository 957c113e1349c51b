"""The sensor as a task of a real DAG run, where what matters is what Airflow says of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.running import new_dag, run_dag
from tests.sensors.conftest import MODES
from textin_provider.sensors.xparse import XParseJobSensor
from textin_provider.testing import JobScript, TextInServer

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_airflow_takes_it_for_a_sensor_that_runs_where_it_should(
    airflow_db: None,
    textin: TextInServer,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    with new_dag("plain_sensors") as dag:
        for mode, options in MODES.items():
            job_id = textin.add_job(JobScript(states=["pending", "completed"]))
            XParseJobSensor(
                task_id=mode,
                job_id=job_id,
                poke_interval=0.02,
                # Airflow 2 lets the author forbid that one operator calls another's execute.
                allow_nested_operators=False,
                **options,
            )

    states = {task_id: str(ti.state) for (task_id, _), ti in run_dag(dag, tmp_path).items()}

    assert states == dict.fromkeys(MODES, "success")
    assert "cannot be called outside" not in capfd.readouterr().out + caplog.text


def test_it_waits_for_each_of_mapped_jobs(airflow_db: None, textin: TextInServer, tmp_path: Path) -> None:
    jobs = [
        textin.add_job(JobScript(states=["pending", state])) for state in ("completed", "failed", "completed")
    ]
    with new_dag("mapped_sensors") as dag:
        XParseJobSensor.partial(task_id="wait", deferrable=True, poke_interval=0.02).expand(job_id=jobs)

    instances = run_dag(dag, tmp_path)

    states = [str(instances["wait", index].state) for index in range(3)]
    assert states == ["success", "failed", "success"]
    value = instances["wait", 2].xcom_pull(task_ids="wait", map_indexes=2)
    assert (value["job_id"], value["status"]) == (jobs[2], "completed")
