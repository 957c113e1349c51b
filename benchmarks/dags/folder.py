"""The same documents as one task over their folder, and as a mapped task for each of them."""

from __future__ import annotations

import resource
from pathlib import Path
from typing import Any

from airflow.providers.common.compat.sdk import DAG, task

from textin_provider.operators.xparse import XParseDocumentOperator, XParseFolderOperator

PARAMS = {"source": "", "output": "", "memory": ""}


def note_memory(context: dict[str, Any], result: Any = None) -> None:
    """Add the most MiB that this process has used so far to the file that the run names."""
    # ru_maxrss counts KiB on Linux.
    mebibytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    with Path(context["params"]["memory"]).open("a") as file:
        file.write(f"{mebibytes}\n")


@task
def documents(params: dict | None = None) -> list[str]:
    """Return the paths."""
    return sorted(str(path) for path in Path(params["source"]).iterdir())


with DAG("one_folder", schedule=None, params=PARAMS):
    XParseFolderOperator(
        task_id="parse",
        textin_conn_id="bench_textin",
        source="{{ params.source }}",
        output_path="{{ params.output }}",
        deferrable=True,
        timeout=3600,
        pre_execute=note_memory,
        post_execute=note_memory,
    )

with DAG("a_document_each", schedule=None, params=PARAMS):
    XParseDocumentOperator.partial(
        task_id="parse",
        textin_conn_id="bench_textin",
        output_path="{{ params.output }}/",
        deferrable=True,
        timeout=3600,
    ).expand(file=documents())
