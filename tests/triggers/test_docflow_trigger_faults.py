"""What a trigger that waits for a batch makes of faults: blips pass, what cannot pass ends the wait."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from tests.foreign import FOREIGN
from tests.running import only_event
from tests.triggers.test_docflow_trigger import new_trigger
from textin_provider.testing import FileScript, ScriptedFault, TextInServer

HTML = b"<html><body><h1>502 Bad Gateway</h1></body></html>"
NO_FAULT = ScriptedFault()
BLIPS = {
    "HTTP 502 with a page": ScriptedFault(http_status=502, body=HTML, content_type="text/html"),
    "HTTP 503 without a body": ScriptedFault(http_status=503, body=b""),
    **FOREIGN,
    "HTTP 200 with a page": ScriptedFault(body=HTML, content_type="text/html"),
    "HTTP 200 without a body": ScriptedFault(body=b""),
    "HTTP 429": ScriptedFault(http_status=429, body=b"slow down", content_type="text/plain"),
    "code 423": ScriptedFault(code=423),
    "code 429": ScriptedFault(code=429),
    "code 500": ScriptedFault(code=500),
    "code 900": ScriptedFault(code=900),
    "reset": ScriptedFault(cut="before_answer"),
    "closed within the headers": ScriptedFault(cut="in_headers"),
    "closed within the body": ScriptedFault(cut="in_body"),
    "a body that is cut short": ScriptedFault(truncate=10),
}


def _connect(monkeypatch: pytest.MonkeyPatch, textin: TextInServer, **change: Any) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_TEXTIN_DEFAULT", json.dumps(textin.connection() | change))


@pytest.mark.parametrize("fault", BLIPS.values(), ids=BLIPS)
async def test_a_blip_is_waited_out(textin: TextInServer, fault: ScriptedFault) -> None:
    textin.fault("fetch", fault, times=2)
    assert await only_event(new_trigger(textin.add_batch(count=1))) == {"ending": "terminal"}
    assert textin.count("fetch") == 2 + 4


@pytest.mark.parametrize("good", [1, 2, 3])
async def test_a_blip_between_two_counts_spoils_the_look_and_not_the_wait(
    textin: TextInServer, good: int
) -> None:
    textin.fault("fetch", NO_FAULT, times=good)
    textin.fault("fetch", BLIPS["HTTP 502 with a page"])
    assert await only_event(new_trigger(textin.add_batch(count=3))) == {"ending": "terminal"}
    assert textin.count("fetch") == good + 1 + 4


@pytest.mark.parametrize(
    "body",
    [
        b'{"code": 200, "msg": "success"}',
        b'{"code": 200, "msg": "success", "result": null}',
        b'{"code": 200, "result": {}}',
        b'{"code": 200, "result": {"files": null, "total": null}}',
        b'{"code": 200, "result": {"files": [null, {}, 7], "total": "many"}}',
    ],
)
async def test_a_success_that_says_nothing_is_never_an_end(textin: TextInServer, body: bytes) -> None:
    textin.fault("fetch", ScriptedFault(body=body), times=None)
    event = await only_event(new_trigger(textin.add_batch(count=1), timeout=1.0))
    assert event["ending"] == "timeout"


async def test_a_success_that_says_nothing_for_a_while_is_waited_out(textin: TextInServer) -> None:
    textin.fault("fetch", ScriptedFault(body=b'{"code": 200, "result": null}'), times=20)
    assert await only_event(new_trigger(textin.add_batch(count=1))) == {"ending": "terminal"}


async def test_a_service_that_is_down_is_waited_for(textin: TextInServer) -> None:
    batch = textin.add_batch(count=1)
    textin.stop()
    event = await only_event(new_trigger(batch, timeout=1.0))
    assert event["ending"] == "timeout"
    assert "no state received yet" in event["message"]
    assert "no response" in event["message"]


async def test_a_long_retry_after_ends_with_the_deadline(textin: TextInServer) -> None:
    textin.fault("fetch", ScriptedFault(http_status=429, headers={"Retry-After": "3600"}), times=None)
    event = await only_event(new_trigger(textin.add_batch(count=1), timeout=1.0))
    assert event["ending"] == "timeout"
    assert textin.count("fetch") <= 2


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        pytest.param(ScriptedFault(code=40101), "authentication", id="no credentials"),
        pytest.param(ScriptedFault(code=40102), "authentication", id="wrong credentials"),
        pytest.param(ScriptedFault(code=40103), "authentication", id="address not allowed"),
        pytest.param(ScriptedFault(code=40003), "quota", id="no balance"),
        pytest.param(ScriptedFault(code=400), "request", id="bad parameter"),
        pytest.param(ScriptedFault(code=1005006000), "request", id="no such workspace"),
        pytest.param(ScriptedFault(code=1005006014), "request", id="workspace not configured"),
        pytest.param(ScriptedFault(code=1005025000), "request", id="no such category"),
        pytest.param(ScriptedFault(code=1005999999), "request", id="a code nobody published"),
        pytest.param(ScriptedFault(code=1005025103, http_status=400), "request", id="envelope in HTTP 400"),
    ],
)
async def test_what_cannot_pass_ends_the_wait_at_once(
    textin: TextInServer, fault: ScriptedFault, kind: str
) -> None:
    textin.fault("fetch", fault, times=None)
    batch = textin.add_batch(count=1)
    event = await only_event(new_trigger(batch))
    assert (event["ending"], event["fault"]["kind"]) == ("fault", kind)
    assert batch in event["fault"]["about"]
    assert textin.count("fetch") == 1


async def test_wrong_credentials_end_the_wait(textin: TextInServer, monkeypatch: pytest.MonkeyPatch) -> None:
    _connect(monkeypatch, textin, password="not-the-secret")
    event = await only_event(new_trigger(textin.add_batch(count=1)))
    assert (event["ending"], event["fault"]["code"]) == ("fault", 40102)
    assert "not-the-secret" not in json.dumps(event)


async def test_an_unknown_workspace_ends_the_wait(textin: TextInServer) -> None:
    event = await only_event(new_trigger(textin.add_batch(count=1), workspace_id="nobodys"))
    assert (event["ending"], event["fault"]["code"]) == ("fault", 1005006000)
    assert "workspace_id" in event["fault"]["fix"]


async def test_a_half_filled_connection_ends_the_wait(
    textin: TextInServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    _connect(monkeypatch, textin, login="")
    event = await only_event(new_trigger(textin.add_batch(count=1)))
    assert (event["ending"], event["fault"]["kind"]) == ("fault", "configuration")
    assert "login (App ID)" in event["fault"]["about"]


async def test_a_batch_that_ended_while_nobody_looked_is_terminal_past_the_deadline(
    textin: TextInServer,
) -> None:
    event = await only_event(new_trigger(textin.add_batch(count=1), deadline=time.time() - 3600))
    assert event == {"ending": "terminal"}


async def test_past_the_deadline_one_look_is_all(textin: TextInServer) -> None:
    batch = textin.add_batch(files=[FileScript(status="never")])
    event = await only_event(new_trigger(batch, deadline=time.time() - 3600, poll_interval=60.0))
    assert event["ending"] == "timeout"
    assert textin.count("fetch") == 4


async def test_a_batch_that_never_ends_times_out_and_the_message_says_how_it_stood(
    textin: TextInServer,
) -> None:
    batch = textin.add_batch(files=[FileScript(status="never"), FileScript(status=2), FileScript()])
    event = await only_event(new_trigger(batch, timeout=1.0))
    assert event == {"ending": "timeout", "message": event["message"]}
    assert f"DocFlow files of batch_number={batch!r}" in event["message"]
    assert "timeout=1s" in event["message"]
    assert "2 of 3 done, 1 failed" in event["message"]


async def test_a_wait_that_saw_only_faults_names_the_last_and_quotes_no_page(textin: TextInServer) -> None:
    textin.fault("fetch", BLIPS["HTTP 502 with a page"], times=None)
    event = await only_event(new_trigger(textin.add_batch(count=1), timeout=1.0))
    assert event["ending"] == "timeout"
    assert "HTTP 502" in event["message"]
    assert "Bad Gateway" not in event["message"]
