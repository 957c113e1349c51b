"""Scripted faults, observed with requests or, where bytes matter, with a socket."""

from __future__ import annotations

import socket
import time

import pytest
import requests

from tests.testing.client import PATH, Client
from textin_provider.testing import JobScript, ScriptedFault, TextInServer

BAD_GATEWAY = ScriptedFault(http_status=502, body=b"<html>Bad Gateway</html>", content_type="text/html")
FILE = [("file", ("a.md", b"# Hello"))]


@pytest.fixture
def job_id(textin: TextInServer) -> str:
    return textin.add_job(JobScript(status="never"))


def raw_response(textin: TextInServer, path: str) -> tuple[bytes, bool]:
    """Return all bytes of a response, and whether the connection was reset rather than closed."""
    credentials = f"x-ti-app-id: {textin.app_id}\r\nx-ti-secret-code: {textin.secret_code}\r\n"
    with socket.create_connection(
        ("127.0.0.1", int(textin.url.rpartition(":")[2])), timeout=30
    ) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n{credentials}\r\n".encode())
        received = b""
        try:
            while chunk := connection.recv(65536):
                received += chunk
        except ConnectionResetError:
            return received, True
    return received, False


def test_a_response_can_be_replaced_for_some_requests(
    client: Client, textin: TextInServer, job_id: str
) -> None:
    textin.fault("status", BAD_GATEWAY, times=3)
    for _ in range(3):
        response = client.get(job_id)
        assert response.status_code == 502
        assert response.headers["content-type"] == "text/html"
        assert response.content == b"<html>Bad Gateway</html>"
    assert client.status(job_id)["code"] == 200
    assert textin.jobs[job_id].polls == 1
    assert [request.http_status for request in textin.requests] == [502, 502, 502, 200]
    assert textin.connections == 1


def test_a_fault_can_last_until_it_is_cleared(client: Client, textin: TextInServer, job_id: str) -> None:
    textin.fault("status", BAD_GATEWAY, times=None)
    assert {client.get(job_id).status_code for _ in range(5)} == {502}
    textin.clear_faults()
    assert client.get(job_id).status_code == 200


def test_faults_apply_one_after_the_other(client: Client, textin: TextInServer, job_id: str) -> None:
    for code in (40306, 500, 30203):
        textin.fault("status", ScriptedFault(code=code))
    assert [client.get(job_id).json()["code"] for _ in range(4)] == [40306, 500, 30203, 200]


def test_a_fault_applies_to_its_endpoint_only(client: Client, textin: TextInServer, job_id: str) -> None:
    textin.fault("submit", ScriptedFault(code=40003, message="balance too low"))
    assert client.status(job_id)["code"] == 200
    envelope = client.post(FILE).json()
    assert (envelope["code"], envelope["message"]) == (40003, "balance too low")
    assert textin.submissions == 0


def test_a_fault_can_apply_to_any_endpoint(client: Client, textin: TextInServer, job_id: str) -> None:
    textin.fault("*", ScriptedFault(code=40306), times=2)
    assert [client.post(FILE).json()["code"], client.get(job_id).json()["code"]] == [40306, 40306]
    assert client.get(job_id).json()["code"] == 200


def test_a_fault_of_an_unknown_endpoint_raises_value_error(textin: TextInServer) -> None:
    with pytest.raises(ValueError, match="submit, status, result"):
        textin.fault("statu", BAD_GATEWAY)


def test_a_business_error_has_http_200_by_default(client: Client, textin: TextInServer, job_id: str) -> None:
    textin.fault("status", ScriptedFault(code=40306, message="QPS"))
    textin.fault("status", ScriptedFault(code=500, http_status=500, headers={"Retry-After": "7"}))
    plain, with_status = client.get(job_id), client.get(job_id)
    assert (plain.status_code, plain.json()["code"], plain.json()["message"]) == (200, 40306, "QPS")
    assert (with_status.status_code, with_status.json()["code"]) == (500, 500)
    assert with_status.headers["retry-after"] == "7"
    assert [request.code for request in textin.requests] == [40306, 500]


def test_a_body_can_be_anything(client: Client, textin: TextInServer, job_id: str) -> None:
    textin.fault("status", ScriptedFault(body=b""))
    textin.fault("status", ScriptedFault(body=b"\xff\xfe{", content_type="application/json"))
    assert client.get(job_id).content == b""
    assert client.get(job_id).content == b"\xff\xfe{"


def test_a_response_can_be_delayed(client: Client, textin: TextInServer, job_id: str) -> None:
    textin.fault("status", ScriptedFault(delay=60))
    with pytest.raises(requests.ReadTimeout):
        client.session.get(f"{textin.url}{PATH}/{job_id}", timeout=0.05)
    assert client.status(job_id)["code"] == 200


def test_a_connection_can_be_reset_before_the_response(
    client: Client, textin: TextInServer, job_id: str
) -> None:
    textin.fault("status", ScriptedFault(cut="before_answer"), times=2)
    assert raw_response(textin, f"{PATH}/{job_id}") == (b"", True)
    with pytest.raises(requests.ConnectionError, match="reset by peer"):
        client.get(job_id)
    assert textin.jobs[job_id].polls == 0
    assert textin.requests[0].http_status is None
    assert client.status(job_id)["code"] == 200


def test_a_connection_can_be_closed_within_the_headers(textin: TextInServer, job_id: str) -> None:
    textin.fault("status", ScriptedFault(cut="in_headers"))
    received, _ = raw_response(textin, f"{PATH}/{job_id}")
    assert received.startswith(b"HTTP/1.1 200")
    assert b"\r\n\r\n" not in received


def test_a_connection_can_be_closed_within_the_body(
    client: Client, textin: TextInServer, job_id: str
) -> None:
    textin.fault("status", ScriptedFault(cut="in_body"), times=2)
    head, _, body = raw_response(textin, f"{PATH}/{job_id}")[0].partition(b"\r\n\r\n")
    announced = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
    assert 0 < len(body) < announced
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        client.get(job_id)


def test_a_chunked_body_can_be_cut_before_its_last_chunk(
    client: Client, textin: TextInServer, job_id: str
) -> None:
    textin.fault("status", ScriptedFault(cut="in_body", chunked=True), times=2)
    received, _ = raw_response(textin, f"{PATH}/{job_id}")
    assert b"transfer-encoding: chunked" in received.lower()
    assert not received.endswith(b"0\r\n\r\n")
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        client.get(job_id)


def test_a_whole_response_can_be_chunked(client: Client, textin: TextInServer, job_id: str) -> None:
    textin.fault("status", ScriptedFault(chunked=True))
    response = client.get(job_id)
    assert "content-length" not in response.headers
    assert response.json()["data"]["job_id"] == job_id


@pytest.mark.parametrize("script", [JobScript(), JobScript(result_bytes=1_000_000), JobScript(wrapped=True)])
def test_a_result_can_be_shorter_than_announced(
    client: Client, textin: TextInServer, script: JobScript
) -> None:
    url = client.wait(textin.add_job(script))["result_url"]
    textin.fault("result", ScriptedFault(truncate=100))
    head, _, body = raw_response(textin, url.removeprefix(textin.url))[0].partition(b"\r\n\r\n")
    whole = requests.get(url, timeout=30)
    assert body == whole.content[:100]
    assert f"content-length: {len(whole.content)}".encode() in head.lower()


def test_a_body_can_be_slow(client: Client, textin: TextInServer, job_id: str) -> None:
    textin.fault("status", ScriptedFault(bytes_per_second=1000))
    start = time.monotonic()
    response = client.get(job_id)
    assert response.json()["data"]["job_id"] == job_id
    assert time.monotonic() - start >= 0.9 * len(response.content) / 1000


@pytest.mark.parametrize(
    ("fault", "accepted"),
    [
        (BAD_GATEWAY, 0),
        (ScriptedFault(http_status=502, body=b"", accept=True), 1),
        (ScriptedFault(cut="before_answer"), 0),
        (ScriptedFault(cut="before_answer", accept=True), 1),
        (ScriptedFault(cut="in_headers"), 1),
        (ScriptedFault(cut="in_headers", accept=False), 0),
        (ScriptedFault(cut="in_body"), 1),
        (ScriptedFault(truncate=3, accept=False), 0),
    ],
)
def test_a_fault_of_submit_applies_before_or_after_its_job_is_created(
    client: Client, textin: TextInServer, fault: ScriptedFault, accepted: int
) -> None:
    textin.fault("submit", fault)
    try:
        job_id = client.post(FILE).json().get("data", {}).get("job_id")
    except requests.RequestException:
        job_id = None
    assert job_id is None
    assert textin.submissions == len(textin.jobs) == accepted
    assert textin.requests[0].body_bytes > 0


def test_credentials_are_checked_when_a_fault_runs_the_endpoint(client: Client, textin: TextInServer) -> None:
    textin.fault("submit", ScriptedFault(chunked=True))
    response = client.post(FILE, headers={"x-ti-secret-code": "wrong"})
    assert response.json()["code"] == 40102
    assert textin.submissions == 0


def test_an_aborted_download_does_not_block_the_server(
    client: Client, textin: TextInServer, job_id: str, caplog: pytest.LogCaptureFixture
) -> None:
    url = client.wait(textin.add_job(JobScript(result_bytes=10_000_000_000)))["result_url"]
    with requests.get(url, stream=True, timeout=30) as response:
        assert next(response.iter_content(100))
    assert client.status(job_id)["code"] == 200
    textin.stop()
    assert not [record for record in caplog.records if record.levelname in ("WARNING", "ERROR")]
