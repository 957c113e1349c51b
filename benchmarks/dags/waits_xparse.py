"""Waits for xParse jobs, whose ids a run is given: a task for each of them, and one for all."""

from __future__ import annotations

from airflow.providers.common.compat.sdk import DAG, task

from textin_provider.sensors.xparse import XParseJobSensor

WAIT = {
    "task_id": "wait",
    "textin_conn_id": "bench_textin",
    "deferrable": True,
    "poke_interval": 5,
    "timeout": 3600,
}


@task
def jobs(params: dict | None = None) -> list[str]:
    """Return the ids."""
    return params["jobs"]


with DAG("a_task_each", schedule=None, params={"jobs": []}):
    XParseJobSensor.partial(**WAIT).expand(job_id=jobs())

with DAG("one_task", schedule=None, params={"jobs": []}):
    XParseJobSensor(**WAIT, job_id=jobs())
