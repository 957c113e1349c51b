"""The operator that never pays twice: what the next try does with the job of the one before."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException, TaskDeferred

from tests.operators.document import (
    GATEWAY,
    MODES,
    Store,
    crash_while_downloading,
    crash_while_waiting,
    modes,
    new_operator,
    parse,
    submitted,
)
from tests.running import new_context
from textin_provider.exceptions import (
    TextInAuthenticationError,
    TextInDocumentFailedError,
    TextInQuotaError,
    TextInRequestError,
    TextInServerError,
)
from textin_provider.tasks.job_store import STATE_KEY
from textin_provider.testing import JobScript, ScriptedFault, TextInServer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@modes
def test_a_try_after_a_crash_while_waiting_goes_on_with_the_job(
    textin: TextInServer, store: Store, task: dict[str, Any], mode: str, logged: Callable[[], str]
) -> None:
    textin.script(JobScript(states=["pending", "in_progress", "completed"]))
    crash_while_waiting(store, **task, **MODES[mode])
    [job_id] = textin.jobs

    outcome = parse(store, **task, **MODES[mode])

    assert outcome.returned()["job_id"] == job_id
    assert outcome.xcoms == {"job_id": job_id}
    assert submitted(textin) == (1, 1)
    assert f"Re-attached to xParse job {job_id}, submitted at {store.job['submitted_at']}" in logged()


@modes
def test_a_try_after_a_crash_while_downloading_goes_straight_to_the_download(
    textin: TextInServer, store: Store, task: dict[str, Any], mode: str
) -> None:
    crash_while_downloading(store, **task, **MODES[mode])
    assert textin.count("result") == 1

    outcome = parse(store, **task, **MODES[mode])

    assert outcome.returned()["size_bytes"] > 0
    assert outcome.deferrals == []
    assert (*submitted(textin), textin.count("result")) == (1, 1, 2)


@modes
def test_a_try_after_one_that_could_not_download_does_not_pay_again(
    textin: TextInServer, store: Store, task: dict[str, Any], mode: str
) -> None:
    textin.fault("result", GATEWAY, times=4)
    error = parse(store, **task, **MODES[mode]).raised()
    assert isinstance(error, TextInServerError)
    assert not isinstance(error, AirflowFailException)
    assert parse(store, **task, **MODES[mode]).returned()["job_id"] in textin.jobs
    assert submitted(textin) == (1, 1)


@modes
def test_a_task_that_is_cleared_after_its_success_stores_the_same_result_again(
    textin: TextInServer, store: Store, task: dict[str, Any], tmp_path: Path, mode: str
) -> None:
    first = parse(store, **task, **MODES[mode]).returned()
    moved = {**task, "output_path": f"{tmp_path}/moved.json"}

    second = parse(store, **moved, **MODES[mode])

    assert second.returned() == {**first, "output_path": f"{tmp_path}/moved.json"}
    assert second.deferrals == []
    assert submitted(textin) == (1, 1)


def test_one_mode_goes_on_where_the_other_stopped(
    textin: TextInServer, store: Store, task: dict[str, Any]
) -> None:
    crash_while_waiting(store, **task, deferrable=True)
    assert parse(store, **task, deferrable=False).returned()["job_id"] == store.job["job_id"]
    assert submitted(textin) == (1, 1)


@modes
def test_a_job_whose_state_cannot_be_seen_at_the_moment_is_waited_for(
    textin: TextInServer, store: Store, task: dict[str, Any], mode: str, logged: Callable[[], str]
) -> None:
    crash_while_waiting(store, **task, **MODES[mode])
    textin.fault("status", GATEWAY, times=3)
    assert parse(store, **task, **MODES[mode]).returned()["job_id"] == store.job["job_id"]
    assert submitted(textin) == (1, 1)
    assert f"Re-attached to xParse job {store.job['job_id']}" in logged()


@modes
@pytest.mark.parametrize(("code", "kind"), [(40102, TextInAuthenticationError), (40003, TextInQuotaError)])
def test_a_refusal_that_is_not_about_the_job_is_no_reason_to_submit_anew(
    textin: TextInServer, store: Store, task: dict[str, Any], mode: str, code: int, kind: type[Exception]
) -> None:
    crash_while_waiting(store, **task, **MODES[mode])
    textin.fault("status", ScriptedFault(code=code))
    assert isinstance(parse(store, **task, **MODES[mode]).raised(), kind)
    assert submitted(textin) == (1, 1)


@modes
def test_a_job_that_failed_is_submitted_anew_and_the_log_says_so(
    textin: TextInServer, store: Store, task: dict[str, Any], mode: str, logged: Callable[[], str]
) -> None:
    textin.script(JobScript(states=["failed"], message="文件已损坏"))
    assert isinstance(parse(store, **task, **MODES[mode]).raised(), TextInDocumentFailedError)
    failed = store.job["job_id"]

    manifest = parse(store, **task, **MODES[mode]).returned()

    assert manifest["job_id"] == store.job["job_id"] != failed
    assert submitted(textin) == (2, 2)
    assert f"The stored job {failed} failed (文件已损坏); submitting again." in logged()


@modes
def test_a_job_that_textin_does_not_know_any_more_is_submitted_anew_and_the_log_says_so(
    textin: TextInServer, store: Store, task: dict[str, Any], mode: str, logged: Callable[[], str]
) -> None:
    textin.script(JobScript(vanish=0))
    crash_while_waiting(store, **task, **MODES[mode])
    lost = store.job["job_id"]

    manifest = parse(store, **task, **MODES[mode]).returned()

    assert manifest["job_id"] == store.job["job_id"] != lost
    assert submitted(textin) == (2, 2)
    assert f"The stored job {lost} is gone (" in logged()


@modes
def test_a_try_that_ran_out_of_time_is_gone_on_with_for_as_long_again(
    textin: TextInServer, store: Store, task: dict[str, Any], mode: str
) -> None:
    textin.script(JobScript(states=["pending", "pending", "pending", "completed"]))
    crash_while_waiting(store, **task, **MODES[mode])
    old = datetime.now(UTC) - timedelta(days=2)
    store.set(STATE_KEY, {**store.job, "submitted_at": old.isoformat()})
    assert parse(store, **task, **MODES[mode]).returned()["job_id"] == store.job["job_id"]
    assert submitted(textin) == (1, 1)


@pytest.mark.parametrize(("hours_ago", "left"), [(1, 23), (25, 24)])
def test_the_time_of_a_job_counts_from_its_submit_unless_it_is_over(
    textin: TextInServer, store: Store, task: dict[str, Any], hours_ago: int, left: int
) -> None:
    crash_while_waiting(store, **task)
    textin.fault("status", GATEWAY, times=None)
    submitted_at = datetime.now(UTC) - timedelta(hours=hours_ago)
    store.set(STATE_KEY, {**store.job, "submitted_at": submitted_at.isoformat()})
    context = new_context(task_state_store=store)
    with pytest.raises(TaskDeferred) as deferred:
        new_operator(**task, deferrable=True, timeout=24 * 3600)().execute(context)
    deadline = deferred.value.trigger.serialize()[1]["deadline"]
    assert deadline == pytest.approx(time.time() + left * 3600, abs=600)


def test_the_store_holds_the_job_and_nothing_that_is_secret(
    textin: TextInServer, store: Store, task: dict[str, Any]
) -> None:
    parse(store, **task, config={"document": {"password": "open sesame"}}).returned()
    [job_id] = textin.jobs
    assert list(store.values) == [STATE_KEY]
    assert store.job.keys() == {"job_id", "fingerprint", "submitted_at"}
    assert store.job["job_id"] == job_id
    assert len(store.job["fingerprint"]) == 64
    assert datetime.fromisoformat(store.job["submitted_at"]).tzinfo is not None


@modes
def test_a_store_that_cannot_be_read_is_an_error_that_is_retried_and_pays_nothing(
    textin: TextInServer, store: Store, task: dict[str, Any], mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def get(key: str) -> None:
        raise ConnectionError("api server away, see https://a.example/?sig=hush")

    monkeypatch.setattr(store, "get", get)
    error = parse(store, **task, **MODES[mode]).raised()
    assert isinstance(error, AirflowException)
    assert not isinstance(error, AirflowFailException)
    assert "could not be read" in str(error)
    assert "hush" not in str(error)
    assert textin.count("*") == 0


@pytest.mark.parametrize(
    "value", ["a", {}, 17, {"job_id": "a/b", "fingerprint": "1", "submitted_at": "2026-01-01T00:00:00Z"}, []]
)
def test_something_else_in_the_store_is_named_and_nothing_issubmitted(
    textin: TextInServer, store: Store, task: dict[str, Any], value: Any
) -> None:
    store.set(STATE_KEY, value)
    assert isinstance(parse(store, **task).raised(), TextInRequestError)
    assert textin.count("*") == 0


@modes
def test_a_store_that_cannot_be_written_does_not_cost_the_job(
    textin: TextInServer,
    store: Store,
    task: dict[str, Any],
    mode: str,
    monkeypatch: pytest.MonkeyPatch,
    logged: Callable[[], str],
) -> None:
    def set_no_job(key: str, value: Any) -> None:
        if "job_id" in value:
            raise ConnectionError("api server away")

    monkeypatch.setattr(store, "set", set_no_job)
    outcome = parse(store, **task, **MODES[mode])
    [job_id] = textin.jobs
    assert outcome.returned()["job_id"] == job_id
    assert outcome.xcoms == {"job_id": job_id}
    assert f"xParse job {job_id} is accepted, but the task state store could not be written" in logged()


@modes
def test_an_xcom_that_cannot_be_pushed_does_not_cost_the_job(
    textin: TextInServer, task: dict[str, Any], mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def push(*_: Any, **__: Any) -> None:
        raise ConnectionError("api server away")

    monkeypatch.setattr("tests.running.TaskInstance.xcom_push", push)
    assert parse(**task, **MODES[mode]).returned()["job_id"] in textin.jobs


@modes
def test_a_task_that_is_not_durable_neither_reads_nor_writes_the_store(
    textin: TextInServer, store: Store, task: dict[str, Any], mode: str, logged: Callable[[], str]
) -> None:
    for _ in range(2):
        parse(store, **task, durable=False, retries=2, **MODES[mode]).returned()
    assert store.values == {}
    assert submitted(textin) == (2, 2)
    assert "task state store" not in logged()


@modes
@pytest.mark.parametrize("retries", [0, 2])
def test_without_a_store_each_try_submits_and_one_line_warns_if_there_may_be_several(
    textin: TextInServer, task: dict[str, Any], mode: str, retries: int, logged: Callable[[], str]
) -> None:
    first = parse(**task, retries=retries, **MODES[mode]).returned()
    assert logged().count("no task state store") == (1 if retries else 0)
    second = parse(**task, retries=retries, **MODES[mode]).returned()
    assert first["job_id"] != second["job_id"]
    assert submitted(textin) == (2, 2)
