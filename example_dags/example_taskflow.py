"""
A DAG of TaskFlow functions that use the hooks themselves.

- ``example_taskflow`` submits every document of a folder from one task, which suits thousands of them; one
  task waits for all jobs, one stores all results, one reads them. Beside them, a task polls with the
  asynchronous hook how all jobs are.

It needs a connection ``textin_default``, and takes its paths as params when triggered.
"""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path

from airflow.providers.common.compat.sdk import DAG, ObjectStoragePath, Param, task

from textin_provider.operators.xparse import XParseDownloadResultOperator
from textin_provider.sensors.xparse import XParseJobSensor

DOCUMENTS = Path(__file__).parent / "documents"
AIRFLOW_HOME = Path(os.environ.get("AIRFLOW_HOME", "~/airflow")).expanduser()
RESULTS = os.environ.get("TEXTIN_RESULTS", f"{AIRFLOW_HOME}/textin-results")


# [START submit_all]
# A retry would submit, and pay for, all of them again.
@task(retries=0)
def submit_all(ti=None, params: dict | None = None) -> list[str]:
    """Submit every document of the folder and return the job ids."""
    from textin_provider.hooks.textin import TextInHook

    hook, job_ids = TextInHook(), []
    try:
        for path in sorted(Path(params["documents"]).iterdir()):
            job_ids.append(hook.submit_xparse_job(file=str(path)))
    finally:
        # Also if one is refused: the others are accepted, and can be waited for by these ids.
        ti.xcom_push(key="job_ids", value=job_ids)
    return job_ids


# [END submit_all]


# [START poll]
@task
def poll(job_ids: list[str]) -> dict[str, str]:
    """Return the present status of each job."""
    from textin_provider.hooks.textin_async import TextInAsyncHook

    async def poll_all() -> dict[str, str]:
        async with TextInAsyncHook() as hook:
            jobs = await asyncio.gather(*[hook.get_xparse_job(job_id) for job_id in job_ids])
        return {job.job_id: job.reported for job in jobs}

    return asyncio.run(poll_all())


# [END poll]


# [START read]
@task
def count_tables(manifests: list[dict]) -> dict[str, int]:
    """Return how many tables each document has; the results themselves never become XComs."""
    counts = {}
    for manifest in manifests:
        result = json.loads(ObjectStoragePath(manifest["output_path"]).read_text())
        tables = [element for element in result["elements"] if element["type"] == "Table"]
        counts[manifest["job_id"]] = len(tables)
    return counts


# [END read]

# [START dag]
with DAG(
    "example_taskflow",
    schedule=None,
    catchup=False,
    tags=["example", "textin"],
    doc_md=__doc__,
    params={
        "documents": Param(str(DOCUMENTS), type="string", description="Folder of the documents"),
        "results": Param(RESULTS, type="string", description="Folder for the results"),
    },
):
    job_ids = submit_all()
    poll(job_ids)
    wait = XParseJobSensor(task_id="wait", job_id=job_ids, deferrable=True, poke_interval=5, timeout=60 * 60)
    download = XParseDownloadResultOperator(
        task_id="download", job_id=job_ids, output_path="{{ params.results }}/"
    )
    wait >> download
    count_tables(download.output)
# [END dag]
