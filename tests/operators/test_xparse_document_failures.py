"""XParseDocumentOperator: failed submits, jobs and waits, and which of them Airflow retries."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, TaskDeferred

from tests.operators.document import GATEWAY, MODES, Store, modes, new_operator, parse
from tests.running import TaskInstance, new_context, only_event, reload, says_in_time
from textin_provider.exceptions import (
    TextInAuthenticationError,
    TextInDocumentFailedError,
    TextInError,
    TextInQuotaError,
    TextInRequestError,
    TextInTimeoutError,
    TextInUncertainSubmitError,
)
from textin_provider.testing import JobScript, ScriptedFault, TextInServer

if TYPE_CHECKING:
    from pathlib import Path


@modes
@pytest.mark.parametrize(
    ("code", "kind"),
    [(40102, TextInAuthenticationError), (40003, TextInQuotaError), (40303, TextInRequestError)],
)
def test_a_submit_that_is_refused_is_not_retried(
    textin: TextInServer, document: str, tmp_path: Path, mode: str, code: int, kind: type[TextInError]
) -> None:
    textin.fault("submit", ScriptedFault(code=code))
    error = parse(Store(), file=document, output_path=f"{tmp_path}/", **MODES[mode]).raised()
    assert isinstance(error, kind)
    assert isinstance(error, AirflowFailException)
    assert textin.count("submit") == 1


def test_a_submit_that_may_have_been_accepted_is_not_retried(
    textin: TextInServer, document: str, tmp_path: Path
) -> None:
    textin.fault("submit", ScriptedFault(cut="in_headers"))
    store = Store()
    assert isinstance(
        parse(store, file=document, output_path=f"{tmp_path}/").raised(), TextInUncertainSubmitError
    )
    assert store.job["state"] == "submitting"


@modes
def test_a_failed_job_is_an_error_that_is_retried_and_quotes_textin(
    textin: TextInServer, document: str, tmp_path: Path, mode: str
) -> None:
    textin.script(JobScript(states=["pending", "failed"], message="文件已损坏"))
    outcome = parse(file=document, output_path=f"{tmp_path}/out/", **MODES[mode])
    error = outcome.raised()
    assert isinstance(error, TextInDocumentFailedError)
    assert not isinstance(error, AirflowFailException)
    [job_id] = textin.jobs
    assert f"xParse job {job_id} failed: 文件已损坏" in str(error)
    assert outcome.xcoms == {"job_id": job_id}
    assert list((tmp_path / "out").iterdir()) == []


@modes
def test_a_job_that_vanishes_while_it_is_waited_for_is_an_error_that_is_retried(
    textin: TextInServer, document: str, tmp_path: Path, mode: str
) -> None:
    textin.script(JobScript(status="never", vanish=2))
    error = parse(file=document, output_path=f"{tmp_path}/", **MODES[mode]).raised()
    assert isinstance(error, TextInDocumentFailedError)
    assert not isinstance(error, AirflowFailException)
    assert "A retry polls the job again" in str(error)


@modes
def test_faults_are_waited_out(textin: TextInServer, document: str, tmp_path: Path, mode: str) -> None:
    textin.fault("status", GATEWAY, times=6)
    textin.fault("status", ScriptedFault(code=40306))
    assert parse(file=document, output_path=f"{tmp_path}/", **MODES[mode]).returned()
    assert textin.count("submit") == 1


@modes
def test_wrong_credentials_end_the_wait(
    textin: TextInServer, document: str, tmp_path: Path, mode: str
) -> None:
    textin.fault("status", ScriptedFault(code=40102))
    error = parse(file=document, output_path=f"{tmp_path}/", **MODES[mode]).raised()
    assert isinstance(error, TextInAuthenticationError)


@modes
@pytest.mark.parametrize("durable", [True, False])
def test_a_wait_that_is_over_says_so_and_is_retried(
    textin: TextInServer, document: str, tmp_path: Path, mode: str, durable: bool
) -> None:
    def last_words(timeout: float) -> str:
        textin.script(JobScript(status="never", pending_seconds=0))
        options = {"timeout": timeout, "durable": durable, **MODES[mode]}
        error = parse(Store(), file=document, output_path=f"{tmp_path}/", **options).raised()
        assert isinstance(error, TextInTimeoutError)
        assert not isinstance(error, AirflowFailException)
        assert f"timeout={timeout:g}s" in str(error)
        assert ("waits for the same job" in str(error)) is durable
        assert ("submits the document again" in str(error)) is not durable
        return str(error)

    says_in_time("last status in_progress", last_words)


def test_a_retry_that_is_resumed_with_the_event_of_the_try_before_it_submits_anew(
    textin: TextInServer, document: str, tmp_path: Path
) -> None:
    textin.script(JobScript(states=["failed"]))
    make = new_operator(file=document, output_path=f"{tmp_path}/a.json", deferrable=True)
    ti = TaskInstance()
    with pytest.raises(TaskDeferred) as deferral:
        make().execute(new_context(ti=ti))
    event = asyncio.run(only_event(reload(deferral.value.trigger)))
    kwargs = {**(deferral.value.kwargs or {}), "event": event}
    with pytest.raises(TextInDocumentFailedError):
        make().resume_execution("execute_complete", kwargs, new_context(ti=ti))

    # As Airflow before 3.1.1 does.
    ti.try_number = 2
    with pytest.raises(TaskDeferred):
        make().resume_execution("execute_complete", kwargs, new_context(ti=ti))

    assert textin.submissions == 2


@pytest.mark.parametrize("reason", ["Trigger timeout", "Trigger/execution timeout"])
def test_a_deferral_that_nobody_ended_says_so_and_is_retried(reason: str) -> None:
    operator = new_operator(file="a", output_path="b", deferrable=True)()
    with pytest.raises(TextInTimeoutError, match="Is a triggerer running"):
        operator.resume_execution("__fail__", {"error": reason}, {})


@pytest.mark.parametrize("event", [None, {}, {"ending": "later"}, {"ending": "terminal", "jobs": []}])
def test_a_malformed_event_is_never_a_success(textin: TextInServer, event: Any) -> None:
    operator = new_operator(file="a", output_path="b", deferrable=True)()
    with pytest.raises(Exception) as raised:  # noqa: PT011
        operator.resume_execution("execute_complete", {"event": event}, {})
    assert not isinstance(raised.value, TextInError)
    assert textin.count("*") == 0
