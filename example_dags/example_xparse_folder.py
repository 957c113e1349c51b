"""
Parse every document of a folder with TextIn xParse, each paid for once: another run sends what is new.

It needs a connection ``textin_default``, and takes its folders as params when triggered. Results, and the
state of the folder beside them, go to ``$TEXTIN_RESULTS``, by default ``textin-results`` in
``$AIRFLOW_HOME``. With several workers, name places that all of them reach, such as ``s3://bucket/inbox`` and
``s3://bucket/results``.
"""

from __future__ import annotations

import os
from pathlib import Path

from airflow.providers.common.compat.sdk import DAG, Param

from textin_provider.operators.xparse import XParseFolderOperator

DOCUMENTS = Path(__file__).parent / "documents"
AIRFLOW_HOME = Path(os.environ.get("AIRFLOW_HOME", "~/airflow")).expanduser()
RESULTS = os.environ.get("TEXTIN_RESULTS", f"{AIRFLOW_HOME}/textin-results")

with DAG(
    dag_id="example_xparse_folder",
    schedule=None,
    catchup=False,
    # A second run at the same time would fail: one run at a time writes to an output folder.
    max_active_runs=1,
    tags=["example", "textin"],
    doc_md=__doc__,
    params={
        "documents": Param(
            str(DOCUMENTS), type="string", description="Folder, prefix or glob of the documents"
        ),
        "results": Param(f"{RESULTS}/folder", type="string", description="Folder for the results"),
        "max_documents": Param(
            None, type=["integer", "null"], minimum=0, description="Documents to send at most; empty for all"
        ),
    },
):
    # [START folder]
    # Each run sends what is new. A retry, or a run after a crash, goes on from the state beside the results.
    XParseFolderOperator(
        task_id="parse",
        source="{{ params.documents }}",
        output_path="{{ params.results }}",
        max_documents="{{ params.max_documents }}",
        deferrable=True,
        poll_interval=5,
        retries=2,
    )
    # [END folder]
