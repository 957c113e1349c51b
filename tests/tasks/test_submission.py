"""The submit of a task: the job of an earlier try or a new one, its document's name and fingerprint."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.tasks.submitting import JOB_ID, Hook, Store, Task, TaskInstance, Try, stored
from textin_provider.api.errors import ApiError, ErrorKind
from textin_provider.exceptions import TextInUncertainSubmitError
from textin_provider.polling.policy import PollPolicy
from textin_provider.polling.xparse import JobWait
from textin_provider.tasks import job_store
from textin_provider.tasks.job_store import STATE_KEY, SubmittedJob, fingerprint

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
INTENT = {
    "state": "submitting",
    "fingerprint": "of another input",
    "document": "old.pdf",
    "started_at": AT.isoformat(),
}
ARGUMENTS: dict[str, Any] = {
    "file": None,
    "file_url": "https://h.example/contract.pdf?sign=x",
    "config": None,
    "file_conn_id": None,
    "textin_conn_id": "textin_default",
}


def store_with_job(**changes: Any) -> Store:
    job = SubmittedJob(JOB_ID, fingerprint(**ARGUMENTS | changes), AT)
    return Store({STATE_KEY: job.to_dict()})


def test_a_submit_hands_the_arguments_of_the_task_to_the_hook() -> None:
    hook = Hook()
    document = {"file": "/data/a.pdf", "file_url": None}
    task = Task(
        hook, **document, config={"a": 1}, webhook="https://w", file_conn_id="s3", rate_limit_timeout=7.0
    )
    job = Try(task, store=None).submission.submit()
    named = {"file_conn_id": "s3", "rate_limit_timeout": 7.0}
    assert hook.submits == [("/data/a.pdf", None, {"a": 1}, "https://w", named)]
    assert job.job_id == JOB_ID


def test_a_submit_stores_its_intent_and_then_its_job() -> None:
    store = Store()
    seen: list[Any] = []

    class NotingHook(Hook):
        def submit_xparse_job(self, *arguments: Any, **named: Any) -> str:
            named["record"].sending()
            seen.append(dict(stored(store)))
            named["record"].accepted(JOB_ID)
            return JOB_ID

    one = Try(Task(NotingHook()), store=store)
    job = one.submission.submit()
    [intent] = seen
    assert datetime.fromisoformat(intent.pop("started_at")).tzinfo is not None
    known = fingerprint(**ARGUMENTS)
    assert intent == {
        "state": "submitting",
        "fingerprint": known,
        "document": "https://h.example/contract.pdf?...",
    }
    assert stored(store) == job.to_dict()
    assert (job.job_id, job.fingerprint) == (JOB_ID, known)
    assert one.ti.pushed == [("job_id", JOB_ID)]


def test_a_refused_submit_leaves_no_intent() -> None:
    store = Store()
    submission = Try(store=store).submission
    submission.sending()
    submission.refused()
    assert store == {}


def test_the_next_try_finds_the_job_of_the_same_input() -> None:
    found = Try(store=store_with_job()).submission.earlier_job()
    assert found == SubmittedJob(JOB_ID, fingerprint(**ARGUMENTS), AT)
    assert Try(store=Store()).submission.earlier_job() is None
    assert Try(store=None).submission.earlier_job() is None


@pytest.mark.parametrize(
    "changes",
    [
        {"file_url": "https://h.example/other.pdf"},
        {"config": {"a": 1}},
        {"textin_conn_id": "textin_other"},
    ],
    ids=str,
)
def test_the_next_try_finds_no_job_of_another_input(changes: dict[str, Any]) -> None:
    assert Try(Task(**changes), store=store_with_job()).submission.earlier_job() is None
    assert Try(Task(**changes), store=store_with_job(**changes)).submission.earlier_job() is not None


def test_the_fingerprint_of_a_file_covers_its_content_and_its_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(job_store, "document_identity", lambda *arguments: list(arguments))
    given: dict[str, Any] = {"file": "s3://bucket/a.pdf", "file_url": None, "file_conn_id": "s3_documents"}
    for changes in ({}, {"file": "s3://bucket/b.pdf"}, {"file_conn_id": "s3_other"}):
        store = store_with_job(**given)
        found = Try(Task(**given | changes), store=store).submission.earlier_job()
        assert (found is None) is bool(changes)


def test_a_task_that_is_not_durable_uses_no_store() -> None:
    submission = Try(Task(durable=False), store=store_with_job()).submission
    assert submission.earlier_job() is None
    assert not submission.store.exists
    assert Try(store=Store()).submission.store.exists


def test_a_task_without_a_store_needs_no_readable_document() -> None:
    task = Task(file="/no/such.pdf", file_url=None)
    assert Try(task).submission.earlier_job() is None
    with pytest.raises(ApiError, match=r"file='/no/such\.pdf'"):
        Try(task, store=Store())


def test_a_job_from_before_a_deferral_brings_its_fingerprint() -> None:
    task = Task(file="/no/longer.pdf", file_url=None)
    store = Store()
    submission = Try(task, store=store, job=SubmittedJob(JOB_ID, "mark", AT)).submission
    submission.sending()
    assert stored(store)["fingerprint"] == "mark"


def test_an_intent_of_an_earlier_try_fails_the_task_and_is_reported() -> None:
    store = Store({STATE_KEY: INTENT})
    with pytest.raises(TextInUncertainSubmitError) as caught:
        Try(store=store).submission.earlier_job()
    assert caught.value.about == "xParse submit of old.pdf"
    assert stored(store) == INTENT | {"reported_max_tries": TaskInstance.max_tries}


@pytest.mark.parametrize(
    ("resubmits", "reported", "why"),
    [
        (True, None, "resubmit_uncertain is set"),
        (True, 1, "resubmit_uncertain is set"),
        (False, 1, "the task was cleared"),
    ],
)
def test_an_intent_is_sent_again_if_a_person_says_so(
    resubmits: bool, reported: int | None, why: str, caplog: pytest.LogCaptureFixture
) -> None:
    intent = INTENT | ({} if reported is None else {"reported_max_tries": reported})
    store = Store({STATE_KEY: intent})
    with caplog.at_level(logging.WARNING, logger="task"):
        assert Try(Task(resubmit_uncertain=resubmits), store=store).submission.earlier_job() is None
    assert caplog.messages == [
        f"xParse submit of old.pdf may have been accepted before; sending it again: {why}."
    ]
    assert stored(store) == intent


def test_a_retry_alone_does_not_send_an_intent_again() -> None:
    store = Store({STATE_KEY: INTENT | {"reported_max_tries": TaskInstance.max_tries}})
    with pytest.raises(TextInUncertainSubmitError):
        Try(store=store).submission.earlier_job()


def test_the_first_poll_of_an_earlier_job_repeats_no_password() -> None:
    hook = Hook()
    hook.message = "the password sesame is wrong"
    one = Try(Task(hook, config={"password": "sesame"}))
    logged: list[str | None] = []
    wait = JobWait(JOB_ID, PollPolicy(10.0, 4e9, 60.0))
    decision = one.submission.poll(wait, lambda decision: logged.append(decision.message))
    assert hook.polls == [JOB_ID]
    assert decision.event is not None
    [job] = decision.event["jobs"]
    assert (job["status"], job["message"]) == ("failed", "the password *** is wrong")
    assert logged == []


def test_the_messages_of_the_first_poll_are_logged() -> None:
    hook = Hook()
    hook.status = "paused"
    logged: list[str | None] = []
    wait = JobWait(JOB_ID, PollPolicy(10.0, 4e9, 60.0))
    decision = Try(Task(hook)).submission.poll(wait, lambda decision: logged.append(decision.message))
    assert decision.event is None
    assert logged == [
        f"xParse job {JOB_ID} has the unknown status 'paused'; handled as not finished.",
    ]


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ({"file": "/data/in/contract.pdf"}, "contract.pdf"),
        ({"file": "contract.pdf"}, "contract.pdf"),
        ({"file": Path("/data/合同.pdf")}, "合同.pdf"),
        ({"file": "s3://key:secret@bucket/in/a.pdf"}, "a.pdf"),
        ({"file": "/data/two\nlines.pdf"}, "two lines.pdf"),
        ({"file_url": "https://user:pass@h.example/a/b.pdf?sign=x"}, "https://h.example/a/b.pdf?..."),
        ({"file_url": "https://h.example/a b.pdf"}, "https://h.example/a b.pdf"),
    ],
    ids=str,
)
def test_a_document_is_named_without_folder_and_secrets(given: dict[str, Any], name: str) -> None:
    task = Task(Hook(failure=ValueError("x")), file_url=None)
    vars(task).update(given)
    with pytest.raises(ApiError) as caught:
        Try(task).submission.submit()
    assert (caught.value.kind, caught.value.about) == (ErrorKind.UNCERTAIN, f"xParse submit of {name}")
