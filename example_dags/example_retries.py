"""
A DAG that retries as Airflow has always done it, and says what a failed try means.

- ``example_retries`` parses one document. What passes by itself is retried three times; what no retry can
  mend fails at once. A callback logs what TextIn's support asks for, and says when a person has to act.

It needs a connection ``textin_default``.
"""

from __future__ import annotations

import logging
import os
from datetime import timedelta
from pathlib import Path

from airflow.providers.common.compat.sdk import DAG

from textin_provider.exceptions import TextInAuthenticationError, TextInError, TextInQuotaError
from textin_provider.operators.xparse import XParseDocumentOperator

DOCUMENT = Path(__file__).parent / "documents" / "handbook.md"
AIRFLOW_HOME = Path(os.environ.get("AIRFLOW_HOME", "~/airflow")).expanduser()
RESULTS = os.environ.get("TEXTIN_RESULTS", f"{AIRFLOW_HOME}/textin-results")

log = logging.getLogger(__name__)


# [START callback]
def tell(context: dict) -> None:
    """Log what TextIn's support asks for, and what a person has to do."""
    error = context.get("exception")
    if not isinstance(error, TextInError):
        return
    log.warning("TextIn code %s, request id %s: %s", error.code, error.request_id, error.message)
    if isinstance(error, TextInAuthenticationError | TextInQuotaError):
        log.error("Everything that uses this account will fail until somebody acts: %s.", error.fix)


# [END callback]

# [START retries]
with DAG("example_retries", schedule=None, catchup=False, tags=["example", "textin"], doc_md=__doc__):
    XParseDocumentOperator(
        task_id="parse",
        file=str(DOCUMENT),
        output_path=f"{RESULTS}/",
        deferrable=True,
        poll_interval=5,
        retries=3,
        retry_delay=timedelta(minutes=5),
        on_retry_callback=tell,
        on_failure_callback=tell,
    )
# [END retries]
