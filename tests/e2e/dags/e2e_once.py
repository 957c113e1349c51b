"""The tasks of tests/once that signals strike, in their own processes."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

from airflow.providers.common.compat.sdk import DAG

from tests.once.matrix import TASKS, cells
from tests.once.moments import Strike

FOLDER = Path(os.environ["TEXTIN_RESULTS"], "once")

# More retries than strikes: a busy Airflow may lose tries of its own.
with DAG(
    dag_id="e2e_once",
    schedule=None,
    catchup=False,
    max_active_tasks=8,
    default_args={"retries": 5, "retry_delay": timedelta(seconds=1)},
):
    for task in TASKS:
        for cell in cells(task, (Strike.SIGTERM, Strike.SIGKILL)):
            cell.make(FOLDER)
