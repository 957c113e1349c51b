"""What the tests of durable uploads share: tries of one task, files to upload, what DocFlow has of them."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from unittest import mock

import pytest

from tests.running import TaskInstance, run
from textin_provider.operators.docflow import DocFlowUploadOperator

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from tests.running import Outcome
    from textin_provider.testing import TextInServer

#: Nothing answers there, which the local TextIn finds out after it has accepted the URL, as TextIn does.
NOWHERE = "http://127.0.0.1:9"


class Crash(BaseException):
    """The process is gone: nothing that the task does can catch this."""


def attempt(try_number: int = 1, *, run_id: str = "alone", map_index: int = -1, **arguments: Any) -> Outcome:
    """Run one try of a task to its end."""
    ti = TaskInstance()
    ti.try_number, ti.run_id, ti.map_index = try_number, run_id, map_index
    outcome = run(lambda: DocFlowUploadOperator(task_id="upload", **arguments), ti=ti)
    outcome.xcoms = ti.xcoms
    return outcome


@contextmanager
def crash_after(requests: int) -> Iterator[None]:
    """Let the process of a try die right after that many of its requests were accepted."""
    ends: list[Any] = [None] * (requests - 1)
    with (
        mock.patch("textin_provider.hooks.docflow_upload.report", side_effect=[*ends, Crash("crashed")]),
        pytest.raises(Crash),
    ):
        yield


def invoices(folder: Path, count: int, start: int = 0) -> list[str]:
    """Write invoices and return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"invoice {number}.txt" for number in range(start, start + count)]
    for path in paths:
        path.write_text(f"Invoice number: {path}\n")
    return [str(path) for path in paths]


def accepted(textin: TextInServer) -> Counter[str]:
    """Return how often each file was accepted, by its name; URLs as a whole."""
    return Counter(file.url or file.name for file in textin.files.values())


def once(sources: Sequence[str]) -> Counter[str]:
    """Return what :func:`accepted` is when each source was accepted once."""
    return Counter(source if "://" in source else source.rpartition("/")[2] for source in sources)


def ids(value: Any) -> list[str]:
    """Return the ids of the files in the value of an upload."""
    return [file["file_id"] for file in value["files"]]
