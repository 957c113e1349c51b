"""A local TextIn for each of many runs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from textin_provider.testing import TextInServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture
def new_textin(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], TextInServer]]:
    """Return a function that starts a local TextIn, stops the one before, and points Airflow at it."""
    servers: list[TextInServer] = []

    def new() -> TextInServer:
        if servers:
            servers.pop().stop()
        server = TextInServer(pending_seconds=0.1, processing_seconds=0.1).start()
        servers.append(server)
        monkeypatch.setenv("AIRFLOW_CONN_TEXTIN_DEFAULT", json.dumps(server.connection()))
        return server

    yield new
    for server in servers:
        server.stop()
