"""Reading from the local TextIn: what is asked again, how often and when; and the connection test."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.hooks.support import readable
from textin_provider.api.xparse.models import JobStatus
from textin_provider.exceptions import (
    TextInAuthenticationError,
    TextInConfigurationError,
    TextInError,
    TextInQuotaError,
    TextInRateLimitError,
    TextInRequestError,
    TextInServerError,
    TextInTransportError,
)
from textin_provider.hooks.textin import TextInHook
from textin_provider.testing import JobScript, ScriptedFault, TextInServer

if TYPE_CHECKING:
    from tests.hooks.support import Connect, Foreign, Pauses

DONE = JobScript(pending_seconds=0, processing_seconds=0, result={"elements": []})

TRANSIENT = [
    (
        {"http_status": 502, "body": b"<html>bad gateway</html>", "content_type": "text/html"},
        TextInServerError,
    ),
    ({"http_status": 503}, TextInServerError),
    ({"http_status": 401, "body": b"<html>"}, TextInServerError),
    ({"http_status": 404, "body": b"<html>"}, TextInServerError),
    ({"http_status": 302, "body": b""}, TextInServerError),
    ({"code": 500}, TextInServerError),
    ({"code": 30203}, TextInServerError),
    ({"code": 40306}, TextInRateLimitError),
    ({"body": b"<html>maintenance</html>", "content_type": "text/html"}, TextInServerError),
    ({"body": b""}, TextInServerError),
    ({"body": b'{"code": 200, "data": null}'}, TextInServerError),
    ({"cut": "before_answer"}, TextInTransportError),
    ({"cut": "in_headers"}, TextInServerError),
    ({"cut": "in_body"}, TextInTransportError),
    ({"truncate": 10}, TextInTransportError),
]


def test_a_job_is_read_through_its_states(hook: TextInHook, textin: TextInServer) -> None:
    job_id = textin.add_job(JobScript(states=["pending", "in_progress", "suspended", "completed"]))

    jobs = [hook.get_xparse_job(job_id) for _ in range(4)]

    assert [job.status for job in jobs] == [
        JobStatus.PENDING,
        JobStatus.IN_PROGRESS,
        JobStatus.UNKNOWN,
        JobStatus.COMPLETED,
    ]
    assert [bool(job.result_url) for job in jobs] == [False, False, False, True]
    assert {job.file_id for job in jobs} == {textin.jobs[job_id].file_id}


def test_a_failed_job_is_read_with_its_reason(hook: TextInHook, textin: TextInServer) -> None:
    job_id = textin.add_job(JobScript(states=["failed"], message="no pages"))

    job = hook.get_xparse_job(job_id)

    assert (job.status, job.message) == (JobStatus.FAILED, "no pages")


@pytest.mark.parametrize(("fault", "error"), TRANSIENT, ids=readable)
def test_a_read_that_met_a_passing_fault_is_asked_again(
    hook: TextInHook, textin: TextInServer, pauses: Pauses, fault: dict[str, Any], error: type[TextInError]
) -> None:
    job_id = textin.add_job(DONE)
    textin.fault("status", ScriptedFault(**fault), times=3)

    assert hook.get_xparse_job(job_id).job_id == job_id
    assert textin.count("status") == 4
    assert len(pauses) == 3
    assert all(0 <= pause <= 8 for pause in pauses)


@pytest.mark.parametrize(("fault", "error"), TRANSIENT, ids=readable)
def test_a_fault_that_does_not_pass_is_told_after_four_tries(
    hook: TextInHook, textin: TextInServer, fault: dict[str, Any], error: type[TextInError]
) -> None:
    textin.fault("status", ScriptedFault(**fault), times=None)

    with pytest.raises(error, match="xParse job c020: status") as caught:
        hook.get_xparse_job("c020")

    assert type(caught.value) is error
    if error is TextInRateLimitError:
        assert "rate_limit_timeout=3600" in str(caught.value)
        assert textin.count("status") > 4
    else:
        assert textin.count("status") == 4


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ({"code": 40101}, TextInAuthenticationError),
        ({"code": 40102}, TextInAuthenticationError),
        ({"code": 40103}, TextInAuthenticationError),
        ({"code": 40003}, TextInQuotaError),
        ({"code": 40004}, TextInRequestError),
        ({"code": 41234}, TextInRequestError),
        ({"code": 59999}, TextInRequestError),
        ({"code": 401}, TextInAuthenticationError),
        ({"code": 403}, TextInAuthenticationError),
        ({"code": 1005025103, "http_status": 400}, TextInRequestError),
    ],
    ids=readable,
)
def test_a_permanent_fault_is_told_at_once(
    hook: TextInHook, textin: TextInServer, pauses: Pauses, fault: dict[str, Any], error: type[TextInError]
) -> None:
    textin.fault("status", ScriptedFault(**fault), times=None)

    with pytest.raises(error):
        hook.get_xparse_job("c020")

    assert textin.count("status") == 1
    assert pauses == []


def test_a_look_asks_once(hook: TextInHook, textin: TextInServer) -> None:
    textin.fault("status", ScriptedFault(http_status=502), times=None)

    with pytest.raises(TextInServerError):
        hook.poll_xparse_job("c020")

    assert textin.count("status") == 1


def test_an_answer_that_does_not_come_is_given_up_and_asked_for_again(
    connect: Connect, textin: TextInServer
) -> None:
    hook = connect({"timeout": 0.3})
    job_id = textin.add_job(DONE)
    textin.fault("status", ScriptedFault(delay=5), times=1)

    assert hook.get_xparse_job(job_id).job_id == job_id
    assert textin.count("status") == 2


@pytest.mark.parametrize(("retry_after", "least", "most"), [("7", 7, 8), ("3600", 30, 30), ("soon", 0, 8)])
def test_retry_after_is_heeded_within_reason(
    hook: TextInHook, textin: TextInServer, pauses: Pauses, retry_after: str, least: float, most: float
) -> None:
    job_id = textin.add_job(DONE)
    textin.fault("status", ScriptedFault(http_status=503, headers={"Retry-After": retry_after}))

    hook.get_xparse_job(job_id)

    [pause] = pauses
    assert least <= pause <= most


def test_retry_after_may_be_a_date(hook: TextInHook, textin: TextInServer, pauses: Pauses) -> None:
    job_id = textin.add_job(DONE)
    when = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + 20))
    textin.fault("status", ScriptedFault(code=40306, headers={"Retry-After": when}))

    hook.get_xparse_job(job_id)

    assert 10 < pauses[0] <= 21


def test_a_redirected_read_is_not_followed(hook: TextInHook, textin: TextInServer, foreign: Foreign) -> None:
    textin.fault(
        "status", ScriptedFault(http_status=302, body=b"", headers={"Location": foreign.url}), times=None
    )

    with pytest.raises(TextInServerError, match="redirected"):
        hook.get_xparse_job("c020")

    assert foreign.requests == []


def test_an_id_that_cannot_be_one_is_not_asked_for(hook: TextInHook, textin: TextInServer) -> None:
    with pytest.raises(TextInRequestError, match="job_id"):
        hook.get_xparse_job("../balance")

    assert textin.count("*") == 0


def test_an_unknown_job_names_its_id_and_the_request(hook: TextInHook) -> None:
    with pytest.raises(TextInRequestError, match="xParse job c020") as caught:
        hook.get_xparse_job("c020")

    assert (caught.value.code, caught.value.detail) == (40004, "Job not found")
    assert str(caught.value.request_id) in str(caught.value)


def test_the_connection_test_says_yes_to_good_credentials(hook: TextInHook, textin: TextInServer) -> None:
    good, message = hook.test_connection()

    assert good
    assert textin.url in message
    assert (textin.count("status"), textin.count("submit"), textin.submissions) == (1, 0, 0)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"login": "other"}, "40102"),
        ({"password": "other"}, "40102"),
        ({"login": ""}, "login (App ID)"),
        ({"password": None}, "password (Secret code)"),
        ({"host": "ftp://x"}, "host"),
        ({"host": "http://127.0.0.1:9"}, "no response"),
        ({"extra": {"timeout": "soon"}}, "timeout"),
    ],
    ids=readable,
)
def test_the_connection_test_says_no_and_why(
    connect: Connect,
    textin: TextInServer,
    fields: dict[str, Any],
    words: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hook = connect(**fields)
    if isinstance(fields.get("extra"), str):
        monkeypatch.setenv(
            "AIRFLOW_CONN_TEXTIN_DEFAULT", '{"conn_type": "textin", "extra": "[1]", "login": "a"}'
        )

    good, message = hook.test_connection()

    assert not good
    assert words in message
    assert textin.submissions == 0


@pytest.mark.parametrize(
    "fault",
    [
        {"http_status": 502},
        {"http_status": 404, "body": b"<html>"},
        {"http_status": 405, "body": b""},
        {"http_status": 302, "body": b"", "headers": {"Location": "https://login.example.org"}},
        {"body": b"<html>a login page</html>", "content_type": "text/html"},
        {"body": b"[]"},
        {"code": 40003},
        {"code": 40007},
        {"code": 40008},
        {"code": 40103},
        {"code": 40306},
        {"code": 40400},
        {"code": 404},
        {"code": 1},
        {"body": b'{"code": 0, "message": "no"}'},
        {"code": 401},
        {"cut": "before_answer"},
    ],
    ids=readable,
)
def test_the_connection_test_says_no_to_what_is_not_a_working_xparse(
    hook: TextInHook, textin: TextInServer, fault: dict[str, Any]
) -> None:
    textin.fault("*", ScriptedFault(**fault), times=None)

    good, message = hook.test_connection()

    assert not good
    assert message
    assert textin.count("submit") == 0


def test_the_connection_test_says_no_to_an_extra_that_is_no_object(monkeypatch: pytest.MonkeyPatch) -> None:
    fields = {"conn_type": "textin", "login": "app", "password": "secret", "extra": "[1]"}
    monkeypatch.setenv("AIRFLOW_CONN_TEXTIN_DEFAULT", json.dumps(fields))

    good, message = TextInHook().test_connection()

    assert not good
    assert "textin_default" in message


def test_the_connection_test_says_no_to_a_connection_that_is_not_there() -> None:
    good, message = TextInHook("not_there").test_connection()

    assert not good
    assert "not_there" in message


def test_a_missing_connection_stops_every_call() -> None:
    with pytest.raises(TextInConfigurationError):
        TextInHook("not_there").get_xparse_job("c020")
