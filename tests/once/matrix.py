"""The cells {task} x {moment} x {strike}, what is promised of each, and which are impossible, and why."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from importlib.metadata import version
from itertools import product
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import task

from tests.once.moments import Moment, Strike, arm
from textin_provider.operators.docflow import DocFlowUploadOperator
from textin_provider.operators.xparse import XParseDocumentOperator, XParseSubmitOperator

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from textin_provider.testing import TextInServer

AIRFLOW = tuple(int(number) for number in version("apache-airflow").split(".")[:2])
HAS_STORE = AIRFLOW >= (3, 3)
#: Airflow 2 raises AirflowTaskTerminated in the task; Airflow 3 calls on_kill, and the task goes on.
SIGTERM_RAISES = AIRFLOW < (3, 0)
#: More than what is sent at once, so that there is a half of it.
DOCUMENT = "# Revenue was up.\n\n" + "All of it. " * 6000


@dataclass(frozen=True)
class Task:
    """
    A task that submits one document.

    :param make: makes the task from its id, the path of its document, a folder, and arguments of Airflow.
    :param stores: whether it writes the submit into the task state store.
    :param pushes: whether it pushes the job id before it returns.
    :param asks: whether it asks TextIn what an earlier try has sent.
    :param accepted: how many documents of a name the local TextIn has accepted.
    """

    name: str
    make: Callable[..., Any]
    accepted: Callable[[TextInServer, str], int]
    stores: bool
    pushes: bool = True
    asks: bool = False

    @property
    def slug(self) -> str:
        """The name as a part of ids."""
        return _slug(self.name)


@dataclass(frozen=True)
class Promise:
    """How a task ends after all its retries: its state, the documents accepted, whether it pushed an id."""

    state: str
    accepted: int
    has_id: bool


@dataclass(frozen=True)
class Cell:
    """One task, struck at one moment."""

    task: Task
    moment: Moment
    strike: Strike

    @property
    def task_id(self) -> str:
        """The id of its task, which also names its document."""
        return f"{self.task.slug}__{_slug(self.moment)}__{_slug(self.strike)}"

    @property
    def file_name(self) -> str:
        """The name of its document."""
        return f"{self.task_id}.md"

    def make(self, folder: Path) -> Any:
        """Make its task, whose document is in the folder."""
        times_out = self.strike is Strike.TIMEOUT
        return self.task.make(
            self.task_id,
            str(folder / self.file_name),
            folder,
            pre_execute=arm(self.moment, self.strike, folder / f"{self.task_id}.struck"),
            execution_timeout=timedelta(minutes=10) if times_out else None,
        )

    def promise(self) -> Promise:
        """Return what is promised of it on this Airflow."""
        success, failed = Promise("success", 1, has_id=True), Promise("failed", 1, has_id=False)
        if self.task.asks or self.moment is Moment.BEFORE:
            return success
        if self.strike is Strike.SIGTERM and not SIGTERM_RAISES:
            return success
        if self.strike is Strike.SIGKILL:
            return self._promise_if_killed()
        if self.moment is Moment.HALF_SENT:
            return Promise("failed", 0, has_id=False)
        if self.moment in (Moment.SENT, Moment.HALF_READ, Moment.READ):
            return failed
        if self.moment is Moment.BEFORE_XCOM and not self.task.stores and not self.strike.is_error:
            return Promise("failed", 1, has_id=True)
        # The job is stored, if need be by a second attempt, so a retry finds it.
        return success

    def _promise_if_killed(self) -> Promise:
        if not self.task.stores:
            return Promise("success", 1, has_id=True)
        if self.moment is Moment.HALF_SENT:
            return Promise("failed", 0, has_id=False)
        is_stored = self.moment in (Moment.AFTER_STORE, Moment.BEFORE_XCOM)
        return Promise("success" if is_stored else "failed", 1, has_id=is_stored)


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")


def _accepted_by_xparse(textin: TextInServer, file_name: str) -> int:
    return sum(job.filename == file_name for job in textin.jobs.values())


def _submit(task_id: str, file: str, folder: Path, *, durable: bool = True, **arguments: Any) -> Any:
    return XParseSubmitOperator(task_id=task_id, file=file, durable=durable, **arguments)


def _document(task_id: str, file: str, folder: Path, *, durable: bool = True, **arguments: Any) -> Any:
    return XParseDocumentOperator(
        task_id=task_id,
        file=file,
        output_path=f"{folder}/results/{task_id}.json",
        poll_interval=0.1,
        deferrable=False,
        durable=durable,
        **arguments,
    )


def _hook(task_id: str, file: str, folder: Path, **arguments: Any) -> Any:
    @task(task_id=task_id, **arguments)
    def submit(path: str) -> str:
        from textin_provider.hooks.textin import TextInHook

        return TextInHook().submit_xparse_job(path)

    return submit(file)


def _accepted_by_docflow(textin: TextInServer, file_name: str) -> int:
    return sum(file.name == file_name for file in textin.files.values())


def _upload(task_id: str, file: str, folder: Path, *, durable: bool = True, **arguments: Any) -> Any:
    return DocFlowUploadOperator(task_id=task_id, files=[file], durable=durable, **arguments)


def _alone(make: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *places, **arguments: make(*places, durable=False, **arguments)


TASKS = (
    Task("XParseSubmit", _submit, _accepted_by_xparse, stores=HAS_STORE),
    Task("XParseSubmit, durable=False", _alone(_submit), _accepted_by_xparse, stores=False),
    Task("XParseDocument", _document, _accepted_by_xparse, stores=HAS_STORE),
    Task("XParseDocument, durable=False", _alone(_document), _accepted_by_xparse, stores=False),
    Task("DocFlowUpload", _upload, _accepted_by_docflow, stores=False, asks=True),
    Task("DocFlowUpload, durable=False", _alone(_upload), _accepted_by_docflow, stores=False, pushes=False),
    Task("hook in a @task", _hook, _accepted_by_xparse, stores=False, pushes=False),
)

_STORE = (Moment.BEFORE_STORE, Moment.AFTER_STORE)
#: Cells that cannot be, each with the reason.
IMPOSSIBLE: tuple[tuple[Callable[[Cell], bool], str], ...] = (
    (
        lambda cell: cell.moment in _STORE and not cell.task.stores,
        "nothing is stored: durable=False, the hook alone, or Airflow before 3.3",
    ),
    (
        lambda cell: cell.moment is Moment.BEFORE_XCOM and not cell.task.pushes,
        "the hook or the operator has returned the ids; what happens to them then is Airflow's",
    ),
    (
        lambda cell: (
            cell.strike is Strike.SIGKILL
            and not cell.task.stores
            and not cell.task.asks
            and cell.moment not in (Moment.BEFORE, Moment.HALF_SENT)
        ),
        "nothing outlives a killed process but a store: the next try submits again",
    ),
)


def reason_against(cell: Cell) -> str | None:
    """Return why a cell cannot be, None if it can."""
    return next((reason for applies, reason in IMPOSSIBLE if applies(cell)), None)


def cells(task: Task, strikes: tuple[Strike, ...]) -> list[Cell]:
    """Return the possible cells of a task on this Airflow."""
    every = (Cell(task, moment, strike) for moment, strike in product(Moment, strikes))
    return [cell for cell in every if reason_against(cell) is None]
