"""Sensors that hurry."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest

from tests.structlog_entries import structlog_entries
from textin_provider.sensors.xparse import XParseJobSensor
from textin_provider.testing import fast_polling

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    NewSensor = Callable[..., Callable[[], XParseJobSensor]]
    Warnings = Callable[[], list[str]]

#: What makes a sensor wait in one of its three ways.
MODES: dict[str, dict[str, Any]] = {
    "poke": {"mode": "poke"},
    "reschedule": {"mode": "reschedule"},
    "deferrable": {"deferrable": True},
}


@pytest.fixture(autouse=True)
def _fast_polling() -> Iterator[None]:
    """Shorten all delays except the intervals that a test sets."""
    with fast_polling(keep_intervals=True):
        yield


@pytest.fixture
def short_pauses(_fast_polling: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Shorten intervals too, and what many refusals in a row lead to."""
    monkeypatch.setattr("textin_provider.api.rate_limit._LONGEST_PAUSE", 0.02)
    monkeypatch.setattr("textin_provider.api.learned_rate._WIDEST", 0.0005)
    with fast_polling():
        yield


@pytest.fixture
def new_sensor() -> NewSensor:
    """Give a maker of sensors that look often and have time, unless a test says otherwise."""

    def prepare(job_id: Any, **others: Any) -> Callable[[], XParseJobSensor]:
        options = {"task_id": "wait", "poke_interval": 0.02, "timeout": 20.0, **others}
        return lambda: XParseJobSensor(job_id=job_id, **options)

    return prepare


@pytest.fixture
def warnings(caplog: pytest.LogCaptureFixture) -> Iterator[Warnings]:
    """Return the warnings that were logged so far, by whichever logger; newer Airflow uses structlog."""
    with structlog_entries() as entries:

        def lines() -> list[str]:
            records = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
            return records + [str(entry["event"]) for entry in entries if entry["log_level"] == "warning"]

        yield lines
