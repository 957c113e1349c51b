"""What newer Airflow logs through structlog, which pytest's caplog does not see."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def structlog_entries() -> Iterator[list[Any]]:
    """Yield the list that entries are added to; it stays empty where structlog is not installed."""
    try:
        from structlog.testing import capture_logs
    except ImportError:
        yield []
    else:
        with capture_logs() as entries:
            yield entries
