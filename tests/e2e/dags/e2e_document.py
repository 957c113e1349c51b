"""One document per run, parsed by one task, in the worker or deferred, which is tried three times."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

from airflow.providers.common.compat.sdk import DAG

from textin_provider.operators.xparse import XParseDocumentOperator

DOCUMENT = Path(__file__).parents[3] / "example_dags" / "documents" / "handbook.md"

for name, deferrable in (("sync", False), ("deferrable", True), ("cleared", False)):
    with DAG(dag_id=f"e2e_document_{name}", schedule=None, catchup=False):
        XParseDocumentOperator(
            task_id="parse",
            file=str(DOCUMENT),
            output_path=f"{os.environ['TEXTIN_RESULTS']}/{{{{ run_id }}}}.json",
            deferrable=deferrable,
            poll_interval=0.5,
            retries=2,
            retry_delay=timedelta(seconds=1),
        )
