"""Fixtures of the operators: no pause between two tries, a document, a task and its store."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest

from tests.operators.document import Store
from textin_provider.api.retry import changed_timing
from textin_provider.operators.document import XParseDocumentOperator
from textin_provider.testing import fast_polling

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def _fast_polling() -> Iterator[None]:
    """Shorten all delays except the intervals that a test sets."""
    with fast_polling(keep_intervals=True), changed_timing(list_settles=1.0):
        yield


@pytest.fixture
def document(tmp_path: Path) -> str:
    path = tmp_path / "contract.md"
    path.write_text("# 合同\n\n维修前必须切断电源。\n")
    return str(path)


@pytest.fixture
def task(tmp_path: Path) -> dict[str, Any]:
    """Return the arguments of a task with a document."""
    (tmp_path / "contract.md").write_text("# 合同\n")
    return {"file": str(tmp_path / "contract.md"), "output_path": f"{tmp_path}/out/"}


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> Callable[[], str]:
    """Return what was logged: a line for each, of which Airflow 3 would show none to pytest."""
    monkeypatch.setattr(XParseDocumentOperator, "log", logging.getLogger("task"))
    caplog.set_level("INFO")
    return lambda: "\n".join(caplog.messages)
