"""Provide a local TextIn and its Airflow connection, and distribute the tests to pytest-xdist workers."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests import worker_home  # noqa: F401
from textin_provider.api.rate_limit import forget_limits
from textin_provider.testing import TextInServer

if TYPE_CHECKING:
    from collections.abc import Iterator

#: The folders whose tests all have the mark of the same name.
MARKED_FOLDERS = ("e2e", "ui", "vendors")
#: The folders with the slowest tests, which come first, so that all workers finish at about the same time.
SLOW_FOLDERS = ("sensors", "operators", "triggers", "hooks")
TESTS = Path(__file__).parent
pytest_plugins = ["tests.airflow_db", "tests.s3", "tests.secrecy"]


def pytest_xdist_auto_num_workers() -> int:
    """Return three workers for two cores: tests wait for a third of their time."""
    return (os.cpu_count() or 1) * 3 // 2


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "airflow_db" in getattr(item, "fixturenames", ()):
            item.add_marker("database")
        if (folder := _folder(item)) in MARKED_FOLDERS:
            item.add_marker(folder)
    items.sort(key=_rank)


def _rank(item: pytest.Item) -> tuple[bool, int]:
    """Return the sort key of a test: slow tests are first, then the slow folders."""
    folder = _folder(item)
    return (
        item.get_closest_marker("slow") is None,
        SLOW_FOLDERS.index(folder) if folder in SLOW_FOLDERS else len(SLOW_FOLDERS),
    )


def _folder(item: pytest.Item) -> str:
    return item.path.relative_to(TESTS).parts[0]


@pytest.fixture
def textin(monkeypatch: pytest.MonkeyPatch) -> Iterator[TextInServer]:
    """Run a local TextIn with quick jobs, and point the connection ``textin_default`` at it."""
    with TextInServer(pending_seconds=0.1, processing_seconds=0.1) as server:
        monkeypatch.setenv("AIRFLOW_CONN_TEXTIN_DEFAULT", json.dumps(server.connection()))
        yield server


@pytest.fixture(autouse=True)
def _no_pause_of_another_test() -> Iterator[None]:
    yield
    forget_limits()
