"""Tests with real Airflow processes; `make e2e` runs them."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import pytest

from scripts.local_airflow import free_port
from tests.e2e.fleet import Fleet
from tests.postgres import PostgresServer
from textin_provider.testing import TextInServer

if TYPE_CHECKING:
    from collections.abc import Iterator

#: No other text has it in it, so it can be searched for wherever Airflow writes.
SECRET = f"secret-{secrets.token_hex(8)}"


@pytest.fixture(scope="session")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """Run one Airflow for all tests, each of which has runs of its own; at the end look for the secret."""
    home = tmp_path_factory.mktemp("airflow")
    # It keeps its port when it is stopped and started again.
    textin = TextInServer(port=free_port(), secret_code=SECRET)
    with textin, PostgresServer() as database, Fleet(home, database.url, textin) as airflow:
        yield airflow
        assert airflow.places_of(SECRET) == []
