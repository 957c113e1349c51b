"""
Two DAGs that have invoices read by TextIn DocFlow.

- ``example_docflow`` uploads several invoices as one batch, waits without holding a worker, and stores
  what was extracted, one JSON object a line. It fails if an invoice could not be read, after the others were
  stored.
- ``example_docflow_branch`` goes on either way, and branches on whether some invoices failed.

Both need a connection ``textin_default`` with a DocFlow workspace (extra ``workspace_id``).
"""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

from airflow.providers.common.compat.sdk import DAG, task

from textin_provider.operators.docflow import DocFlowDownloadResultsOperator, DocFlowUploadOperator
from textin_provider.sensors.docflow import DocFlowBatchSensor

INVOICES = [str(path) for path in sorted((Path(__file__).parent / "invoices").iterdir())]
AIRFLOW_HOME = Path(os.environ.get("AIRFLOW_HOME", "~/airflow")).expanduser()
RESULTS = os.environ.get("TEXTIN_RESULTS", f"{AIRFLOW_HOME}/textin-results")

# [START batch]
WAIT = {"deferrable": True, "poke_interval": 5, "timeout": timedelta(hours=1)}
BATCH = "{{ ti.xcom_pull('upload')['batch_number'] }}"

with DAG("example_docflow", schedule=None, catchup=False, tags=["example", "textin"], doc_md=__doc__):
    upload = DocFlowUploadOperator(task_id="upload", files=INVOICES)
    wait = DocFlowBatchSensor(
        task_id="wait", batch_number=BATCH, expected_files=len(INVOICES), raise_on_failure=False, **WAIT
    )
    download = DocFlowDownloadResultsOperator(
        task_id="download", batch_number=BATCH, output_path=f"{RESULTS}/invoices.jsonl"
    )
    upload >> wait >> download
# [END batch]


with DAG("example_docflow_branch", schedule=None, catchup=False, tags=["example", "textin"], doc_md=__doc__):
    # [START branch]
    @task.branch
    def judge(summary: dict) -> str:
        """Choose the way on by whether all invoices were read."""
        return "ask_a_person" if summary["failed"] else "book"

    @task
    def ask_a_person(summary: dict) -> list[str]:
        """Say which invoices need a person, and why."""
        return [f"{file['name']}: {file['failure_causes']}" for file in summary["failures"]]

    @task
    def book(summary: dict) -> str:
        """Go on with what was read."""
        return f"{summary['succeeded']} invoices read"

    upload = DocFlowUploadOperator(task_id="upload", files=INVOICES)
    wait = DocFlowBatchSensor(
        task_id="wait", batch_number=BATCH, expected_files=len(INVOICES), raise_on_failure=False, **WAIT
    )
    upload >> wait
    judge(wait.output) >> [ask_a_person(wait.output), book(wait.output)]
    # [END branch]
