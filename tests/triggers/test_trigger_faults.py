"""What a waiting trigger makes of faults: a blip is waited out, what cannot pass ends the wait."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.foreign import FOREIGN
from tests.running import only_event
from textin_provider.testing import JobScript, ScriptedFault, TextInServer

if TYPE_CHECKING:
    from tests.triggers.conftest import NewTrigger

HTML = b"<html><body><h1>502 Bad Gateway</h1></body></html>"
BLIPS = {
    "HTTP 502 with a page": ScriptedFault(http_status=502, body=HTML, content_type="text/html"),
    "HTTP 503 without a body": ScriptedFault(http_status=503, body=b""),
    "HTTP 504 in an envelope": ScriptedFault(http_status=504, code=504),
    **FOREIGN,
    "HTTP 200 with a page": ScriptedFault(body=HTML, content_type="text/html"),
    "HTTP 200 without a body": ScriptedFault(body=b""),
    "HTTP 200 with a JSON list": ScriptedFault(body=b"[]"),
    "success without data": ScriptedFault(body=b'{"code": 200, "message": "success"}'),
    "success with data that is null": ScriptedFault(body=b'{"code": 200, "data": null}'),
    "a status that is null": ScriptedFault(body=b'{"code": 200, "data": {"status": null}}'),
    "HTTP 429": ScriptedFault(http_status=429, body=b"slow down", content_type="text/plain"),
    "code 500": ScriptedFault(code=500),
    "code 30203": ScriptedFault(code=30203),
    "code 40306": ScriptedFault(code=40306),
    "code 40428": ScriptedFault(code=40428),
    "code 50011": ScriptedFault(code=50011),
    "code 50012": ScriptedFault(code=50012),
    "reset": ScriptedFault(cut="before_answer"),
    "closed within the headers": ScriptedFault(cut="in_headers"),
    "closed within the body": ScriptedFault(cut="in_body"),
    "a body that is cut short": ScriptedFault(truncate=10),
}


@pytest.mark.parametrize("fault", BLIPS.values(), ids=BLIPS)
async def test_a_blip_is_waited_out(
    textin: TextInServer, new_trigger: NewTrigger, fault: ScriptedFault
) -> None:
    textin.fault("status", fault, times=2)
    event = await only_event(new_trigger(textin.add_job(JobScript(states=["completed"]))))
    assert (event["ending"], event["jobs"][0]["status"]) == ("terminal", "completed")
    assert textin.count("status") == 3


async def test_an_answer_that_does_not_come_in_time_is_waited_out(
    textin: TextInServer, new_trigger: NewTrigger, monkeypatch: pytest.MonkeyPatch
) -> None:
    _connect(monkeypatch, textin, extra={"timeout": 0.2})
    textin.fault("status", ScriptedFault(delay=5.0))
    event = await only_event(new_trigger(textin.add_job(JobScript(states=["completed"]))))
    assert event["ending"] == "terminal"


async def test_a_service_that_is_down_is_waited_for(textin: TextInServer, new_trigger: NewTrigger) -> None:
    job_id = textin.add_job()
    textin.stop()
    event = await only_event(new_trigger(job_id, timeout=1.0))
    assert event["ending"] == "timeout"
    assert "TRANSPORT" not in event["message"]
    assert "no response" in event["message"]


async def test_a_long_retry_after_ends_with_the_deadline(
    textin: TextInServer, new_trigger: NewTrigger
) -> None:
    textin.fault("status", ScriptedFault(http_status=429, headers={"Retry-After": "3600"}), times=None)
    event = await only_event(new_trigger(textin.add_job(), timeout=1.0))
    assert event["ending"] == "timeout"
    assert textin.count("status") == 1


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        pytest.param(ScriptedFault(code=40101), "authentication", id="no credentials"),
        pytest.param(ScriptedFault(code=40102), "authentication", id="wrong credentials"),
        pytest.param(ScriptedFault(code=40103), "authentication", id="address not allowed"),
        pytest.param(ScriptedFault(code=40003), "quota", id="no balance"),
        pytest.param(ScriptedFault(code=40307), "quota", id="no free quota"),
        pytest.param(ScriptedFault(code=40004), "request", id="bad parameter"),
        pytest.param(ScriptedFault(code=49999), "request", id="a code nobody published"),
        pytest.param(ScriptedFault(code=59999), "request", id="another code nobody published"),
        pytest.param(ScriptedFault(code=40102, http_status=401), "authentication", id="envelope in HTTP 401"),
    ],
)
async def test_what_cannot_pass_ends_the_wait_at_once(
    textin: TextInServer, new_trigger: NewTrigger, fault: ScriptedFault, kind: str
) -> None:
    textin.fault("status", fault, times=None)
    job_id = textin.add_job()
    event = await only_event(new_trigger(job_id))
    assert (event["ending"], event["fault"]["kind"]) == ("fault", kind)
    assert job_id in event["fault"]["about"]
    assert textin.count("status") == 1


async def test_wrong_credentials_end_the_wait(
    textin: TextInServer, new_trigger: NewTrigger, monkeypatch: pytest.MonkeyPatch
) -> None:
    _connect(monkeypatch, textin, password="not-the-secret")
    event = await only_event(new_trigger(textin.add_job()))
    assert (event["ending"], event["fault"]["code"]) == ("fault", 40102)
    assert "not-the-secret" not in json.dumps(event)


async def test_a_job_that_vanishes_ends_the_wait(textin: TextInServer, new_trigger: NewTrigger) -> None:
    job_id = textin.add_job(JobScript(status="never", vanish=2))
    event = await only_event(new_trigger(job_id))
    assert (event["ending"], event["fault"]["kind"]) == ("fault", "request")
    assert "submitted with this connection" in event["fault"]["fix"]


@pytest.mark.parametrize("job_id", ["", "None", "../secret", "a b", "x" * 129])
async def test_a_job_id_that_cannot_be_one_ends_the_wait(
    textin: TextInServer, new_trigger: NewTrigger, job_id: str
) -> None:
    event = await only_event(new_trigger(job_id))
    assert (event["ending"], event["fault"]["kind"]) == ("fault", "request")
    assert event["fault"]["about"] == f"job_id={job_id!r}"
    assert textin.count("*") == 0


@pytest.mark.parametrize(
    ("change", "named"),
    [
        pytest.param({"login": ""}, "login (App ID)", id="no App ID"),
        pytest.param({"password": " "}, "password (Secret code)", id="no Secret code"),
        pytest.param({"host": "ftp://api.textin.com"}, "host", id="a host that is no web address"),
        pytest.param({"extra": {"timeout": "soon"}}, "timeout", id="a timeout that is no number"),
    ],
)
async def test_a_half_filled_connection_ends_the_wait_and_is_named(
    textin: TextInServer,
    new_trigger: NewTrigger,
    monkeypatch: pytest.MonkeyPatch,
    change: dict[str, Any],
    named: str,
) -> None:
    _connect(monkeypatch, textin, **change)
    event = await only_event(new_trigger(textin.add_job()))
    assert (event["ending"], event["fault"]["kind"]) == ("fault", "configuration")
    assert event["fault"]["about"] == f"Connection 'textin_default', field {named}"


async def test_a_missing_connection_ends_the_wait_and_is_named(
    textin: TextInServer, new_trigger: NewTrigger, airflow_db: None
) -> None:
    event = await only_event(new_trigger(textin.add_job(), textin_conn_id="textin_elsewhere"))
    assert (event["ending"], event["fault"]["kind"]) == ("fault", "configuration")
    assert "textin_elsewhere" in event["fault"]["about"]
    assert "AIRFLOW_CONN_TEXTIN_ELSEWHERE" in event["fault"]["fix"]


async def test_a_job_that_ended_while_nobody_looked_is_terminal_past_the_deadline(
    textin: TextInServer, new_trigger: NewTrigger
) -> None:
    job_id = textin.add_job(JobScript(states=["completed"]))
    event = await only_event(new_trigger(job_id, deadline=time.time() - 3600))
    assert event["ending"] == "terminal"


async def test_past_the_deadline_one_look_is_all(textin: TextInServer, new_trigger: NewTrigger) -> None:
    job_id = textin.add_job(JobScript(status="never"))
    event = await only_event(new_trigger(job_id, deadline=time.time() - 3600, poll_interval=60.0))
    assert event["ending"] == "timeout"
    assert textin.jobs[job_id].polls == 1


async def test_a_job_that_never_ends_times_out_and_the_message_names_its_last_status(
    textin: TextInServer, new_trigger: NewTrigger
) -> None:
    # A busy machine may poll only once within a short timeout, and the second status needs two polls.
    for timeout in (1.0, 4.0, 16.0):
        job_id = textin.add_job(JobScript(states=["pending", "in_progress"]))
        event = await only_event(new_trigger(job_id, timeout=timeout))
        if textin.jobs[job_id].polls > 1:
            break
    assert event == {"ending": "timeout", "message": event["message"]}
    assert f"xParse job {job_id}" in event["message"]
    assert f"timeout={timeout:g}s" in event["message"]
    assert "last status in_progress" in event["message"]


async def test_a_wait_that_saw_only_faults_times_out_and_names_the_last(
    textin: TextInServer, new_trigger: NewTrigger
) -> None:
    textin.fault("status", BLIPS["HTTP 502 with a page"], times=None)
    event = await only_event(new_trigger(textin.add_job(), timeout=1.0))
    assert event["ending"] == "timeout"
    assert "no status received yet" in event["message"]
    assert "HTTP 502" in event["message"]
    assert "Bad Gateway" not in event["message"]


def _connect(monkeypatch: pytest.MonkeyPatch, textin: TextInServer, **change: Any) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_TEXTIN_DEFAULT", json.dumps(textin.connection() | change))
