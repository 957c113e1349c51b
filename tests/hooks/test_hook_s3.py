"""Documents and results on S3: a real S3Hook and s3fs, a local S3, and what may become of its requests."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import ObjectStoragePath

from tests.s3 import CONN_ID, Bucket, failure
from textin_provider.exceptions import TextInRequestError, TextInStorageError
from textin_provider.testing import JobScript, TextInServer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from werkzeug.wrappers import Request, Response

    from textin_provider.hooks.textin import TextInHook

MARKDOWN = "# 合同\n\n维修前必须切断电源。\n".encode()
#: More than s3fs reads or writes at once.
LARGE = 12 * 1024 * 1024


def done(**script: Any) -> JobScript:
    return JobScript(states=["completed"], **{"result_bytes": 5000} | script)


def when(
    method: str, suffix: str, *responses: Callable[[], Response]
) -> Callable[[Request], Response | None]:
    """Return a fault of the requests with this method for keys that end so, the last one for ever."""
    left = list(responses)

    def fault(request: Request) -> Response | None:
        if request.method != method or not request.path.endswith(suffix):
            return None
        return (left.pop(0) if len(left) > 1 else left[0])()

    return fault


def sent(textin: TextInServer) -> list[tuple[str, int, str]]:
    return [(job.filename, job.size, job.sha256) for job in textin.jobs.values()]


@pytest.mark.parametrize("key", ["in/合同.md", "Q3 #2/a%20b?.md"])
@pytest.mark.parametrize("form", ["conn in URL", "conn_id", "object", "object and conn_id"])
def test_an_object_arrives_byte_for_byte(
    hook: TextInHook, textin: TextInServer, s3_bucket: Bucket, key: str, form: str
) -> None:
    s3_bucket.put(key, MARKDOWN)
    plain = s3_bucket.url(key, conn_id=None)
    file: Any
    file, conn_id = {
        "conn in URL": (s3_bucket.url(key), None),
        "conn_id": (plain, CONN_ID),
        "object": (ObjectStoragePath(plain, conn_id=CONN_ID), None),
        "object and conn_id": (ObjectStoragePath(plain), CONN_ID),
    }[form]

    hook.submit_xparse_job(file, file_conn_id=conn_id)

    assert sent(textin) == [(key.rpartition("/")[2], len(MARKDOWN), hashlib.sha256(MARKDOWN).hexdigest())]


def test_a_large_object_arrives_and_a_large_result_is_stored(
    hook: TextInHook, textin: TextInServer, s3_bucket: Bucket
) -> None:
    content = b"x" * LARGE
    hook.submit_xparse_job(s3_bucket.put("a.md", content))
    assert sent(textin) == [("a.md", LARGE, hashlib.sha256(content).hexdigest())]

    manifest = hook.download_xparse_result(textin.add_job(done(result_bytes=LARGE)), s3_bucket.url("out/"))
    stored = s3_bucket.get(f"out/{manifest['job_id']}.json")
    assert (manifest["size_bytes"], manifest["sha256"]) == (LARGE, hashlib.sha256(stored).hexdigest())
    assert manifest["output_path"] == s3_bucket.url(f"out/{manifest['job_id']}.json")
    assert ObjectStoragePath(manifest["output_path"]).read_bytes() == stored


@pytest.mark.parametrize("form", [str, ObjectStoragePath], ids=["text", "object"])
def test_a_manifest_holds_text(hook: TextInHook, textin: TextInServer, s3_bucket: Bucket, form: Any) -> None:
    path = form(s3_bucket.url("a #1.json"))
    manifest = hook.download_xparse_result(textin.add_job(done()), path)
    assert json.loads(json.dumps(manifest))["output_path"] == s3_bucket.url("a #1.json")
    assert s3_bucket.keys() == ["a #1.json"]


def test_two_connections_for_one_object_are_refused(
    hook: TextInHook, textin: TextInServer, s3_bucket: Bucket
) -> None:
    url = s3_bucket.put("a.md", MARKDOWN)
    files: list[Any] = [url, ObjectStoragePath(url)]
    for file in files:
        with pytest.raises(
            TextInRequestError, match=rf"file=.*'{CONN_ID}', and file_conn_id names 'aws_default'"
        ):
            hook.submit_xparse_job(file, file_conn_id="aws_default")
    hook.submit_xparse_job(url, file_conn_id=CONN_ID)
    assert textin.submissions == 1


def test_credentials_in_a_url_are_refused_and_not_shown(hook: TextInHook, s3_bucket: Bucket) -> None:
    with pytest.raises(TextInRequestError, match="not the id of a connection") as caught:
        hook.submit_xparse_job(f"s3://AKIA:hush@{s3_bucket.name}/a.md")
    assert "hush" not in str(caught.value)


def test_a_new_object_is_found_though_a_listing_says_otherwise(
    hook: TextInHook, textin: TextInServer, s3_bucket: Bucket
) -> None:
    s3_bucket.put("in/old.md", b"old")
    folder = ObjectStoragePath(s3_bucket.url("in"))
    assert [path.name for path in folder.iterdir()] == ["old.md"]
    s3_bucket.put("in/new.md", MARKDOWN)
    assert not (folder / "new.md").exists(), "fsspec has kept the listing"

    hook.submit_xparse_job(s3_bucket.url("in/new.md"))
    assert sent(textin)[0][:2] == ("new.md", len(MARKDOWN))


def test_a_changed_object_is_read_with_its_new_length(
    hook: TextInHook, textin: TextInServer, s3_bucket: Bucket
) -> None:
    s3_bucket.put("in/a.md", b"old")
    list(ObjectStoragePath(s3_bucket.url("in")).iterdir())
    s3_bucket.put("in/a.md", MARKDOWN)

    hook.submit_xparse_job(s3_bucket.url("in/a.md"))
    assert sent(textin)[0][1] == len(MARKDOWN)


def test_an_existing_result_is_kept_though_a_listing_does_not_have_it(
    hook: TextInHook, textin: TextInServer, s3_bucket: Bucket
) -> None:
    s3_bucket.put("out/old.json", b"{}")
    list(ObjectStoragePath(s3_bucket.url("out")).iterdir())
    s3_bucket.put("out/mine.json", b"mine")

    with pytest.raises(TextInRequestError, match="exists already"):
        hook.download_xparse_result(textin.add_job(done()), s3_bucket.url("out/mine.json"), overwrite=False)
    assert s3_bucket.get("out/mine.json") == b"mine"


def test_an_object_rewritten_between_open_and_read_is_told_and_nothing_is_accepted(
    hook: TextInHook, textin: TextInServer, s3_bucket: Bucket
) -> None:
    url = s3_bucket.put("a.md", b"1" * 10_000)

    def rewrite(request: Request) -> None:
        if request.method == "GET" and request.path.endswith("/a.md"):
            s3_bucket.fault = lambda _: None
            s3_bucket.put("a.md", b"2" * 10_000)

    s3_bucket.fault = rewrite
    with pytest.raises(TextInStorageError, match=r"file=.*a\.md.*changed.*Nothing was accepted") as caught:
        hook.submit_xparse_job(url)
    assert "may have been accepted" not in str(caught.value)
    assert textin.submissions == 0
    hook.submit_xparse_job(url)


@pytest.mark.parametrize(
    ("code", "status", "error", "words"),
    [
        ("SlowDown", 503, TextInStorageError, "overloaded"),
        ("ServiceUnavailable", 503, TextInStorageError, "overloaded"),
        ("InternalError", 500, TextInStorageError, "overloaded"),
        ("TooManyRequests", 429, TextInStorageError, "overloaded"),
        ("RequestTimeout", 400, TextInStorageError, "overloaded"),
        ("QuotaExceeded", 403, TextInStorageError, "no space"),
        ("XMinioStorageFull", 507, TextInStorageError, "no space"),
        ("AccessDenied", 403, TextInRequestError, "denied"),
        ("InvalidAccessKeyId", 403, TextInRequestError, "denied"),
        ("ExpiredToken", 400, TextInRequestError, "denied"),
        ("NoSuchBucket", 404, TextInRequestError, "does not exist"),
        ("Strange", 418, TextInStorageError, "unknown error"),
    ],
)
@pytest.mark.parametrize("direction", ["read", "write"])
def test_an_error_of_s3_is_told_by_what_it_is(
    hook: TextInHook,
    textin: TextInServer,
    s3_bucket: Bucket,
    monkeypatch: pytest.MonkeyPatch,
    code: str,
    status: int,
    error: type[Exception],
    words: str,
    direction: str,
) -> None:
    monkeypatch.setattr("s3fs.S3FileSystem.retries", 1)
    s3_bucket.put("in/a.md", MARKDOWN)
    method, name = ("GET", "file=") if direction == "read" else ("PUT", "output_path=")
    s3_bucket.fault = when(method, "", lambda: failure(code, status))

    job_id = textin.add_job(done())
    actions: dict[str, Callable[[], Any]] = {
        "read": lambda: hook.submit_xparse_job(s3_bucket.url("in/a.md")),
        "write": lambda: hook.download_xparse_result(job_id, s3_bucket.url("out/r.json")),
    }
    with pytest.raises(error, match=words) as caught:
        actions[direction]()

    assert type(caught.value) is error
    place = "the source is not readable" if direction == "read" else "the target cannot be written"
    assert str(caught.value).startswith(f"{name}'s3://{s3_bucket.name}/")
    assert place in str(caught.value)
    s3_bucket.fault = lambda _: None
    assert (textin.submissions, s3_bucket.keys()) == (0, ["in/a.md"])


def test_a_write_that_is_throttled_once_is_tried_again(
    hook: TextInHook, textin: TextInServer, s3_bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("s3fs.S3FileSystem.retries", 1)
    slow = [failure("SlowDown", 503)]
    s3_bucket.fault = lambda request: slow.pop() if request.method == "PUT" and slow else None

    hook.download_xparse_result(textin.add_job(done()), s3_bucket.url("r.json"))
    assert (slow, s3_bucket.keys()) == ([], ["r.json"])


@pytest.mark.parametrize("at", [2, 11, 12])
def test_a_source_that_breaks_off_in_an_upload_of_several_files_is_not_taken_for_the_network(
    hook: TextInHook, textin: TextInServer, s3_bucket: Bucket, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    monkeypatch.setattr("s3fs.S3FileSystem.retries", 1)
    files = [s3_bucket.put(f"{number}.txt", b"Invoice") for number in range(1, 13)]
    s3_bucket.fault = when("GET", f"/{at}.txt", lambda: failure("SlowDown", 503))

    with pytest.raises(Exception, match=rf"/{at}\.txt.*|overloaded") as caught:
        hook.upload_docflow_files(files)

    assert "overloaded" in str(caught.value)
    assert len(textin.files) == (0 if at <= 10 else 10)
    # After the first request a retry would pay for its files again.
    assert isinstance(caught.value, TextInStorageError) is (at <= 10)


def test_a_missing_bucket_is_found_before_anything_is_asked(
    hook: TextInHook, textin: TextInServer, s3_bucket: Bucket
) -> None:
    missing = f"s3://{CONN_ID}@no-such-bucket/r.json"
    with pytest.raises(
        TextInRequestError, match=r"output_path='s3://no-such-bucket/r\.json'.*does not exist"
    ):
        hook.download_xparse_result(textin.add_job(done()), missing)
    with pytest.raises(TextInRequestError, match=r"file='s3://no-such-bucket/r\.json'.*does not exist"):
        hook.submit_xparse_job(missing)
    assert textin.count("*") == 0


def test_a_folder_is_not_a_document(hook: TextInHook, textin: TextInServer, s3_bucket: Bucket) -> None:
    s3_bucket.put("in/a.md", MARKDOWN)
    with pytest.raises(TextInRequestError, match=r"file=.*directory"):
        hook.submit_xparse_job(s3_bucket.url("in"))
    with pytest.raises(TextInRequestError, match=r"output_path=.*directory"):
        hook.download_xparse_result(textin.add_job(done()), s3_bucket.url("in"))
    assert textin.count("*") == 0


def test_an_unreachable_s3_is_told_as_such(
    hook: TextInHook,
    textin: TextInServer,
    monkeypatch: pytest.MonkeyPatch,
    free_tcp_port: int,
    tmp_path: Path,
) -> None:
    monkeypatch.setattr("s3fs.S3FileSystem.retries", 1)
    extra = {
        "endpoint_url": f"http://127.0.0.1:{free_tcp_port}",
        "config_kwargs": {"retries": {"max_attempts": 0}},
    }
    connection = {"conn_type": "aws", "login": "a", "password": "b", "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_S3_GONE", json.dumps(connection))

    with pytest.raises(TextInStorageError, match="unreachable"):
        hook.submit_xparse_job("s3://s3_gone@bucket/a.md")
    with pytest.raises(TextInStorageError, match="unreachable"):
        hook.download_xparse_result(textin.add_job(done()), "s3://s3_gone@bucket/a.json")
    assert textin.count("*") == 0
