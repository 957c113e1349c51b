"""
A DAG whose retries depend on what TextIn said: retry policies, which Airflow has from 3.3 on.

- ``example_retry_policy`` parses one document. A rate limit is given a quarter of an hour, a fault of TextIn
  or of the network a minute; a document that TextIn could not parse is not sent again.

It needs a connection ``textin_default``. An older Airflow finds no DAG in this file.
"""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

from airflow.providers.common.compat.sdk import DAG

from textin_provider.exceptions import (
    TextInDocumentFailedError,
    TextInRateLimitError,
    TextInServerError,
    TextInTransportError,
)
from textin_provider.operators.xparse import XParseDocumentOperator

try:
    from airflow.sdk import ExceptionRetryPolicy, RetryAction, RetryRule
except ImportError:  # Airflow before 3.3
    ExceptionRetryPolicy = None

DOCUMENT = Path(__file__).parent / "documents" / "handbook.md"
AIRFLOW_HOME = Path(os.environ.get("AIRFLOW_HOME", "~/airflow")).expanduser()
RESULTS = os.environ.get("TEXTIN_RESULTS", f"{AIRFLOW_HOME}/textin-results")

if ExceptionRetryPolicy is not None:
    # [START policy]
    # The first rule that matches wins; what none of them matches is retried as usual.
    PATIENCE = ExceptionRetryPolicy(
        rules=[
            RetryRule(
                TextInDocumentFailedError,
                action=RetryAction.FAIL,
                reason="the same document would fail again",
            ),
            RetryRule(TextInRateLimitError, retry_delay=timedelta(minutes=15)),
            RetryRule([TextInServerError, TextInTransportError], retry_delay=timedelta(minutes=1)),
        ]
    )

    with DAG(
        "example_retry_policy", schedule=None, catchup=False, tags=["example", "textin"], doc_md=__doc__
    ):
        XParseDocumentOperator(
            task_id="parse",
            file=str(DOCUMENT),
            output_path=f"{RESULTS}/",
            deferrable=True,
            poll_interval=5,
            # A policy can end the retries early, and never adds one.
            retries=5,
            retry_policy=PATIENCE,
        )
    # [END policy]
