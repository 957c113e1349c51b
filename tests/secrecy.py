"""
After the whole suite ran: the secret of the local TextIn stands nowhere that it must not.

Looked through are everything that was logged or printed, every error, connection and trigger of this
provider as it was made, and each file of Airflow's home: logs, and the database with XComs, rendered
templates and what was deleted from it.
"""

from __future__ import annotations

import logging
import os
import sqlite3
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from textin_provider.api.errors import ApiError
from textin_provider.hooks.connection import TextInConnection
from textin_provider.testing import TextInServer
from textin_provider.triggers.docflow import DocFlowBatchTrigger
from textin_provider.triggers.xparse import XParseJobTrigger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SECRET = TextInServer().secret_code


class Search:
    """Remembers where the secret was seen, and how much was looked through."""

    def __init__(self) -> None:
        self.places: list[str] = []
        self.looked_through = 0

    def look(self, text: str, place: str) -> None:
        self.looked_through += 1
        if SECRET in text:
            self.places.append(place)

    def look_through_files(self, folder: Path) -> None:
        for path in filter(Path.is_file, folder.rglob("*")):
            # Bytes, for what was deleted from a database is still there; the dump joins what pages part.
            self.look(path.read_bytes().decode(errors="replace"), str(path))
            if path.suffix == ".db":
                with sqlite3.connect(path) as database:
                    self.look("\n".join(database.iterdump()), f"tables of {path}")

    def look_through_made(self, patch: pytest.MonkeyPatch, kind: type, show: Callable[[Any], str]) -> None:
        """Look through each instance of a class from now on, as soon as it is made."""
        make = kind.__init__  # type: ignore[misc]

        @wraps(make)
        def made(instance: Any, *args: Any, **kwargs: Any) -> None:
            make(instance, *args, **kwargs)
            self.look(show(instance), f"{type(instance).__name__} in {os.environ['PYTEST_CURRENT_TEST']}")

        patch.setattr(kind, "__init__", made)


search = Search()


@pytest.fixture(scope="session", autouse=True)
def _secrecy() -> Iterator[None]:
    """Fail at the end of the run if the secret stood anywhere."""
    factory = logging.getLogRecordFactory()

    def record(*args: Any, **kwargs: Any) -> logging.LogRecord:
        made = factory(*args, **kwargs)
        search.look(made.getMessage(), f"log of {made.name}: {made.msg}")
        return made

    logging.setLogRecordFactory(record)
    with pytest.MonkeyPatch.context() as patch:
        search.look_through_made(patch, ApiError, lambda fault: f"{fault} {fault!r} {vars(fault)}")
        search.look_through_made(patch, TextInConnection, repr)
        for kind in (XParseJobTrigger, DocFlowBatchTrigger):
            search.look_through_made(patch, kind, lambda trigger: f"{trigger!r} {trigger.serialize()}")
        yield
    logging.setLogRecordFactory(factory)
    if "AIRFLOW_HOME" in os.environ:
        search.look_through_files(Path(os.environ["AIRFLOW_HOME"]))
    assert search.places == []


def _without_airflows_own(text: str) -> str:
    """Leave out what Airflow 3.0 prints for debugging: the very message that has a secret masked."""
    return "\n".join(line for line in text.splitlines() if "msg=MaskSecret(" not in line)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    for name, text in report.sections:
        search.look(_without_airflows_own(text), f"{name} of {report.nodeid}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    found = f"{len(search.places)} places"
    terminalreporter.write_line(f"The secret was looked for in {search.looked_through:,} texts: {found}.")
