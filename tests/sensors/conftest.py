"""Sensors that hurry."""

from __future__ import annotations

import logging
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

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
def new_sensor() -> NewSensor:
    """Give a maker of sensors that look often and have time, unless a test says otherwise."""

    def prepare(job_id: Any, **others: Any) -> Callable[[], XParseJobSensor]:
        options = {"task_id": "wait", "poke_interval": 0.02, "timeout": 20.0, **others}
        return lambda: XParseJobSensor(job_id=job_id, **options)

    return prepare


@pytest.fixture
def warnings(caplog: pytest.LogCaptureFixture) -> Iterator[Warnings]:
    """Return the warnings that were logged so far, by whichever logger; newer Airflow uses structlog."""
    with ExitStack() as stack:
        entries: list[Any] = []
        try:
            from structlog.testing import capture_logs
        except ImportError:
            pass
        else:
            entries = stack.enter_context(capture_logs())

        def lines() -> list[str]:
            records = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
            return records + [str(entry["event"]) for entry in entries if entry["log_level"] == "warning"]

        yield lines
