"""Waits for the jobs that a file lists: each in a task of its own, or all of them in one."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from airflow.providers.common.compat.sdk import DAG, task

from textin_provider.sensors.xparse import XParseJobSensor

WAIT: dict[str, Any] = {
    "task_id": "wait",
    "textin_conn_id": "textin_in_database",
    "deferrable": True,
    "poke_interval": 2,
    "timeout": 1800,
}


@task
def jobs(run_id: str | None = None) -> list[str]:
    """Return the ids that the file for this run lists."""
    ids: list[str] = json.loads(Path(os.environ["TEXTIN_RESULTS"], f"{run_id}.jobs").read_text())
    return ids


with DAG(dag_id="e2e_wait_each", schedule=None, catchup=False):
    XParseJobSensor.partial(**WAIT).expand(job_id=jobs())

with DAG(dag_id="e2e_wait_all", schedule=None, catchup=False):
    ids: Any = jobs()
    XParseJobSensor(job_id=ids, **WAIT)
