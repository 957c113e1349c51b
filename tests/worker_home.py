"""
Give each pytest-xdist worker an Airflow home and a database of its own, below the home of the run.

Airflow reads both when it is imported, so this module must be imported before Airflow is.
"""

from __future__ import annotations

import os
from pathlib import Path

if "PYTEST_XDIST_WORKER" in os.environ and "AIRFLOW_HOME" in os.environ:
    _home = Path(os.environ["AIRFLOW_HOME"], os.environ["PYTEST_XDIST_WORKER"])
    _home.mkdir()
    os.environ["AIRFLOW_HOME"] = str(_home)
    os.environ["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] = f"sqlite:///{_home}/airflow.db"
