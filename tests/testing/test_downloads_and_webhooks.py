"""Requests that the server sends: downloads of documents, and webhooks."""

from __future__ import annotations

import json
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from tests.testing.client import PATH, Client, conforms
from textin_provider.testing import JobScript, TextInServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from textin_provider.testing.background import Delivery

DOCUMENT = "# 远程\n\nfrom afar".encode()


class Elsewhere(ThreadingHTTPServer):
    """Another server, for documents and webhooks."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.received: list[dict[str, Any]] = []
        self.taken = threading.Semaphore(0)
        self.http_status = 200

    def next_webhook(self) -> dict[str, Any]:
        assert self.taken.acquire(timeout=10)
        return conforms(self.received[-1], "WebhookPayload")


class Handler(BaseHTTPRequestHandler):
    server: Elsewhere

    def do_GET(self) -> None:
        missing = self.path.startswith("/missing")
        self.send_response(404 if missing else 200)
        self.end_headers()
        self.wfile.write(DOCUMENT)

    def do_POST(self) -> None:
        assert self.headers["content-type"] == "application/json"
        self.server.received.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
        self.send_response(self.server.http_status)
        self.end_headers()
        self.server.taken.release()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def elsewhere() -> Iterator[Elsewhere]:
    with Elsewhere() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def closed_address() -> Iterator[str]:
    """A URL whose port refuses connections."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{bound.getsockname()[1]}/"


def deliveries(textin: TextInServer) -> list[Delivery]:
    while not textin.webhooks:
        time.sleep(0.005)
    return textin.webhooks


def test_a_document_is_downloaded_from_its_url(
    client: Client, textin: TextInServer, elsewhere: Elsewhere
) -> None:
    url = f"{elsewhere.url}/docs/%E5%90%8D.md?token=1"
    job_id = client.submit(file_url=url)["data"]["job_id"]
    result = client.result(client.wait(job_id)["result_url"])
    assert [element["text"] for element in result["elements"]] == ["远程", "from afar"]
    assert result["metadata"]["data_source"] == {"url": url}
    job = textin.jobs[job_id]
    assert (job.file_url, job.filename, job.size) == (url, "名.md", len(DOCUMENT))
    assert job.file_id == textin.jobs[client.submit(DOCUMENT, "b.md")["data"]["job_id"]].file_id


def test_a_file_url_may_be_sent_urlencoded(
    client: Client, textin: TextInServer, elsewhere: Elsewhere
) -> None:
    form = {"file_url": f"{elsewhere.url}/a%20b.md", "config": '{"capabilities": {"pages": true}}'}
    response = client.session.post(textin.url + PATH, data=form, timeout=30)
    result = client.result(client.wait(response.json()["data"]["job_id"])["result_url"])
    assert (result["metadata"]["filename"], len(result["pages"])) == ("a b.md", 1)
    empty = client.session.post(textin.url + PATH, data={"webhook": "http://127.0.0.1:9/"}, timeout=30)
    assert empty.json()["data"]["message"] == "File not uploaded"
    long = client.session.post(textin.url + PATH, data={"config": "x" * 1024 * 1024}, timeout=30)
    assert (long.json()["code"], "longer than" in long.json()["data"]["message"]) == (40004, True)


def test_a_url_with_an_error_response_fails_the_job(client: Client, elsewhere: Elsewhere) -> None:
    job = client.wait(client.submit(file_url=f"{elsewhere.url}/missing.md")["data"]["job_id"])
    assert (job["status"], job["message"]) == ("failed", "file_url returned HTTP 404")


def test_a_url_that_cannot_be_reached_fails_the_job(client: Client, closed_address: str) -> None:
    job = client.wait(client.submit(file_url=closed_address)["data"]["job_id"])
    assert job["status"] == "failed"
    assert job["message"].startswith("file_url could not be fetched")


def test_an_invalid_downloaded_document_fails_the_job(client: Client, elsewhere: Elsewhere) -> None:
    config = {"scope": {"page_range": "2"}}
    jobs = [
        client.submit(file_url=f"{elsewhere.url}/a.json"),
        client.submit(file_url=f"{elsewhere.url}/a.md", config=config),
    ]
    messages = [client.wait(job["data"]["job_id"])["message"] for job in jobs]
    assert "application/json" in messages[0]
    assert "page_range" in messages[1]


def test_the_size_of_a_downloaded_document_is_limited(elsewhere: Elsewhere) -> None:
    with TextInServer(pending_seconds=0, processing_seconds=0, max_file_bytes=4) as textin:
        client = Client(textin)
        job = client.wait(client.submit(file_url=f"{elsewhere.url}/a.md")["data"]["job_id"])
        assert "exceeds the limit" in job["message"]


def test_the_webhook_of_a_completed_job_has_its_result_url(
    client: Client, textin: TextInServer, elsewhere: Elsewhere
) -> None:
    job_id = client.submit(webhook=elsewhere.url)["data"]["job_id"]
    payload = elsewhere.next_webhook()
    assert payload == {
        "job_id": job_id,
        "status": "completed",
        "result_url": client.wait(job_id)["result_url"],
    }
    (delivery,) = deliveries(textin)
    assert (delivery.url, delivery.payload, delivery.outcome) == (elsewhere.url, payload, "HTTP 200")


def test_the_webhook_of_a_failed_job_has_its_message(
    client: Client, textin: TextInServer, elsewhere: Elsewhere
) -> None:
    textin.script(JobScript(status="failed", message="no luck"))
    job_id = client.submit(webhook=elsewhere.url)["data"]["job_id"]
    assert elsewhere.next_webhook() == {"job_id": job_id, "status": "failed", "message": "no luck"}


def test_a_webhook_is_sent_after_the_poll_that_shows_the_final_state(
    client: Client, textin: TextInServer, elsewhere: Elsewhere
) -> None:
    textin.script(JobScript(states=["pending", "completed"]))
    job_id = client.submit(webhook=elsewhere.url)["data"]["job_id"]
    client.status(job_id)
    assert not elsewhere.received
    client.status(job_id)
    assert elsewhere.next_webhook()["status"] == "completed"


def test_a_webhook_is_delivered_once_even_if_it_fails(
    client: Client, textin: TextInServer, elsewhere: Elsewhere
) -> None:
    elsewhere.http_status = 500
    client.submit(webhook=elsewhere.url)
    assert [delivery.outcome for delivery in deliveries(textin)] == ["HTTP 500"]
    assert len(elsewhere.received) == 1


def test_a_webhook_to_a_closed_port_is_recorded_with_its_error(
    client: Client, textin: TextInServer, closed_address: str
) -> None:
    client.submit(webhook=closed_address)
    (delivery,) = deliveries(textin)
    assert "ClientConnectorError" in delivery.outcome
