"""
Two DAGs that turn documents into structured elements with TextIn xParse.

- ``example_xparse`` submits one document, waits for it without holding a worker, and stores the result.
- ``example_xparse_mapped`` does the same for every document of a folder.

Both need a connection ``textin_default``, and both take their paths as params when triggered. Results go to
the folder ``$TEXTIN_RESULTS``, by default ``textin-results`` in ``$AIRFLOW_HOME``. With several workers, name
places that all of them reach, such as ``s3://bucket/results``.
"""

from __future__ import annotations

import os
from pathlib import Path

from airflow.providers.common.compat.sdk import DAG, Param, task

from textin_provider.operators.xparse import XParseDownloadResultOperator, XParseSubmitOperator
from textin_provider.sensors.xparse import XParseJobSensor

DOCUMENTS = Path(__file__).parent / "documents"
AIRFLOW_HOME = Path(os.environ.get("AIRFLOW_HOME", "~/airflow")).expanduser()
RESULTS = os.environ.get("TEXTIN_RESULTS", f"{AIRFLOW_HOME}/textin-results")

# Seconds. While deferred, a task waits in the triggerer and holds no worker.
WAIT = {"deferrable": True, "poke_interval": 5, "timeout": 60 * 60}

with DAG(
    dag_id="example_xparse",
    schedule=None,
    catchup=False,
    tags=["example", "textin"],
    doc_md=__doc__,
    params={
        "document": Param(str(DOCUMENTS / "handbook.md"), type="string", description="Document to parse"),
        "results": Param(RESULTS, type="string", description="Folder for the result"),
    },
):
    submit = XParseSubmitOperator(task_id="submit", file="{{ params.document }}")
    wait = XParseJobSensor(task_id="wait", job_id=submit.output, **WAIT)
    download = XParseDownloadResultOperator(
        task_id="download", job_id=submit.output, output_path="{{ params.results }}/"
    )
    submit >> wait >> download


with DAG(
    dag_id="example_xparse_mapped",
    schedule=None,
    catchup=False,
    tags=["example", "textin"],
    doc_md=__doc__,
    params={
        "documents": Param(str(DOCUMENTS), type="string", description="Folder of the documents"),
        "results": Param(RESULTS, type="string", description="Folder for the results"),
    },
):

    @task
    def find(params: dict | None = None) -> list[str]:
        """Return the path of every document in the folder."""
        return [str(path) for path in sorted(Path(params["documents"]).iterdir()) if path.is_file()]

    submit = XParseSubmitOperator.partial(task_id="submit").expand(file=find())
    wait = XParseJobSensor.partial(task_id="wait", **WAIT).expand(job_id=submit.output)
    download = XParseDownloadResultOperator.partial(
        task_id="download", output_path="{{ params.results }}/"
    ).expand(job_id=submit.output)
    submit >> wait >> download
