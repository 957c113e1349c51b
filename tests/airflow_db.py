"""Provide the metadata database for `dag.test()`, and correct `dag.test()` of older Airflow versions."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def airflow_db() -> Iterator[None]:
    """Create the database in the Airflow home of this worker."""
    if "AIRFLOW_HOME" not in os.environ:
        pytest.fail("Use `make test`: it gives Airflow a home that is not your own.", pytrace=False)
    home = Path(os.environ["AIRFLOW_HOME"])
    if "PYTEST_XDIST_WORKER" in os.environ:
        _copy_or_migrate(home, home.parent / "migrated.sqlite")
    else:
        _migrate()
    with pytest.MonkeyPatch.context() as patch:
        _patch_dag_test(patch)
        yield


def _copy_or_migrate(home: Path, migrated: Path) -> None:
    """Migrate a database in the first worker alone, for that takes ten seconds; the others copy it."""
    with migrated.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if migrated.exists():
            shutil.copy(migrated, home / "airflow.db")
        else:
            _migrate()
            shutil.copy(home / "airflow.db", migrated)


def _migrate() -> None:
    migration = subprocess.run(
        [sys.executable, "-m", "airflow", "db", "migrate"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert migration.returncode == 0, migration.stdout


def _patch_dag_test(patch: pytest.MonkeyPatch) -> None:
    """Patch `dag.test()` of older Airflow 3 versions to behave as in the newest one."""
    try:
        from airflow.sdk.api.client import TaskInstanceOperations
        from airflow.sdk.execution_time import supervisor, task_runner
    except ImportError:  # Airflow 2
        return
    if not hasattr(supervisor.in_process_api_server, "cache_info"):
        # Without the cache each run of a task creates an API server, which takes a second.
        patch.setattr(supervisor, "in_process_api_server", lru_cache(supervisor.in_process_api_server))

    original = TaskInstanceOperations.get_reschedule_start_date

    def get_date(*args: Any, **kwargs: Any) -> Any:
        # Airflow 3.0 returns a text and relies on serialization, which is skipped here, to parse the date.
        response = original(*args, **kwargs)
        return type(response).model_validate(response.model_dump(warnings=False))

    patch.setattr(TaskInstanceOperations, "get_reschedule_start_date", get_date)

    finalize = task_runner.finalize

    def finalize_with_error(ti: Any, state: Any, context: Any, log: Any, error: Any = None) -> Any:
        # Before Airflow 3.3 callbacks get the exception only if the task runs in its own process.
        context.setdefault("exception", error)
        return finalize(ti, state, context, log, error)

    patch.setattr(task_runner, "finalize", finalize_with_error)
