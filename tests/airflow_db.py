"""The database that `dag.test()` needs, made once for a test run and only if a test asks for it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest


@pytest.fixture(scope="session")
def airflow_db() -> None:
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
