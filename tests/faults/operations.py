"""The five operations, each by everything that carries it out: operators, sensors, triggers, the hook."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from airflow.providers.common.compat.sdk import TaskDeferred

from tests.running import Outcome, new_context, only_event, reload, run
from textin_provider.hooks.textin import TextInHook
from textin_provider.operators.docflow import DocFlowDownloadResultsOperator, DocFlowUploadOperator
from textin_provider.operators.xparse import (
    XParseDocumentOperator,
    XParseDownloadResultOperator,
    XParseSubmitOperator,
)
from textin_provider.sensors.docflow import DocFlowBatchSensor
from textin_provider.sensors.xparse import XParseJobSensor
from textin_provider.testing import JobScript, TextInServer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from textin_provider.sensors.base import TextInSensor

    MakeSensor = Callable[..., TextInSensor]


class Manner(StrEnum):
    """How an operation asks, which is what decides about asking again."""

    POST = "sent once"
    READ = "tried a few times"
    WAIT = "waited out"
    DOWNLOAD = "tried a few times, each with a new address"


@dataclass
class Attempt:
    """
    One run of an operation.

    :param run: carries it out; ``patience`` is the seconds that a wait may last, for its end or its turn.
    :param good: the data of a good answer, which damaged ones are made of.
    """

    run: Callable[[float], Outcome]
    good: dict[str, Any]


@dataclass(frozen=True)
class Operation:
    """
    One of the five operations, carried out by one side.

    :param endpoint: where it asks, as the local TextIn names it.
    :param least: requests that it takes when all goes well.
    :param key: where the envelope of its answer has the data; None where there is no envelope.
    :param needs: members that the data must have for an answer to be one.
    """

    name: str
    side: str
    by: str
    manner: Manner
    endpoint: str
    begin: Callable[[TextInServer, Path], Attempt] = field(repr=False)
    key: str | None = "data"
    needs: frozenset[str] = frozenset()
    least: int = 1

    def __str__(self) -> str:
        return f"{self.name} by {self.by}"


#: Seconds that a wait may take which is to end well; none comes near.
LONG = 60.0
_HURRY: dict[str, Any] = {"task_id": "t", "poke_interval": 0.01}
_DONE = JobScript(states=["completed"], result={"elements": [], "markdown": "whole"})


def _document(folder: Path) -> str:
    path = folder / "doc.md"
    path.write_text("# Hello\n")
    return str(path)


def _plain(work: Callable[[], Any]) -> Outcome:
    outcome = Outcome()
    try:
        outcome.value = work()
    except Exception as error:
        outcome.error = error
    return outcome


def _from_trigger(make: Callable[[float], Any], patience: float) -> Outcome:
    """Run a sensor from its first deferral on, as a worker and a triggerer do it in turns."""
    outcome, context = Outcome(), new_context()
    sensor = make(patience)
    sensor._deadline = time.time() + patience
    trigger, kwargs = sensor._trigger(), {"deadline": sensor._deadline, "deferrals": 1}
    while True:
        event = asyncio.run(only_event(reload(trigger)))
        try:
            sensor = make(patience)
            outcome.value = sensor.resume_execution("execute_complete", {**kwargs, "event": event}, context)
        except TaskDeferred as again:
            trigger, kwargs = again.trigger, again.kwargs or {}
            continue
        except Exception as error:
            outcome.error = error
        return outcome


def _submit(textin: TextInServer, folder: Path) -> Attempt:
    path = _document(folder)
    good = {"job_id": textin.add_job(_DONE)}
    options: dict[str, Any] = {"task_id": "t", "file": path}
    return Attempt(
        lambda patience: run(lambda: XParseSubmitOperator(rate_limit_timeout=patience, **options)), good
    )


def _document_operator(textin: TextInServer, folder: Path) -> Callable[[float], Outcome]:
    path = _document(folder)
    options: dict[str, Any] = {"task_id": "t", "poll_interval": 0.01, "timeout": LONG, "deferrable": True}
    output = str(folder / "out.json")
    options |= {"file": path, "output_path": output}
    return lambda patience: run(lambda: XParseDocumentOperator(rate_limit_timeout=patience, **options))


def _submit_of_document(textin: TextInServer, folder: Path) -> Attempt:
    return Attempt(_document_operator(textin, folder), {"job_id": textin.add_job(_DONE)})


def _job(textin: TextInServer) -> tuple[str, dict[str, Any]]:
    job_id = textin.add_job(_DONE)
    good = {"job_id": job_id, "file_id": "f1", "status": "completed", "result_url": f"{textin.url}/r"}
    return job_id, good


def _on_worker(make: MakeSensor, good: dict[str, Any]) -> Attempt:
    return Attempt(lambda patience: run(lambda: make(timeout=patience, **_HURRY)), good)


def _on_triggerer(make: MakeSensor, good: dict[str, Any]) -> Attempt:
    def deferred(patience: float) -> TextInSensor:
        return make(deferrable=True, timeout=patience, **_HURRY)

    return Attempt(lambda patience: _from_trigger(deferred, patience), good)


def _poke(textin: TextInServer, folder: Path) -> Attempt:
    job_id, good = _job(textin)
    return _on_worker(partial(XParseJobSensor, job_id=job_id), good)


def _trigger(textin: TextInServer, folder: Path) -> Attempt:
    job_id, good = _job(textin)
    return _on_triggerer(partial(XParseJobSensor, job_id=job_id), good)


def _read(textin: TextInServer, folder: Path) -> Attempt:
    job_id, good = _job(textin)
    return Attempt(lambda _: _plain(lambda: TextInHook().get_xparse_job(job_id)), good)


def _batch(textin: TextInServer) -> tuple[str, dict[str, Any]]:
    batch = textin.add_batch(count=1)
    file = {"id": "1", "task_id": "2", "batch_number": batch, "name": "a.pdf", "recognition_status": 1}
    return batch, {"total": 1, "page": 1, "page_size": 1000, "files": [file]}


def _poke_batch(textin: TextInServer, folder: Path) -> Attempt:
    batch, good = _batch(textin)
    return _on_worker(partial(DocFlowBatchSensor, batch_number=batch), good)


def _trigger_batch(textin: TextInServer, folder: Path) -> Attempt:
    batch, good = _batch(textin)
    return _on_triggerer(partial(DocFlowBatchSensor, batch_number=batch), good)


def _read_batch(textin: TextInServer, folder: Path) -> Attempt:
    batch, good = _batch(textin)
    options: dict[str, Any] = {
        "task_id": "t",
        "batch_number": batch,
        "output_path": str(folder / "out.jsonl"),
    }
    return Attempt(lambda _: run(lambda: DocFlowDownloadResultsOperator(**options)), good)


_UPLOADED = {
    "batch_number": "b1",
    "files": [{"id": "1", "task_id": "2", "name": "doc.md", "format": "md"}],
}


def _upload_file(textin: TextInServer, folder: Path) -> Attempt:
    path = folder / "doc.txt"
    # Another content is another batch, which has no files of other cases.
    path.write_text(f"Invoice {uuid4()}")
    return _upload(files=[str(path)])


def _upload_url(textin: TextInServer, folder: Path) -> Attempt:
    url = f"{textin.url}/{uuid4()}.pdf"
    return _upload(urls=[url])


def _upload(**sources: Any) -> Attempt:
    def upload(patience: float) -> Outcome:
        return run(lambda: DocFlowUploadOperator(task_id="t", rate_limit_timeout=patience, **sources))

    return Attempt(upload, _UPLOADED)


_RESULT = {"schema_version": "1.4.0", "file_id": "f1", "elements": [], "markdown": "whole"}


def _download(textin: TextInServer, folder: Path) -> Attempt:
    options: dict[str, Any] = {"task_id": "t", "job_id": textin.add_job(_DONE)}
    options["output_path"] = str(folder / "out.json")
    return Attempt(lambda _: run(lambda: XParseDownloadResultOperator(**options)), _RESULT)


def _download_of_document(textin: TextInServer, folder: Path) -> Attempt:
    textin.script(_DONE)
    return Attempt(_document_operator(textin, folder), _RESULT)


_JOB = frozenset({"job_id"})
_STATUS = frozenset({"status"})
_UPLOAD: dict[str, Any] = {"key": "result", "needs": frozenset({"batch_number", "files"})}
_FETCH: dict[str, Any] = {"key": "result", "needs": frozenset({"files"})}
# A batch is looked at with four counts, and its files are read on one page.
_LOOK = 4 + 1

OPERATIONS = [
    Operation("submit", "worker", "operator", Manner.POST, "submit", _submit, needs=_JOB),
    Operation("submit", "triggerer", "document", Manner.POST, "submit", _submit_of_document, needs=_JOB),
    Operation("status", "worker", "sensor", Manner.WAIT, "status", _poke, needs=_STATUS),
    Operation("status", "worker", "hook", Manner.READ, "status", _read, needs=_STATUS),
    Operation("status", "triggerer", "trigger", Manner.WAIT, "status", _trigger, needs=_STATUS),
    Operation("fetch", "worker", "sensor", Manner.WAIT, "fetch", _poke_batch, least=_LOOK, **_FETCH),
    Operation("fetch", "worker", "operator", Manner.READ, "fetch", _read_batch, **_FETCH),
    Operation("fetch", "triggerer", "trigger", Manner.WAIT, "fetch", _trigger_batch, least=_LOOK, **_FETCH),
    Operation("upload", "worker", "files", Manner.POST, "upload", _upload_file, **_UPLOAD),
    Operation("upload", "worker", "urls", Manner.POST, "upload", _upload_url, **_UPLOAD),
    Operation("download", "worker", "operator", Manner.DOWNLOAD, "result", _download, key=None),
    Operation(
        "download", "triggerer", "document", Manner.DOWNLOAD, "result", _download_of_document, key=None
    ),
]
