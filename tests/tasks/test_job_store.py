"""The job of a task in a store: what is kept, what is read again, and when a document is submitted again."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowException

from tests.tasks.submitting import BrokenStore, Store
from textin_provider.api.errors import ApiError, ErrorKind
from textin_provider.tasks.job_store import STATE_KEY, JobStore, SubmittedJob, is_lost
from textin_provider.tasks.submit_intent import SubmitIntent

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
JOB = SubmittedJob("c" * 32, "mark", AT)
STORED = {"job_id": "c" * 32, "fingerprint": "mark", "submitted_at": "2026-01-02T03:04:05+00:00"}


def test_a_job_is_kept_as_plain_values_and_read_again() -> None:
    assert JOB.to_dict() == STORED
    assert SubmittedJob.from_dict(STORED) == JOB


@pytest.mark.parametrize(
    "value",
    [None, [], "x", {}, STORED | {"submitted_at": "soon"}, {"job_id": "c" * 32}],
    ids=str,
)
def test_a_value_that_is_not_a_job_is_an_error_with_key_and_fix(value: Any) -> None:
    with pytest.raises(ApiError) as caught:
        SubmittedJob.from_dict(value)
    assert (caught.value.kind, caught.value.about) == (
        ErrorKind.REQUEST,
        f"task_state_store['textin_xparse_job']={value!r}",
    )
    assert caught.value.message == "it is not a job"
    assert caught.value.fix == (
        "Delete this key of the task instance, or set durable=False, which submits again"
    )
    assert caught.value.__suppress_context__


def test_a_job_with_an_invalid_id_is_an_error_of_the_id() -> None:
    with pytest.raises(ApiError) as caught:
        SubmittedJob.from_dict(STORED | {"job_id": "../x"})
    assert (caught.value.about, caught.value.message) == ("job_id='../x'", "it is not a valid job id")


@pytest.mark.parametrize(("passed", "left"), [(0, 60), (59, 1), (60, 60), (1000, 60)])
def test_the_deadline_counts_from_the_submit_or_from_now(passed: int, left: int) -> None:
    now = (AT + timedelta(seconds=passed)).timestamp()
    assert JOB.deadline(60.0, now=now) == now + left


def test_a_saved_job_is_loaded_by_the_next_try() -> None:
    store = Store()
    before = datetime.now(UTC)
    jobs = JobStore(store, "mark")
    saved = jobs.new_job("d" * 32)
    assert not jobs.holds_job
    jobs.save(saved)
    assert jobs.holds_job
    assert before <= saved.submitted_at <= datetime.now(UTC)
    assert saved.submitted_at.tzinfo is UTC
    loaded = JobStore(store, "mark").load()
    assert isinstance(loaded, SubmittedJob)
    assert (loaded.job_id, loaded.fingerprint) == ("d" * 32, "mark")
    assert set(store) == {STATE_KEY}


def test_a_job_of_another_input_is_not_loaded_and_the_log_says_so(caplog: pytest.LogCaptureFixture) -> None:
    store = Store({STATE_KEY: STORED})
    with caplog.at_level(logging.INFO, logger="textin_provider.tasks.job_store"):
        assert JobStore(store, "other").load() is None
    assert caplog.messages == [f"The input has changed since xParse job {'c' * 32}; submitting again."]
    assert JobStore(store, "mark").load() == JOB


def test_an_empty_store_and_none_have_no_job(caplog: pytest.LogCaptureFixture) -> None:
    assert JobStore(Store(), "mark").load() is None
    assert JobStore(None, "mark").load() is None
    nowhere = JobStore(None, "mark")
    nowhere.begin("a.pdf")
    nowhere.save(nowhere.new_job("d" * 32))
    nowhere.withdraw()
    nowhere.report(None, 2)
    nowhere.report(SubmitIntent("mark", "a.pdf", AT), 2)
    assert (nowhere.exists, nowhere.holds_job) == (False, False)
    assert caplog.messages == []


def test_a_store_that_cannot_be_read_is_an_error_that_names_its_cause() -> None:
    with pytest.raises(AirflowException) as caught:
        JobStore(BrokenStore(), "mark").load()
    assert str(caught.value) == (
        "The task state store could not be read (the API server is down). It may hold a job that is paid "
        "for, so nothing was submitted. A retry reads it again."
    )


def test_a_store_that_cannot_be_written_loses_no_job(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR, logger="textin_provider.tasks.job_store"):
        jobs = JobStore(BrokenStore(), "mark")
        jobs.save(jobs.new_job("d" * 32))
    assert not jobs.holds_job
    assert caplog.messages == [
        f"xParse job {'d' * 32} is accepted, but the task state store could not be written (the API server "
        "is down). This try continues with it; if it fails, no retry submits the document again."
    ]


def test_the_log_of_a_job_that_is_not_stored_names_its_document(caplog: pytest.LogCaptureFixture) -> None:
    jobs = JobStore(BrokenStore(writes=1), "mark")
    jobs.begin("contract.pdf")
    with caplog.at_level(logging.ERROR, logger="textin_provider.tasks.job_store"):
        jobs.save(jobs.new_job("d" * 32))
    [message] = caplog.messages
    assert message.endswith("if it fails, no retry submits contract.pdf again.")


def test_an_intent_is_kept_as_plain_values_until_its_job_replaces_it() -> None:
    store = Store()
    jobs = JobStore(store, "mark")
    before = datetime.now(UTC).replace(microsecond=0)

    jobs.begin("contract.pdf")

    stored = store[STATE_KEY]
    assert before <= datetime.fromisoformat(stored.pop("started_at")) <= datetime.now(UTC)
    assert stored == {"state": "submitting", "fingerprint": "mark", "document": "contract.pdf"}
    jobs.save(jobs.new_job("d" * 32))
    assert set(store[STATE_KEY]) == {"job_id", "fingerprint", "submitted_at"}


@pytest.mark.parametrize("fingerprint", ["mark", "other"], ids=["same input", "changed input"])
def test_an_intent_is_found_by_the_next_try_whatever_its_input(fingerprint: str) -> None:
    store = Store()
    JobStore(store, "mark").begin("contract.pdf")

    found = JobStore(store, fingerprint).load()

    assert isinstance(found, SubmitIntent)
    assert (found.document, found.fingerprint) == ("contract.pdf", "mark")


def test_an_intent_is_read_from_its_plain_values() -> None:
    intent = SubmitIntent("mark", "contract.pdf", AT, reported_max_tries=2)
    assert intent.to_dict() == {
        "state": "submitting",
        "fingerprint": "mark",
        "document": "contract.pdf",
        "reported_max_tries": 2,
        "started_at": "2026-01-02T03:04:05+00:00",
    }
    assert SubmitIntent.from_dict(intent.to_dict()) == intent


def test_the_error_of_an_intent_says_what_to_do() -> None:
    error = SubmitIntent("mark", "contract.pdf", AT).error()
    assert (error.kind, error.about) == (ErrorKind.UNCERTAIN, "xParse submit of contract.pdf")
    assert error.message == (
        "a submit that began at 2026-01-02T03:04:05+00:00 did not end, perhaps because its worker died; the "
        "documents may have been accepted, and are billed if they were"
    )
    assert error.fix == (
        "Look in the TextIn console; clear the task to send it again, or set resubmit_uncertain=True"
    )


def test_only_a_person_who_clears_the_task_raises_max_tries_above_the_reported_one() -> None:
    store = Store()
    jobs = JobStore(store, "mark")
    jobs.begin("contract.pdf")
    jobs.report(None, 2)
    found = JobStore(store, "mark").load()
    assert isinstance(found, SubmitIntent)
    assert store[STATE_KEY]["reported_max_tries"] == 2
    assert [found.was_cleared(tries) for tries in (1, 2, 3)] == [False, False, True]
    assert not SubmitIntent("mark", "contract.pdf", AT).was_cleared(100)


def test_a_withdrawn_intent_leaves_nothing() -> None:
    store = Store()
    jobs = JobStore(store, "mark")
    jobs.begin("contract.pdf")
    jobs.withdraw()
    assert JobStore(store, "mark").load() is None


def test_an_intent_that_cannot_be_written_is_an_error_that_says_nothing_was_submitted() -> None:
    with pytest.raises(AirflowException) as caught:
        JobStore(BrokenStore(), "mark").begin("contract.pdf")
    assert str(caught.value) == (
        "The task state store could not be written (the API server is down). A later try could not know of "
        "the submit, so nothing was submitted. A retry tries again."
    )


@pytest.mark.parametrize("kind", [KeyboardInterrupt, MemoryError, ConnectionError])
def test_an_intent_that_may_be_written_is_withdrawn(kind: type[BaseException]) -> None:
    class Struck(Store):
        def set(self, key: str, value: Any) -> None:
            super().set(key, value)
            raise kind

    store = Struck()
    with pytest.raises((kind, AirflowException)):
        JobStore(store, "mark").begin("contract.pdf")
    assert store == {}


def test_a_store_that_cannot_be_written_fails_no_report_and_no_withdrawal(
    caplog: pytest.LogCaptureFixture,
) -> None:
    jobs = JobStore(BrokenStore(), "mark")
    with caplog.at_level(logging.ERROR, logger="textin_provider.tasks.job_store"):
        jobs.withdraw()
        jobs.report(SubmitIntent("mark", "contract.pdf", AT), 2)
    assert caplog.messages == [
        "Nothing was submitted, but the task state store could not be written (the API server is down). If "
        "it holds the intent, the next try fails, and says that the document may have been accepted; it was "
        "not.",
        "The task state store could not be written: the API server is down",
    ]


@pytest.mark.parametrize(
    "value",
    [{"state": "submitting"}, {"state": "submitting", "started_at": "soon", "document": "a"}],
    ids=str,
)
def test_an_intent_that_is_malformed_is_an_error(value: Any) -> None:
    with pytest.raises(ApiError) as caught:
        JobStore(Store({STATE_KEY: value}), "mark").load()
    assert caught.value.about == f"task_state_store['textin_xparse_job']={value!r}"
    assert caught.value.message == "it is not a job"


def job_event(status: str, message: str | None = None) -> dict[str, Any]:
    return {"ending": "terminal", "jobs": [{"job_id": "c" * 32, "status": status, "message": message}]}


def error_event(kind: ErrorKind, code: int | None = None) -> dict[str, Any]:
    error = ApiError(kind, about="a", message="unknown job", code=code)
    return {"ending": "fault", "fault": error.to_dict()}


def test_a_job_that_failed_or_is_unknown_is_lost_and_the_log_says_why(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.WARNING, logger="textin_provider.tasks.job_store"):
        assert is_lost(JOB, job_event("failed", "no pages"))
        assert is_lost(JOB, error_event(ErrorKind.REQUEST, 40004))
        assert is_lost(JOB, error_event(ErrorKind.REQUEST, 404))
    assert caplog.messages == [
        f"The stored job {'c' * 32} failed (no pages); submitting again.",
        f"The stored job {'c' * 32} is gone (unknown job); submitting again.",
        f"The stored job {'c' * 32} is gone (unknown job); submitting again.",
    ]


@pytest.mark.parametrize(
    "event",
    [
        None,
        job_event("completed"),
        {"ending": "timeout", "message": "m"},
        error_event(ErrorKind.AUTHENTICATION, 40102),
        error_event(ErrorKind.REQUEST, 41234),
        error_event(ErrorKind.REQUEST, 40400),
        error_event(ErrorKind.REQUEST),
        error_event(ErrorKind.SERVER, 404),
    ],
    ids=["pending", "completed", "timeout", "credentials", "unlisted", "address", "input", "gateway"],
)
def test_any_other_job_is_not_lost(event: dict[str, Any] | None, caplog: pytest.LogCaptureFixture) -> None:
    assert not is_lost(JOB, event)
    assert caplog.messages == []
