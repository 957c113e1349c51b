"""What `dag.test()` needs, made once for a test run and only if a test asks for it."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def airflow_db() -> Iterator[None]:
    """Migrate the database in this run's Airflow home."""
    if "AIRFLOW_HOME" not in os.environ:
        pytest.fail("Use `make test`: it gives Airflow a home that is not your own.", pytrace=False)
    migration = subprocess.run(
        [sys.executable, "-m", "airflow", "db", "migrate"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert migration.returncode == 0, migration.stdout
    with pytest.MonkeyPatch.context() as patch:
        _mend(patch)
        yield


def _mend(patch: pytest.MonkeyPatch) -> None:
    """Make `dag.test()` of each Airflow 3 what that of the newest one is."""
    try:
        from airflow.sdk.api.client import TaskInstanceOperations
        from airflow.sdk.execution_time import supervisor, task_runner
    except ImportError:  # Airflow 2
        return
    if not hasattr(supervisor.in_process_api_server, "cache_info"):
        # Each leg of each task would take a second to make an API server for itself.
        patch.setattr(supervisor, "in_process_api_server", lru_cache(supervisor.in_process_api_server))

    ask = TaskInstanceOperations.get_reschedule_start_date

    def ask_for_a_date(*args: Any, **kwargs: Any) -> Any:
        # Airflow 3.0 leaves it to the wire, which is not there, to make a date of the text.
        answer = ask(*args, **kwargs)
        return type(answer).model_validate(answer.model_dump(warnings=False))

    patch.setattr(TaskInstanceOperations, "get_reschedule_start_date", ask_for_a_date)

    finalize = task_runner.finalize

    def finalize_with_error(ti: Any, state: Any, context: Any, log: Any, error: Any = None) -> Any:
        # Before Airflow 3.3 only a task that has a process of its own tells callbacks of the error.
        context.setdefault("exception", error)
        return finalize(ti, state, context, log, error)

    patch.setattr(task_runner, "finalize", finalize_with_error)
