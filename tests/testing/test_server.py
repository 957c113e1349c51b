"""Start and stop of servers, several servers at once, and rotation of the secret."""

from __future__ import annotations

import contextlib
import gc
import socket
import threading
import warnings
from importlib.util import find_spec

import pytest
import requests

from tests.testing.client import PATH, Client, conforms, spool
from textin_provider.testing import JobScript, ScriptedFault, TextInServer


def port_of(textin: TextInServer) -> int:
    return int(textin.url.rpartition(":")[2])


def test_a_stopped_server_leaves_nothing_behind(caplog: pytest.LogCaptureFixture) -> None:
    threads = set(threading.enumerate())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with TextInServer(pending_seconds=0, processing_seconds=0) as textin:
            client = Client(textin)
            job_id = client.submit()["data"]["job_id"]
            client.wait(job_id)
            folder = spool(textin)
            port = port_of(textin)
        gc.collect()
    assert set(threading.enumerate()) == threads
    assert not folder.exists()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))
    assert not [record for record in caplog.records if record.levelname in ("WARNING", "ERROR")]
    assert textin.jobs[job_id].polls > 0
    assert textin.count("submit") == 1


def test_a_stop_does_not_wait_for_slow_responses_and_unfinished_jobs(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with TextInServer(pending_seconds=600) as textin:
        client = Client(textin)
        textin.script(JobScript(states=["pending", "completed"]))
        job_id = client.submit(webhook="http://127.0.0.1:9/")["data"]["job_id"]
        client.submit()
        textin.fault("status", ScriptedFault(delay=600))
        with pytest.raises(requests.ReadTimeout):
            client.session.get(f"{textin.url}{PATH}/{job_id}", timeout=0.05)
        textin.fault("status", ScriptedFault(delay=600))
        waiting = socket.create_connection(("127.0.0.1", port_of(textin)))
        waiting.sendall(f"GET {PATH}/{job_id} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        while textin.count("status") < 2:
            pass
    with waiting, contextlib.suppress(ConnectionResetError):
        assert waiting.recv(1) == b""
    assert not [record for record in caplog.records if record.levelname in ("WARNING", "ERROR")]


def test_a_server_can_start_again_and_again(textin: TextInServer) -> None:
    with pytest.raises(RuntimeError, match="already runs"):
        textin.start()
    first = textin.url
    textin.stop()
    textin.stop()
    with pytest.raises(RuntimeError, match="not running"):
        _ = textin.url
    textin.start()
    assert Client(textin).submit()["code"] == 200
    assert first.startswith("http://127.0.0.1:")


def test_servers_do_not_share_jobs_or_credentials() -> None:
    with (
        TextInServer(app_id="one", secret_code="1") as one,
        TextInServer(app_id="two", secret_code="2") as two,
    ):
        job_id = Client(one).submit()["data"]["job_id"]
        assert Client(two).status(job_id)["data"]["message"] == "Job not found"
        headers = {"x-ti-app-id": "one", "x-ti-secret-code": "1"}
        assert Client(two).get(job_id, headers=headers).json()["code"] == 40102
        assert (one.submissions, two.submissions) == (1, 0)


def test_a_port_in_use_raises_os_error_at_the_start(textin: TextInServer) -> None:
    second = TextInServer(port=port_of(textin))
    with pytest.raises(OSError, match="in use"):
        second.start()
    second.stop()


def test_the_server_listens_on_loopback_only(textin: TextInServer) -> None:
    assert textin.url == f"http://127.0.0.1:{port_of(textin)}"


def test_thousands_of_jobs_can_be_added_and_polled(client: Client, textin: TextInServer) -> None:
    ids = [textin.add_job(JobScript(status="never")) for _ in range(2000)]
    assert len(textin.jobs) == 2000
    assert conforms(client.status(ids[-1])["data"], "Job")["status"] == "in_progress"


@pytest.mark.parametrize("protocol", ["httptools", "uvloop"])
def test_the_server_runs_without_httptools_or_uvloop(monkeypatch: pytest.MonkeyPatch, protocol: str) -> None:
    from textin_provider.testing import http_server

    monkeypatch.setattr(http_server, "find_spec", lambda name: None if name == protocol else find_spec(name))
    with TextInServer(pending_seconds=0, processing_seconds=0) as textin:
        client = Client(textin)
        assert client.parse(b"# Hello", "a.md")["elements"][0]["text"] == "Hello"
        job_id = textin.add_job()
        textin.fault("status", ScriptedFault(cut="before_answer"))
        with pytest.raises(requests.ConnectionError):
            client.get(job_id)
        textin.fault("status", ScriptedFault(cut="in_body"))
        with pytest.raises(requests.exceptions.ChunkedEncodingError):
            client.get(job_id)
        assert client.wait(job_id)["status"] == "completed"


@pytest.mark.parametrize("while_running", [True, False], ids=["while it runs", "while it is stopped"])
def test_after_a_rotation_only_the_new_secret_is_accepted(while_running: bool) -> None:
    server = TextInServer(secret_code="former")
    with server:
        if while_running:
            server.rotate_secret("latest")
            assert _code(server, "former") == 40102
            assert _code(server, "latest") != 40102
    if not while_running:
        server.rotate_secret("latest")
        with server:
            assert (_code(server, "former"), server.connection()["password"]) == (40102, "latest")


def _code(server: TextInServer, secret_code: str) -> int:
    headers = {"x-ti-app-id": server.app_id, "x-ti-secret-code": secret_code}
    code: int = requests.get(f"{server.url}{PATH}/{'0' * 32}", headers=headers, timeout=30).json()["code"]
    return code
