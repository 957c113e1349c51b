"""Tests with real Airflow processes; `make e2e` runs them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from local_airflow import free_port

from tests.e2e.fleet import Fleet
from tests.e2e.postgres import postgres
from textin_provider.testing import TextInServer

if TYPE_CHECKING:
    from collections.abc import Iterator


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        item.add_marker(pytest.mark.e2e)


@pytest.fixture(scope="session")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """Run one Airflow for all tests; each of them has runs of its own."""
    home = tmp_path_factory.mktemp("airflow")
    with (
        TextInServer(free_port()) as textin,
        postgres() as database,
        Fleet(home, database, textin) as airflow,
    ):
        yield airflow
