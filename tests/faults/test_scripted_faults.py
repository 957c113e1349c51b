"""What the matrix needs of the local TextIn: compressed bodies, resets, answers that are no HTTP."""

from __future__ import annotations

import gzip
import socket
import zlib
from typing import TYPE_CHECKING

import pytest
import requests

from textin_provider.testing import JobScript, ScriptedFault, TextInServer

if TYPE_CHECKING:
    from collections.abc import Callable

PATH = "/api/v1/xparse/parse/async"


def received(textin: TextInServer, request: bytes) -> tuple[bytes, bool]:
    """Send a request as it is and return what came back, and whether it ended with a reset."""
    with socket.create_connection(("127.0.0.1", int(textin.url.rpartition(":")[2])), timeout=30) as own:
        own.sendall(request)
        answer = b""
        try:
            while piece := own.recv(65_536):
                answer += piece
        except ConnectionResetError:
            return answer, True
        return answer, False


def get(textin: TextInServer) -> bytes:
    job_id = textin.add_job(JobScript(states=["completed"]))
    keys = f"x-ti-app-id: {textin.app_id}\r\nx-ti-secret-code: {textin.secret_code}"
    return f"GET {PATH}/{job_id} HTTP/1.1\r\nhost: h\r\n{keys}\r\n\r\n".encode()


@pytest.mark.parametrize(("encoding", "undo"), [("gzip", gzip.decompress), ("deflate", zlib.decompress)])
def test_a_body_can_be_compressed(
    textin: TextInServer, encoding: str, undo: Callable[[bytes], bytes]
) -> None:
    textin.fault("unknown", ScriptedFault(body=b"{}" * 99, encoding=encoding))  # type: ignore[arg-type]
    with requests.get(f"{textin.url}/nowhere", stream=True, timeout=30) as response:
        raw = response.raw.read(decode_content=False)
    assert response.headers["content-encoding"] == encoding
    assert int(response.headers["content-length"]) == len(raw) < 99
    assert undo(raw) == b"{}" * 99


def test_an_answer_can_be_no_http(textin: TextInServer) -> None:
    textin.fault("status", ScriptedFault(raw=b"SSH-2.0\r\n"))
    assert received(textin, get(textin)) == (b"SSH-2.0\r\n", False)


def test_a_request_can_be_dropped_before_it_is_read(textin: TextInServer) -> None:
    before = textin.submissions
    textin.fault("submit", ScriptedFault(cut="in_request"))
    head = f"POST {PATH} HTTP/1.1\r\nhost: h\r\ncontent-length: 99999999\r\n\r\n".encode()
    assert received(textin, head) == (b"", True)
    assert textin.submissions == before


@pytest.mark.parametrize("cut", ["in_headers", "in_body"])
def test_a_cut_within_an_answer_can_be_a_reset(textin: TextInServer, cut: str) -> None:
    textin.fault("status", ScriptedFault(cut=cut, reset=True))  # type: ignore[arg-type]
    answer, was_reset = received(textin, get(textin))
    # A reset may overtake what was sent before it.
    assert was_reset
    assert answer == b"" or answer.startswith(b"HTTP/1.1 200")
