"""Triggers that hurry, and a way to read what they log."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.structlog_entries import structlog_entries
from textin_provider.testing import fast_polling
from textin_provider.triggers.xparse import XParseJobTrigger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    NewTrigger = Callable[..., XParseJobTrigger]
    Logged = Callable[[], list[tuple[str, str]]]


@pytest.fixture(autouse=True)
def _fast_polling() -> Iterator[None]:
    """Shorten all delays except the intervals that a test sets."""
    with fast_polling(keep_intervals=True):
        yield


@pytest.fixture
def new_trigger() -> NewTrigger:
    """Make triggers that look often and have time, unless a test says otherwise."""

    def make(job_id: str, *, timeout: float = 20.0, **others: Any) -> XParseJobTrigger:
        usual = {"textin_conn_id": "textin_default", "poll_interval": 0.02, "deadline": time.time() + timeout}
        return XParseJobTrigger(**{**usual, "job_id": job_id, "timeout": timeout, **others})

    return make


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> Iterator[Logged]:
    """Return what the triggers have logged so far, as levels and lines; newer Airflow uses structlog."""
    caplog.set_level(logging.INFO, logger="textin_provider.triggers")
    with structlog_entries() as entries:

        def lines() -> list[tuple[str, str]]:
            records = [r for r in caplog.records if r.name.startswith("textin_provider.triggers")]
            found = [(record.levelname.lower(), record.getMessage()) for record in records]
            return found + [(entry["log_level"], str(entry["event"])) for entry in entries]

        yield lines
