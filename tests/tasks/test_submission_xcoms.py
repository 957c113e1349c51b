"""The XComs of a submit: they are pushed once the job is stored, and their errors cost no second submit."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from tests.tasks.submitting import DOWN, JOB_ID, BrokenStore, Hook, Store, Task, TaskInstance, Try
from textin_provider.api.errors import ApiError

KEYS = ("job_id", "return_value")
NAME = "https://h.example/contract.pdf?..."


def not_pushed(key: str) -> str:
    return f"XCom {key}={JOB_ID} of {NAME} could not be pushed: {DOWN}"


def test_the_job_id_is_pushed_under_each_key() -> None:
    one = Try(xcoms=KEYS)
    one.submission.push_job_id(JOB_ID)
    assert one.ti.pushed == [("job_id", JOB_ID), ("return_value", JOB_ID)]


def test_a_task_that_pushes_no_xcoms_pushes_no_job_id() -> None:
    one = Try(Task(do_xcom_push=False), xcoms=KEYS)
    one.submission.push_job_id(JOB_ID)
    assert one.ti.pushed == []


def test_a_task_without_a_task_instance_pushes_nothing(caplog: pytest.LogCaptureFixture) -> None:
    one = Try()
    one.context["ti"] = None
    one.new_submission().push_job_id(JOB_ID)
    assert caplog.messages == []


@pytest.mark.parametrize("failing", KEYS)
def test_an_xcom_that_cannot_be_pushed_does_not_fail_the_submit_of_a_stored_job(
    failing: str, caplog: pytest.LogCaptureFixture
) -> None:
    one = Try(store=Store(), ti=TaskInstance((failing,)), xcoms=KEYS)
    with caplog.at_level(logging.ERROR, logger="task"):
        assert one.submission.submit().job_id == JOB_ID
    assert caplog.messages == [not_pushed(failing)]
    assert one.ti.pushed == [(key, JOB_ID) for key in KEYS if key != failing]


def test_the_job_id_alone_does_not_fail_the_submit_of_a_job_that_is_not_stored() -> None:
    one = Try(ti=TaskInstance(("job_id",)), xcoms=KEYS)
    assert one.submission.submit().job_id == JOB_ID
    assert one.ti.pushed == [("return_value", JOB_ID)]


@pytest.mark.parametrize("is_broken", [False, True], ids=["no store", "broken store"])
def test_the_return_value_fails_the_submit_of_a_job_that_is_not_stored(
    is_broken: bool, caplog: pytest.LogCaptureFixture
) -> None:
    one = Try(store=BrokenStore() if is_broken else None, ti=TaskInstance(("return_value",)), xcoms=KEYS)
    with caplog.at_level(logging.ERROR, logger="task"), pytest.raises(ConnectionError, match=DOWN):
        one.submission.push_job_id(JOB_ID)
    assert caplog.messages == [not_pushed("return_value")]


def test_a_failing_submit_pushes_the_keys_that_are_missing(caplog: pytest.LogCaptureFixture) -> None:
    ti = TaskInstance(("job_id",))

    class RecoveringHook(Hook):
        def submit_xparse_job(self, *arguments: Any, **named: Any) -> str:
            super().submit_xparse_job(*arguments, **named)
            ti.failing = ()
            raise ValueError("x")

    one = Try(Task(RecoveringHook()), ti=ti, xcoms=KEYS)
    with caplog.at_level(logging.ERROR, logger="task"), pytest.raises(ApiError):
        one.submission.submit()
    assert ti.pushed == [("return_value", JOB_ID), ("job_id", JOB_ID)]
    assert caplog.messages == [not_pushed("job_id")]


def test_a_job_id_that_no_xcom_takes_is_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    one = Try(ti=TaskInstance(("return_value",)), xcoms=("return_value",))
    with caplog.at_level(logging.ERROR, logger="task"), pytest.raises(ApiError):
        one.submission.submit()
    assert caplog.messages == [
        not_pushed("return_value"),
        not_pushed("return_value"),
        f"xParse job {JOB_ID} of {NAME} is only in this log.",
    ]
