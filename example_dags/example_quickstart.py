"""The DAG of the quickstart: one document, one task."""

from __future__ import annotations

# [START quickstart]
from airflow.providers.common.compat.sdk import DAG, Param

from textin_provider.operators.xparse import XParseDocumentOperator

with DAG(
    "example_quickstart",
    schedule=None,
    catchup=False,
    tags=["example", "textin"],
    params={"document": Param(type="string"), "results": Param(type="string")},
):
    XParseDocumentOperator(
        task_id="parse",
        file="{{ params.document }}",
        output_path="{{ params.results }}/",
        deferrable=True,
        retries=2,
    )
# [END quickstart]
