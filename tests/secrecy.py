"""
Fail the run if the secret of the local TextIn is in any log, report, object or file.

The search covers each log record, each captured output, each error, connection and trigger of this provider
at its creation, and each file of Airflow's home after the run: logs, and the database with XComs, rendered
templates and deleted rows. pytest-xdist workers send their results to the controller, which searches the
homes of all of them and reports one total.
"""

from __future__ import annotations

import logging
import os
import sqlite3
from contextlib import closing
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
    """Counts the texts searched, and collects the places in which the secret was found."""

    def __init__(self) -> None:
        self.places: list[str] = []
        self.texts = 0

    def add(self, texts: int, places: list[str]) -> None:
        self.texts += texts
        self.places += places

    def text(self, text: str, place: str) -> None:
        self.add(1, [place] if SECRET in text else [])

    def files(self, folder: Path) -> None:
        for path in filter(Path.is_file, folder.rglob("*")):
            # The bytes include deleted rows; the dump includes values that span several pages.
            self.text(path.read_bytes().decode(errors="replace"), str(path))
            if path.suffix == ".db":
                with closing(sqlite3.connect(path)) as database:
                    self.text("\n".join(database.iterdump()), f"tables of {path}")

    def instances(self, patch: pytest.MonkeyPatch, kind: type, show: Callable[[Any], str]) -> None:
        """Search each instance of a class at its creation from now on."""
        make = kind.__init__  # type: ignore[misc]

        @wraps(make)
        def made(instance: Any, *args: Any, **kwargs: Any) -> None:
            make(instance, *args, **kwargs)
            self.text(show(instance), f"{type(instance).__name__} in {os.environ['PYTEST_CURRENT_TEST']}")

        patch.setattr(kind, "__init__", made)


search = Search()


@pytest.fixture(scope="session", autouse=True)
def _secrecy() -> Iterator[None]:
    """Search log records, errors, connections and triggers at their creation."""
    factory = logging.getLogRecordFactory()

    def record(*args: Any, **kwargs: Any) -> logging.LogRecord:
        made = factory(*args, **kwargs)
        search.text(made.getMessage(), f"log of {made.name}: {made.msg}")
        return made

    logging.setLogRecordFactory(record)
    with pytest.MonkeyPatch.context() as patch:
        search.instances(patch, ApiError, lambda fault: f"{fault} {fault!r} {vars(fault)}")
        search.instances(patch, TextInConnection, repr)
        for kind in (XParseJobTrigger, DocFlowBatchTrigger):
            search.instances(patch, kind, lambda trigger: f"{trigger!r} {trigger.serialize()}")
        yield
    logging.setLogRecordFactory(factory)


def _without_airflow_debug_lines(text: str) -> str:
    """Remove the lines in which Airflow 3.0 prints its message that registers a secret to be masked."""
    return "\n".join(line for line in text.splitlines() if "msg=MaskSecret(" not in line)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    # The controller gets the reports of the workers too, which searched them before.
    if not hasattr(report, "node"):
        for name, text in report.sections:
            search.text(_without_airflow_debug_lines(text), f"{name} of {report.nodeid}")


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    # A worker that crashed has no output; pytest-xdist fails the run then.
    search.add(*getattr(node, "workeroutput", {}).get("secrecy", (0, [])))


def pytest_sessionfinish(session: pytest.Session) -> None:
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["secrecy"] = (search.texts, search.places)
        return
    if "AIRFLOW_HOME" in os.environ:
        search.files(Path(os.environ["AIRFLOW_HOME"]))
    if search.places:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    terminalreporter.write_line(
        f"Searched {search.texts:,} texts for the secret: found in {len(search.places)}.",
        red=bool(search.places),
    )
    for place in search.places:
        terminalreporter.write_line(f"  {place}", red=True)
