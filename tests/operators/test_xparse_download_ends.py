"""Downloads of many results that end early: what is stored is pushed, whatever ends the task."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from tests.operators.test_xparse_download import _done, _download, _names
from tests.running import new_context
from textin_provider.exceptions import TextInJobFailedError
from textin_provider.hooks.textin import TextInHook
from textin_provider.operators.xparse import XParseDownloadResultOperator
from textin_provider.testing import JobScript, TextInServer

if TYPE_CHECKING:
    from pathlib import Path


def test_an_error_of_another_class_loses_no_manifest(
    textin: TextInServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = [_done(textin) for _ in range(12)]
    original = TextInHook._download

    def broken(self: TextInHook, job_id: str, *arguments: Any) -> Any:
        if job_id in jobs[:2]:
            raise ZeroDivisionError("our own bug")
        return original(self, job_id, *arguments)

    monkeypatch.setattr(TextInHook, "_download", broken)
    outcome = _download(jobs, f"{tmp_path}/")

    error = outcome.raised()
    assert not isinstance(error, AirflowFailException)
    assert "2 of 12 xParse results were not stored" in str(error)
    assert "ZeroDivisionError: our own bug" in str(error)
    assert [manifest["job_id"] for manifest in outcome.xcoms["return_value"]] == jobs[2:]


class _Timeout(BaseException):
    """As Airflow raises it in the main thread at the end of execution_timeout."""


def test_a_timeout_in_the_middle_pushes_what_is_stored(
    textin: TextInServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = [_done(textin) for _ in range(4)]
    others_stored, original = threading.Semaphore(0), TextInHook._download

    def slow(self: TextInHook, job_id: str, *arguments: Any) -> Any:
        if job_id == jobs[1]:
            # The main thread waits for this one, while the others end.
            for _ in jobs[2:]:
                assert others_stored.acquire(timeout=30)
            raise _Timeout
        manifest = original(self, job_id, *arguments)
        if job_id != jobs[0]:
            others_stored.release()
        return manifest

    monkeypatch.setattr(TextInHook, "_download", slow)
    operator = XParseDownloadResultOperator(task_id="download", job_id=jobs, output_path=f"{tmp_path}/")
    context = new_context()
    with pytest.raises(_Timeout):
        operator.execute(context)

    pushed = context["ti"].xcoms["return_value"]  # type: ignore[attr-defined]
    assert jobs[0] in [manifest["job_id"] for manifest in pushed]
    assert set(_names(tmp_path)) >= {f"{manifest['job_id']}.json" for manifest in pushed}


def test_an_xcom_that_cannot_be_pushed_does_not_hide_why_the_task_fails(
    textin: TextInServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(*_: object, **__: object) -> None:
        raise ConnectionError("Airflow's API is down")

    monkeypatch.setattr(XParseDownloadResultOperator, "push_value", down)
    failed = textin.add_job(JobScript(states=["failed"], message="坏"))
    error = _download([_done(textin), failed], f"{tmp_path}/").raised()
    assert isinstance(error, TextInJobFailedError)
