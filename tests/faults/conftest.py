"""One local TextIn for a module, quick pauses, and a connection for each case."""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.configuration import set_hypothesis_home_dir

from tests.running import point_airflow_at
from textin_provider.api.retry import changed_timing
from textin_provider.testing import TextInServer, fast_polling

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Connect = Callable[..., None]


@pytest.fixture(scope="module")
def shared() -> Iterator[TextInServer]:
    with TextInServer(pending_seconds=0.0, processing_seconds=0.0) as server:
        yield server


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return one folder for a module, since pytest takes seconds to remove one for each of 3,400 cases."""
    return tmp_path_factory.mktemp("cases")


@pytest.fixture
def textin(shared: TextInServer, connect: Connect) -> Iterator[TextInServer]:
    """Give the module's local TextIn without the faults of other cases, and point Airflow at it."""
    connect()
    yield shared
    shared.clear_faults()


@pytest.fixture
def connect(shared: TextInServer, monkeypatch: pytest.MonkeyPatch) -> Connect:
    """Return a function that sets the connection, with other fields and extras than usual if given."""

    def connected(extra: dict[str, Any] | None = None, **fields: Any) -> None:
        point_airflow_at(shared, monkeypatch, extra, **fields)

    return connected


@pytest.fixture(autouse=True)
def _fast_polling() -> Iterator[None]:
    """Shorten all delays except the intervals that a test sets."""
    # The local TextIn lists uploads at once.
    with fast_polling(0.005, keep_intervals=True), changed_timing(list_settles=0.02, list_interval=0.01):
        yield


# The same examples in every run, and no limit of time: a machine may stall. Nothing is kept.
settings.register_profile(
    "textin",
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=100,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("textin")
set_hypothesis_home_dir(tempfile.gettempdir())
