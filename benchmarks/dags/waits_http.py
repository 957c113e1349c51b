"""The same waits with HttpSensor, in a file of their own, for tasks import what stands in theirs."""

from __future__ import annotations

from airflow.providers.common.compat.sdk import DAG, task
from airflow.providers.http.sensors.http import HttpSensor


@task
def endpoints(params: dict | None = None) -> list[str]:
    """Return the status endpoints of the jobs."""
    return [f"api/v1/xparse/parse/async/{job_id}" for job_id in params["jobs"]]


with DAG("http_sensor_each", schedule=None, params={"jobs": []}):
    HttpSensor.partial(
        task_id="wait",
        http_conn_id="bench_http",
        method="GET",
        deferrable=True,
        poke_interval=5,
        timeout=3600,
    ).expand(endpoint=endpoints())
