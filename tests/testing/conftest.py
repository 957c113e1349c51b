from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.testing.client import Client
from tests.testing.docflow_client import DocFlowClient
from textin_provider.testing import TextInServer

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def textin() -> Iterator[TextInServer]:
    with TextInServer(pending_seconds=0, processing_seconds=0) as server:
        yield server


@pytest.fixture
def client(textin: TextInServer) -> Client:
    return Client(textin)


@pytest.fixture
def docflow(client: Client) -> DocFlowClient:
    return DocFlowClient(client)
