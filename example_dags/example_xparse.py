"""
Two DAGs that turn a document into structured elements with TextIn xParse.

- ``example_xparse_document`` parses it in one task: submit, wait, store.
- ``example_xparse`` does the same in three tasks, of which others can use the results in between.

Both need a connection ``textin_default``, and take their paths as params when triggered. Results go to the
folder ``$TEXTIN_RESULTS``, by default ``textin-results`` in ``$AIRFLOW_HOME``. With several workers, name
places that all of them reach, such as ``s3://bucket/results``.
"""

from __future__ import annotations

import os
from pathlib import Path

from airflow.providers.common.compat.sdk import DAG, Param

from textin_provider.operators.xparse import (
    XParseDocumentOperator,
    XParseDownloadResultOperator,
    XParseSubmitOperator,
)
from textin_provider.sensors.xparse import XParseJobSensor

DOCUMENTS = Path(__file__).parent / "documents"
AIRFLOW_HOME = Path(os.environ.get("AIRFLOW_HOME", "~/airflow")).expanduser()
RESULTS = os.environ.get("TEXTIN_RESULTS", f"{AIRFLOW_HOME}/textin-results")

DOCUMENT_PARAM = Param(str(DOCUMENTS / "handbook.md"), type="string", description="Document to parse")
RESULTS_PARAM = Param(RESULTS, type="string", description="Folder for the results")

# [START wait]
# Seconds. While deferred, a task waits in the triggerer and holds no worker.
WAIT = {"deferrable": True, "poke_interval": 5, "timeout": 60 * 60}
# [END wait]

with DAG(
    dag_id="example_xparse_document",
    schedule=None,
    catchup=False,
    tags=["example", "textin"],
    doc_md=__doc__,
    params={"document": DOCUMENT_PARAM, "results": RESULTS_PARAM},
):
    # [START document]
    # On Airflow 3.3 and later a retry goes on with the job that is paid for.
    XParseDocumentOperator(
        task_id="parse",
        file="{{ params.document }}",
        output_path="{{ params.results }}/",
        deferrable=True,
        poll_interval=5,
        retries=2,
    )
    # [END document]


with DAG(
    dag_id="example_xparse",
    schedule=None,
    catchup=False,
    tags=["example", "textin"],
    doc_md=__doc__,
    params={"document": DOCUMENT_PARAM, "results": RESULTS_PARAM},
):
    # [START three_tasks]
    submit = XParseSubmitOperator(task_id="submit", file="{{ params.document }}")
    wait = XParseJobSensor(task_id="wait", job_id=submit.output, **WAIT)
    download = XParseDownloadResultOperator(
        task_id="download", job_id=submit.output, output_path="{{ params.results }}/"
    )
    submit >> wait >> download
    # [END three_tasks]
