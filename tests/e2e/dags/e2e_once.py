"""One DAG for each subject of tests/once: its tasks are struck by signals, in their own processes."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

from airflow.providers.common.compat.sdk import DAG

from tests.once.matrix import SUBJECTS, cells
from tests.once.moments import Strike

FOLDER = Path(os.environ["TEXTIN_RESULTS"], "once")

for subject in SUBJECTS:
    with DAG(
        dag_id=f"e2e_once_{subject.slug}",
        schedule=None,
        catchup=False,
        default_args={"retries": 2, "retry_delay": timedelta(seconds=1)},
    ):
        for cell in cells(subject, (Strike.SIGTERM, Strike.SIGKILL)):
            cell.make(FOLDER)
