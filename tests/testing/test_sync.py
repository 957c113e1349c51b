"""The synchronous parse: its result, its failures, and its job."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest
import requests

from tests.testing.client import Client, conforms
from tests.testing.small_pdf import encrypted, small_pdf
from textin_provider.testing import Account, JobScript, ScriptedFault, TextInServer
from textin_provider.testing.contract import response_pointer

PATH = "/api/v1/xparse/parse/sync"


def sync(
    client: Client, document: bytes = b"# Hello", filename: str = "a.md", config: Any = None
) -> dict[str, Any]:
    form = {"config": json.dumps(config)} if config is not None else {}
    url = client.server.url + PATH
    response = client.session.post(url, files={"file": (filename, document)}, data=form, timeout=30)
    assert response.status_code == 200
    return conforms(response.json(), response_pointer("POST", PATH))


def test_the_response_has_the_result_in_an_envelope() -> None:
    # The times of a job would let the request time out.
    with TextInServer(pending_seconds=3600, processing_seconds=3600) as textin:
        envelope = sync(Client(textin), config={"capabilities": {"pages": True}})
    assert (envelope["code"], envelope["message"]) == (200, "success")
    result = conforms(envelope["data"], "ParseResult")
    assert [element["text"] for element in result["elements"]] == ["Hello"]
    assert len(result["pages"]) == 1
    assert textin.jobs[result["job_id"]].filename == "a.md"
    assert (textin.submissions, textin.count("sync"), textin.count("submit")) == (1, 1, 0)


@pytest.mark.parametrize("states", [None, ["pending", "in_progress", "completed"]])
def test_its_job_has_ended_for_polls_too(
    client: Client, textin: TextInServer, states: list[str] | None
) -> None:
    textin.script(JobScript(states=states))
    result = sync(client)["data"]
    job = client.status(result["job_id"])["data"]
    assert job["status"] == "completed"
    assert client.result(job["result_url"]) == result


@pytest.mark.parametrize(
    ("document", "filename", "config", "code"),
    [
        (b"", "a.md", None, 400),
        (b"GIF89a", "a.gif", None, 40303),
        (encrypted(small_pdf(), "x"), "a.pdf", None, 40423),
        (small_pdf(), "a.pdf", {"scope": {"page_range": "9"}}, 40424),
        (b"\x89PNG\r\n\x1a\n....", "a.png", None, 40422),
        (b"x", "a.txt", {"capabilities": {"pages": "yes"}}, 40004),
    ],
)
def test_a_document_that_cannot_be_parsed_is_refused(
    client: Client, document: bytes, filename: str, config: Any, code: int
) -> None:
    envelope = sync(client, document, filename, config)
    assert envelope["code"] == code
    assert envelope["data"]["message"]


@pytest.mark.parametrize(
    ("script", "code", "detail"),
    [
        (JobScript(status="failed", message="页面为空"), 40422, "页面为空"),
        (JobScript(status="stopped"), 40422, "the job is stopped"),
        (JobScript(states=["pending", "failed"]), 40422, "document could not be parsed"),
    ],
)
def test_a_scripted_failure_is_a_refusal(
    client: Client, textin: TextInServer, script: JobScript, code: int, detail: str
) -> None:
    textin.script(script)
    envelope = sync(client)
    assert (envelope["code"], envelope["data"]["message"]) == (code, detail)
    (job_id,) = textin.jobs
    assert client.status(job_id)["data"]["status"] == script.final_state


def test_failed_pages_may_have_a_code_beside_the_result(client: Client, textin: TextInServer) -> None:
    textin.script(JobScript(code=50207, failed_pages="1-2"))
    envelope = sync(client, small_pdf(), "a.pdf")
    assert (envelope["code"], envelope["data"]["success_count"]) == (50207, 1)


def test_a_job_that_never_ends_gets_no_response_until_the_server_stops() -> None:
    textin = TextInServer().start()
    textin.script(JobScript(status="never"))
    outcome: list[Exception] = []

    def request() -> None:
        try:
            sync(Client(textin))
        except requests.ConnectionError as exc:
            outcome.append(exc)

    thread = threading.Thread(target=request)
    thread.start()
    while not textin.jobs:
        thread.join(0.005)
        assert thread.is_alive()
    textin.stop()
    thread.join(10)
    assert len(outcome) == 1


def test_faults_credentials_and_the_rate_apply(client: Client, textin: TextInServer) -> None:
    textin.fault("sync", ScriptedFault(code=40003))
    assert [sync(client)["code"] for _ in range(2)] == [40003, 200]
    textin.account = Account(requests_per_second=1e-3)
    assert [sync(client)["code"] for _ in range(2)] == [200, 40306]
    client.session.headers["x-ti-secret-code"] = "wrong"
    assert sync(client)["code"] == 40102
    assert textin.submissions == 2
