"""Submitting to the local TextIn: documents from disk, object storage and the web, and what goes along."""

from __future__ import annotations

import hashlib
import uuid
from threading import Event
from typing import TYPE_CHECKING, Any

import pytest
from fsspec.implementations.memory import MemoryFileSystem

from tests.airflow_versions import attach
from tests.hooks.support import readable
from textin_provider.exceptions import TextInError, TextInRequestError
from textin_provider.testing import JobScript, TextInServer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.hooks.support import Foreign
    from textin_provider.hooks.textin import TextInHook

MARKDOWN = "# 合同\n\n维修前必须切断电源。\n".encode()


@pytest.fixture
def document(tmp_path: Path) -> Path:
    path = tmp_path / "contract.md"
    path.write_bytes(MARKDOWN)
    return path


@pytest.fixture
def bucket() -> str:
    """Return the URL of a bucket of its own on an object storage that lives in memory."""
    attach(protocol="memory", fs=MemoryFileSystem())
    return f"memory://{uuid.uuid4().hex}"


def put(url: str, content: bytes) -> str:
    MemoryFileSystem().pipe_file(url.removeprefix("memory:/"), content)
    return url


def arrived(textin: TextInServer, job_id: str) -> tuple[str, int, str]:
    assert list(textin.jobs) == [job_id]
    job = textin.jobs[job_id]
    return job.filename, job.size, job.sha256


def until(condition: Callable[[], bool]) -> None:
    for _ in range(1000):
        if condition():
            return
        Event().wait(0.02)
    pytest.fail("It did not come to pass.")


def result_of(hook: TextInHook, job_id: str, folder: Path) -> str:
    until(lambda: hook.get_xparse_job(job_id).status.is_terminal)
    hook.download_xparse_result(job_id, str(folder / "result.json"))
    return (folder / "result.json").read_text()


def test_a_local_file_arrives_byte_for_byte(hook: TextInHook, textin: TextInServer, document: Path) -> None:
    job_id = hook.submit_xparse_job(str(document))

    assert arrived(textin, job_id) == ("contract.md", len(MARKDOWN), hashlib.sha256(MARKDOWN).hexdigest())
    assert textin.count("submit") == 1


def test_a_file_url_is_a_local_file_whose_name_is_not_quoted(
    hook: TextInHook, textin: TextInServer, tmp_path: Path
) -> None:
    path = tmp_path / "my 合同 #1.md"
    path.write_bytes(MARKDOWN)

    job_id = hook.submit_xparse_job(f"file://{path}")

    assert arrived(textin, job_id)[:2] == ("my 合同 #1.md", len(MARKDOWN))


def test_an_object_arrives_byte_for_byte(hook: TextInHook, textin: TextInServer, bucket: str) -> None:
    job_id = hook.submit_xparse_job(put(f"{bucket}/in/合同.md", MARKDOWN))

    assert arrived(textin, job_id) == ("合同.md", len(MARKDOWN), hashlib.sha256(MARKDOWN).hexdigest())


def test_a_large_file_arrives_byte_for_byte(hook: TextInHook, textin: TextInServer, tmp_path: Path) -> None:
    content = b"".join(b"Line %d of many.\n" % number for number in range(300_000))
    path = tmp_path / "big.txt"
    path.write_bytes(content)
    textin.script(JobScript(result={"elements": []}))

    job_id = hook.submit_xparse_job(str(path))

    assert arrived(textin, job_id)[1:] == (len(content), hashlib.sha256(content).hexdigest())


@pytest.mark.parametrize(
    "name", ["合同.md", "Ärger & Söhne.md", "😀.md", "a'b;c=d.md", " blank .md", "%41.md"], ids=ascii
)
def test_a_file_name_arrives_as_it_is(
    hook: TextInHook, textin: TextInServer, tmp_path: Path, name: str
) -> None:
    (tmp_path / name).write_bytes(MARKDOWN)

    job_id = hook.submit_xparse_job(str(tmp_path / name))

    assert arrived(textin, job_id)[0] == name


@pytest.mark.parametrize("name", ['a"b.md', "a\r\nX-Evil: 1.md", "a\nb.md"], ids=ascii)
def test_a_file_name_cannot_break_out_of_its_header(
    hook: TextInHook, textin: TextInServer, tmp_path: Path, name: str
) -> None:
    (tmp_path / name).write_bytes(MARKDOWN)

    job_id = hook.submit_xparse_job(str(tmp_path / name))

    assert arrived(textin, job_id)[1] == len(MARKDOWN)


def test_a_url_is_fetched_by_textin_and_not_by_the_worker(
    hook: TextInHook, textin: TextInServer, foreign: Foreign, tmp_path: Path
) -> None:
    foreign.body, foreign.headers = MARKDOWN, {"Content-Type": "text/markdown"}

    job_id = hook.submit_xparse_job(file_url=f"{foreign.url}/contract.md?sig=1")

    assert textin.jobs[job_id].file_url == f"{foreign.url}/contract.md?sig=1"
    assert "维修前必须切断电源" in result_of(hook, job_id, tmp_path)
    assert [path for path, _ in foreign.requests] == ["/contract.md?sig=1"]
    assert foreign.credentials == set()


@pytest.mark.parametrize(
    "config",
    [{"capabilities": {"include_hierarchy": False}}, '{"capabilities": {"include_hierarchy": false}}'],
    ids=["dict", "text"],
)
def test_a_config_arrives_as_json(
    hook: TextInHook, textin: TextInServer, document: Path, config: Any
) -> None:
    job = textin.jobs[hook.submit_xparse_job(str(document), config=config)]

    assert job.config_content_type == "application/json"
    assert job.config == {"capabilities": {"include_hierarchy": False}}


def test_a_config_takes_effect(hook: TextInHook, tmp_path: Path) -> None:
    path = tmp_path / "table.html"
    path.write_text("<table><tr><td>Seal kit</td><td>12</td></tr></table>")
    views = {}
    for view in ("html", "markdown"):
        job_id = hook.submit_xparse_job(str(path), config={"capabilities": {"table_view": view}})
        views[view] = result_of(hook, job_id, tmp_path)

    assert "<td>Seal kit</td>" in views["html"]
    assert "Seal kit" in views["markdown"]
    assert "<td>" not in views["markdown"]


def test_without_a_config_none_is_sent(hook: TextInHook, textin: TextInServer, document: Path) -> None:
    assert textin.jobs[hook.submit_xparse_job(str(document))].config_content_type is None


def test_a_webhook_is_called_when_the_job_has_ended(
    hook: TextInHook, textin: TextInServer, document: Path
) -> None:
    url = f"{textin.url}/nobody/listens"

    job_id = hook.submit_xparse_job(str(document), webhook=url)

    until(lambda: bool(textin.webhooks))
    [delivery] = textin.webhooks
    assert (delivery.url, delivery.payload["job_id"]) == (url, job_id)
    assert delivery.payload["status"] == "completed"


def test_the_same_document_submitted_twice_is_two_jobs(
    hook: TextInHook, textin: TextInServer, document: Path
) -> None:
    assert hook.submit_xparse_job(str(document)) != hook.submit_xparse_job(str(document))
    assert textin.submissions == 2


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "exactly one"),
        ({"file": ""}, "file="),
        ({"file": "  "}, "file="),
        ({"file": "/no/such/file.pdf"}, "'/no/such/file.pdf': it does not exist"),
        ({"file": "file:///no/such/file.pdf"}, "it does not exist"),
        ({"file": "/tmp"}, "not readable"),
        ({"file": "/dev/null"}, "it is empty"),
        ({"file": "memory://no/such/object.pdf"}, "it does not exist"),
        ({"file": "nosuchscheme://bucket/doc.pdf"}, "file='nosuchscheme://bucket/doc.pdf'"),
        ({"file": "gs://bucket/doc.pdf"}, "file='gs://bucket/doc.pdf'"),
        (
            {"file": "a.pdf", "file_url": "https://h.example/a.pdf"},
            "file='a.pdf', file_url='https://h.example/a.pdf': several are given",
        ),
        ({"file_url": "s3://bucket/a.pdf"}, "file_url="),
        ({"file_url": ""}, "file_url="),
        ({"file_url": "https://h.example/a.pdf", "webhook": "me"}, "webhook="),
        ({"file_url": "https://h.example/a.pdf", "config": "{"}, "config="),
    ],
    ids=readable,
)
@pytest.mark.usefixtures("bucket")
def test_bad_input_is_refused_by_name_before_anything_is_sent(
    hook: TextInHook, textin: TextInServer, given: dict[str, Any], words: str
) -> None:
    with pytest.raises(TextInRequestError) as caught:
        hook.submit_xparse_job(**given)

    assert words in str(caught.value)
    assert textin.count("*") == 0


def test_a_file_of_more_than_500_mb_is_refused_before_it_is_sent(
    hook: TextInHook, textin: TextInServer, tmp_path: Path
) -> None:
    path = tmp_path / "huge.pdf"
    with path.open("wb") as file:
        file.truncate(500 * 1024 * 1024 + 1)

    with pytest.raises(TextInRequestError, match="500 MB"):
        hook.submit_xparse_job(str(path))

    assert textin.count("*") == 0


def test_what_textin_refuses_is_told_with_its_code_and_reason(hook: TextInHook, tmp_path: Path) -> None:
    path = tmp_path / "program.exe"
    path.write_bytes(b"MZ\x90\x00" * 100)

    with pytest.raises(TextInRequestError, match=r"program\.exe") as caught:
        hook.submit_xparse_job(str(path))

    assert caught.value.code == 40303
    assert caught.value.request_id


def test_an_error_brings_no_cause_that_could_show_more_than_it_says(hook: TextInHook) -> None:
    with pytest.raises(TextInError) as caught:
        hook.submit_xparse_job("/no/such/file.pdf")

    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
