"""A folder of documents per run, parsed by one deferrable task, which is tried three times."""

from __future__ import annotations

import os
from datetime import timedelta

from airflow.providers.common.compat.sdk import DAG

from textin_provider.operators.xparse import XParseFolderOperator

FOLDER = f"{os.environ['TEXTIN_RESULTS']}/{{{{ run_id }}}}"

with DAG(dag_id="e2e_folder", schedule=None, catchup=False):
    XParseFolderOperator(
        task_id="parse",
        source=f"{FOLDER}/in",
        output_path=f"{FOLDER}/out",
        deferrable=True,
        poll_interval=1,
        retries=2,
        retry_delay=timedelta(seconds=1),
    )
