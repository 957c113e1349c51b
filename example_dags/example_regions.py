"""
A DAG that works with two TextIn accounts, such as one in China and an international one.

- ``example_regions`` uploads the same invoices to both, and stores what each extracted.

It needs the connections ``textin_cn`` and ``textin_intl``, each with a DocFlow workspace of its own account
(extra ``workspace_id``); that of the international account has the extra ``docflow_host``
``https://docflow.textin.ai``.
"""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

from airflow.providers.common.compat.sdk import DAG

from textin_provider.operators.docflow import DocFlowDownloadResultsOperator, DocFlowUploadOperator
from textin_provider.sensors.docflow import DocFlowBatchSensor

INVOICES = [str(path) for path in sorted((Path(__file__).parent / "invoices").iterdir())]
AIRFLOW_HOME = Path(os.environ.get("AIRFLOW_HOME", "~/airflow")).expanduser()
RESULTS = os.environ.get("TEXTIN_RESULTS", f"{AIRFLOW_HOME}/textin-results")

# [START regions]
with DAG("example_regions", schedule=None, catchup=False, tags=["example", "textin"], doc_md=__doc__):
    for region in ("cn", "intl"):
        # Batches, files and jobs belong to one account: all tasks about them name its connection.
        account = {"textin_conn_id": f"textin_{region}"}
        batch = f"{{{{ ti.xcom_pull('upload_{region}')['batch_number'] }}}}"
        upload = DocFlowUploadOperator(task_id=f"upload_{region}", files=INVOICES, **account)
        wait = DocFlowBatchSensor(
            task_id=f"wait_{region}",
            batch_number=batch,
            expected_files=len(INVOICES),
            raise_on_failure=False,
            deferrable=True,
            poke_interval=5,
            timeout=timedelta(hours=1),
            **account,
        )
        download = DocFlowDownloadResultsOperator(
            task_id=f"download_{region}",
            batch_number=batch,
            output_path=f"{RESULTS}/invoices-{region}.jsonl",
            **account,
        )
        upload >> wait >> download
# [END regions]
