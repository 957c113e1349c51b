"""The errors of a submit: final for a job that is not stored, and unchanged for one that a retry finds."""

from __future__ import annotations

import logging
from contextlib import nullcontext
from datetime import UTC, datetime
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred

from tests.tasks.submitting import DOWN, JOB_ID, BrokenStore, Hook, Store, Task, TaskInstance, Try, stored
from textin_provider.api.errors import ApiError, ErrorKind
from textin_provider.exceptions import TextInUncertainSubmitError
from textin_provider.tasks.job_store import SubmittedJob
from textin_provider.tasks.submission import until_stored

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
JOB = SubmittedJob(JOB_ID, "mark", AT)
ABOUT = "xParse submit of https://h.example/contract.pdf?..."


def uncertain(cause: BaseException | None = None) -> ApiError:
    error = ApiError(ErrorKind.UNCERTAIN, about="xParse submit of a.pdf", message="it was interrupted")
    error.__cause__ = cause
    return error


def failure_of(hook: Hook, store: Store | None = None) -> tuple[BaseException, Try]:
    one = Try(Task(hook), store=store)
    with pytest.raises(BaseException) as caught:  # noqa: PT011 - of any class, which the tests compare
        one.submission.submit()
    return caught.value, one


def test_an_uncertain_submit_is_reported_so_that_clearing_the_task_sends_it_again() -> None:
    store = Store()
    error = uncertain()
    failure, _ = failure_of(Hook(refusal=error), store)
    assert failure is error
    assert stored(store)["reported_max_tries"] == TaskInstance.max_tries


@pytest.mark.parametrize("error", [ApiError(ErrorKind.SERVER, about="a", message="b"), KeyboardInterrupt()])
def test_any_other_error_before_a_job_is_raised_as_it_is(error: BaseException) -> None:
    store = Store()
    failure, _ = failure_of(Hook(refusal=error), store)
    assert failure is error
    assert failure.__cause__ is None
    assert "reported_max_tries" not in stored(store)


@pytest.mark.parametrize("error", [ValueError("x"), KeyboardInterrupt()], ids=repr)
def test_an_error_after_a_stored_job_is_raised_as_it_is(error: BaseException) -> None:
    failure, one = failure_of(Hook(failure=error), Store())
    assert failure is error
    assert one.ti.pushed == [("job_id", JOB_ID)]


def test_an_uncertain_error_after_a_stored_job_gives_way_to_its_cause() -> None:
    cause = TimeoutError("the task timed out")
    failure, _ = failure_of(Hook(failure=uncertain(cause)), Store())
    assert failure is cause
    assert (failure.__cause__, failure.__suppress_context__) == (None, True)


def test_an_uncertain_error_without_a_cause_stays_after_a_stored_job() -> None:
    error = uncertain()
    failure, _ = failure_of(Hook(failure=error), Store())
    assert failure is error


def test_an_uncertain_error_after_a_job_that_is_not_stored_is_raised_as_it_is() -> None:
    error = uncertain(TimeoutError())
    failure, one = failure_of(Hook(failure=error))
    assert failure is error
    assert isinstance(failure.__cause__, TimeoutError)
    assert one.ti.pushed == [("job_id", JOB_ID)]


@pytest.mark.parametrize("error", [ValueError("the disk is full"), KeyboardInterrupt("the disk is full")])
def test_any_other_error_after_a_job_that_is_not_stored_is_final(error: BaseException) -> None:
    failure, _ = failure_of(Hook(failure=error))
    assert isinstance(failure, TextInUncertainSubmitError)
    assert failure.about == ABOUT
    assert failure.message == (
        f"TextIn accepted it as {JOB_ID}, then it was interrupted by {type(error).__name__}: the disk is full"
    )
    assert failure.__cause__ is error


def test_a_job_that_the_store_did_not_keep_is_written_again_when_the_submit_fails() -> None:
    class FailsAtJob(Store):
        """Takes the intent, fails at the job, and takes it the next time."""

        writes = 0

        def set(self, key: str, value: Any) -> None:
            self.writes += 1
            if self.writes == 2:
                raise ConnectionError(DOWN)
            super().set(key, value)

    store = FailsAtJob()
    error = ValueError("x")
    failure, one = failure_of(Hook(failure=error), store)
    assert failure is error
    assert stored(store)["job_id"] == JOB_ID
    assert one.submission.store.holds_job


def test_a_job_that_the_store_cannot_keep_at_all_fails_the_task_for_good(
    caplog: pytest.LogCaptureFixture,
) -> None:
    store = BrokenStore(writes=1)
    with caplog.at_level(logging.ERROR, logger="task"):
        failure, _ = failure_of(Hook(failure=ValueError("x")), store)
    assert isinstance(failure, TextInUncertainSubmitError)
    assert [record.getMessage() for record in caplog.records if record.name == "task"] == [
        f"The task state store could not be written: {DOWN}"
    ]
    assert stored(store)["state"] == "submitting"


def test_a_stored_job_is_not_written_again() -> None:
    store = BrokenStore(writes=2)
    error = ValueError("x")
    failure, _ = failure_of(Hook(failure=error), store)
    assert failure is error


@pytest.mark.parametrize(
    ("writes", "is_safe"),
    [(None, True), (2, True), (1, False)],
    ids=["no store", "intent and job", "intent alone"],
)
def test_a_submit_is_safe_if_its_job_is_stored_or_nothing_is(writes: int | None, is_safe: bool) -> None:
    submission = Try(store=None if writes is None else BrokenStore(writes=writes)).submission
    submission.submit()
    assert submission.is_safe is is_safe
    assert submission.store.holds_job is (writes == 2)


def test_a_deferral_writes_the_job_again_and_is_passed_on() -> None:
    deferral = TaskDeferred(trigger=None, method_name="execute_complete")
    store = Store()
    submission = Try(store=store, job=JOB).submission
    with pytest.raises(TaskDeferred) as caught, submission.until_stored():
        raise deferral
    assert caught.value is deferral
    assert stored(store) == JOB.to_dict()


def test_a_deferral_without_a_store_is_passed_on() -> None:
    submission = Try(job=JOB).submission
    with pytest.raises(TaskDeferred), submission.until_stored():
        raise TaskDeferred(trigger=None, method_name="execute_complete")


def test_a_job_that_was_stored_before_a_deferral_needs_no_guard() -> None:
    one = Try()
    assert isinstance(until_stored(one.task, one.context, None), nullcontext)


def test_an_error_after_a_deferral_is_final_for_a_job_that_cannot_be_stored() -> None:
    one = Try()
    error = ValueError("x")
    with (
        pytest.raises(TextInUncertainSubmitError) as caught,
        until_stored(one.task, one.context, JOB.to_dict()),
    ):
        raise error
    assert caught.value.__cause__ is error
    assert caught.value.about == ABOUT
    assert one.ti.pushed == [("job_id", JOB_ID)]


def test_an_error_after_a_deferral_stays_for_a_job_that_is_stored_then() -> None:
    store = Store()
    one = Try(store=store)
    error = ValueError("x")
    with pytest.raises(ValueError, match="x") as caught, until_stored(one.task, one.context, JOB.to_dict()):
        raise error
    assert caught.value is error
    assert stored(store) == JOB.to_dict()
