"""Peak memory of large uploads and results."""

from __future__ import annotations

import hashlib
import http.client
import resource
from typing import TYPE_CHECKING

import pytest
import requests

from tests.testing.client import PATH, Client
from textin_provider.testing import JobScript, TextInServer

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slow

MEBIBYTE = 1024 * 1024
SIZE = 100 * MEBIBYTE
BLOCK = b"TextIn, " * (MEBIBYTE // 8)
HEAD = b'--x\r\nContent-Disposition: form-data; name="file"; filename="big.txt"\r\n\r\n'
TAIL = b"\r\n--x--\r\n"


def form() -> Iterator[bytes]:
    yield HEAD
    for _ in range(SIZE // MEBIBYTE):
        yield BLOCK
    yield TAIL


def peak_memory() -> int:
    """Return the peak memory of this process, server included, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def test_a_large_upload_goes_to_disk_not_to_memory(client: Client, textin: TextInServer) -> None:
    textin.script(JobScript(status="never"))
    before = peak_memory()
    host, port = textin.url.removeprefix("http://").split(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=60)
    headers = {
        "content-type": "multipart/form-data; boundary=x",
        "content-length": str(len(HEAD) + SIZE + len(TAIL)),
        "x-ti-app-id": textin.app_id,
        "x-ti-secret-code": textin.secret_code,
    }
    connection.request("POST", PATH, body=form(), headers=headers)
    assert connection.getresponse().read().startswith(b'{"code":200')
    connection.close()
    (job,) = textin.jobs.values()
    digest = hashlib.sha256()
    for _ in range(SIZE // MEBIBYTE):
        digest.update(BLOCK)
    assert (job.size, job.sha256) == (SIZE, digest.hexdigest())
    assert peak_memory() - before < 32 * MEBIBYTE


def test_a_large_result_is_generated_while_it_is_sent(client: Client, textin: TextInServer) -> None:
    url = client.wait(textin.add_job(JobScript(result_bytes=SIZE)))["result_url"]
    before = peak_memory()
    with requests.get(url, stream=True, timeout=60) as response:
        received = sum(len(chunk) for chunk in response.iter_content(MEBIBYTE))
    assert received == SIZE
    assert peak_memory() - before < 32 * MEBIBYTE
