"""
Three DAGs that turn documents into structured elements with TextIn xParse, from the simplest to the largest.

- ``example_xparse_document`` parses one document in one task: submit, wait, store.
- ``example_xparse`` does the same in three tasks, of which others can use the results in between.
- ``example_xparse_folder`` parses every document of a folder: one submit each, one task that waits for all of
  them, and one that stores all results.

All need a connection ``textin_default``, and take their paths as params when triggered. Results go to the
folder ``$TEXTIN_RESULTS``, by default ``textin-results`` in ``$AIRFLOW_HOME``. With several workers, name
places that all of them reach, such as ``s3://bucket/results``.
"""

from __future__ import annotations

import os
from pathlib import Path

from airflow.providers.common.compat.sdk import DAG, Param, task

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


with DAG(
    dag_id="example_xparse_folder",
    schedule=None,
    catchup=False,
    tags=["example", "textin"],
    doc_md=__doc__,
    params={
        "documents": Param(str(DOCUMENTS), type="string", description="Folder of the documents"),
        "results": RESULTS_PARAM,
    },
):
    # [START folder]
    @task
    def find(params: dict | None = None) -> list[str]:
        """Return the path of every document in the folder."""
        return [str(path) for path in sorted(Path(params["documents"]).iterdir()) if path.is_file()]

    # Each submit is a task of its own, so that a retry sends one document and not all of them.
    submit = XParseSubmitOperator.partial(task_id="submit").expand(file=find())
    # What a mapped task returns is a list: one task waits for all jobs, one stores all results.
    wait = XParseJobSensor(task_id="wait", job_id=submit.output, **WAIT)
    download = XParseDownloadResultOperator(
        task_id="download", job_id=submit.output, output_path="{{ params.results }}/"
    )
    submit >> wait >> download
    # [END folder]
