"""Downloading from the local TextIn: what is stored, where, and what the manifest says of it."""

from __future__ import annotations

import gzip
import hashlib
import json
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from fsspec.implementations.memory import MemoryFileSystem

from tests.airflow_versions import attach
from textin_provider.api.xparse.result_stream import HEAD_BYTES
from textin_provider.exceptions import TextInError, TextInRequestError
from textin_provider.testing import JobScript, ScriptedFault, TextInServer

if TYPE_CHECKING:
    from tests.hooks.support import Connect, Foreign, Pauses
    from textin_provider.hooks.textin import TextInHook

RESULT = {"schema_version": "1.4.0", "markdown": "# 合同", "elements": [{"text": "维修 }{"}]}


def done(**script: Any) -> JobScript:
    return JobScript(states=["completed"], **script)


def part_files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if ".part" in path.name]


@pytest.fixture
def bucket() -> str:
    """Return the URL of a bucket of its own on an object storage that lives in memory."""
    attach(protocol="memory", fs=MemoryFileSystem())
    return f"memory://{uuid.uuid4().hex}"


def objects(bucket: str) -> dict[str, bytes]:
    root = bucket.removeprefix("memory:/")
    found = MemoryFileSystem().find(root)
    return {name.removeprefix(f"{root}/"): MemoryFileSystem().cat_file(name) for name in found}


def test_the_manifest_tells_what_was_stored(hook: TextInHook, textin: TextInServer, tmp_path: Path) -> None:
    job_id = textin.add_job(done(result=RESULT))
    path = tmp_path / "result.json"

    manifest = hook.download_xparse_result(job_id, str(path))

    assert json.loads(path.read_text(encoding="utf-8")) == RESULT
    assert manifest == {
        "job_id": job_id,
        "file_id": textin.jobs[job_id].file_id,
        "output_path": str(path),
        "size_bytes": path.stat().st_size,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "source": None,
        "pages": None,
        "page_count": None,
        "failed_pages": None,
        "exports": {},
    }
    assert json.loads(json.dumps(manifest)) == manifest


@pytest.mark.parametrize("wrapped", [False, True], ids=["bare", "wrapped"])
@pytest.mark.parametrize("size", [2000, HEAD_BYTES, 3_000_000])
def test_a_result_of_any_size_is_stored_bare_and_whole(
    hook: TextInHook, textin: TextInServer, tmp_path: Path, size: int, wrapped: bool
) -> None:
    job_id = textin.add_job(done(result_bytes=size, wrapped=wrapped))
    path = tmp_path / "result.json"

    manifest = hook.download_xparse_result(job_id, str(path))

    stored = path.read_bytes()
    assert json.loads(stored)["job_id"] == job_id
    assert (manifest["size_bytes"], manifest["sha256"]) == (len(stored), hashlib.sha256(stored).hexdigest())
    if not wrapped or size > HEAD_BYTES:
        assert len(stored) == size
    assert [path.name for path in tmp_path.iterdir()] == ["result.json"]


@pytest.mark.parametrize("size", [2000, 3_000_000])
def test_a_result_may_come_in_chunks(
    hook: TextInHook, textin: TextInServer, tmp_path: Path, size: int
) -> None:
    job_id = textin.add_job(done(result_bytes=size))
    textin.fault("result", ScriptedFault(chunked=True))

    assert hook.download_xparse_result(job_id, str(tmp_path / "r.json"))["size_bytes"] == size
    assert textin.count("result") == 1


def test_a_result_may_come_compressed(
    connect: Connect, textin: TextInServer, foreign: Foreign, tmp_path: Path
) -> None:
    body = json.dumps({"elements": [{"text": str(number)} for number in range(50_000)]}).encode()
    foreign.body, foreign.headers = gzip.compress(body), {"Content-Encoding": "gzip"}
    job_id = textin.add_job(done(result_url=f"{foreign.url}/r"))
    path = tmp_path / "r.json"

    connect({"result_hosts": foreign.url}).download_xparse_result(job_id, str(path))

    assert path.read_bytes() == body


def test_a_directory_gets_a_file_named_after_the_job(
    hook: TextInHook, textin: TextInServer, tmp_path: Path
) -> None:
    job_id = textin.add_job(done(result=RESULT))

    manifest = hook.download_xparse_result(job_id, f"{tmp_path}/new/deep/")

    assert manifest["output_path"] == f"{tmp_path}/new/deep/{job_id}.json"
    assert json.loads(Path(manifest["output_path"]).read_text(encoding="utf-8")) == RESULT


def test_a_file_url_is_a_local_path_whose_name_is_not_quoted(
    hook: TextInHook, textin: TextInServer, tmp_path: Path
) -> None:
    job_id = textin.add_job(done(result=RESULT))
    path = tmp_path / "my 结果 #1 %20?.json"

    hook.download_xparse_result(job_id, f"file://{path}")

    assert path.exists()


@pytest.mark.parametrize(
    "name", ["结" * 80 + ".json", "r" * 250 + ".json", ".hidden", "a b;c.json"], ids=lambda n: n[:9]
)
def test_any_name_that_the_file_system_takes_will_do(
    hook: TextInHook, textin: TextInServer, tmp_path: Path, name: str
) -> None:
    job_id = textin.add_job(done(result=RESULT))

    hook.download_xparse_result(job_id, str(tmp_path / name))

    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_file_that_is_there_is_replaced(hook: TextInHook, textin: TextInServer, tmp_path: Path) -> None:
    job_id = textin.add_job(done(result=RESULT))
    path = tmp_path / "r.json"
    path.write_text("old")

    hook.download_xparse_result(job_id, str(path))

    assert json.loads(path.read_text(encoding="utf-8")) == RESULT


def test_without_overwrite_a_file_that_is_there_stays(
    hook: TextInHook, textin: TextInServer, tmp_path: Path
) -> None:
    job_id = textin.add_job(done(result=RESULT))
    path = tmp_path / "r.json"
    path.write_text("old")

    with pytest.raises(TextInRequestError, match=r"exists already.*overwrite=True"):
        hook.download_xparse_result(job_id, str(path), overwrite=False)

    assert path.read_text() == "old"
    assert textin.count("*") == 0
    assert hook.download_xparse_result(job_id, str(tmp_path / "other.json"), overwrite=False)["size_bytes"]


@pytest.mark.parametrize("output", ["{file}/r.json", "{file}/deep/", "{folder}", "", " "], ids=repr)
def test_a_place_that_cannot_be_written_is_found_before_anything_is_asked(
    hook: TextInHook, textin: TextInServer, tmp_path: Path, output: str
) -> None:
    (tmp_path / "file").write_text("I am no folder")
    (tmp_path / "folder").mkdir()
    output = output.format(file=tmp_path / "file", folder=tmp_path / "folder")

    with pytest.raises(TextInRequestError, match="output_path="):
        hook.download_xparse_result("c020", output)

    assert textin.count("*") == 0
    assert part_files(tmp_path) == []


def test_a_storage_that_is_not_known_is_found_before_anything_is_asked(
    hook: TextInHook, textin: TextInServer
) -> None:
    for output in ("nosuchscheme://bucket/r.json", "gs://bucket/r.json"):
        with pytest.raises(TextInRequestError, match="output_path="):
            hook.download_xparse_result("c020", output)
    assert textin.count("*") == 0


@pytest.mark.parametrize("output", ["r.json", "deep/er/r.json", "folder/"])
def test_an_object_is_stored_whole(hook: TextInHook, textin: TextInServer, bucket: str, output: str) -> None:
    job_id = textin.add_job(done(result_bytes=500_000))

    manifest = hook.download_xparse_result(job_id, f"{bucket}/{output}")

    name = output.replace("folder/", f"folder/{job_id}.json")
    [(stored_as, content)] = objects(bucket).items()
    assert (stored_as, len(content)) == (name, 500_000)
    assert manifest["output_path"] == f"{bucket}/{name}"
    assert manifest["sha256"] == hashlib.sha256(content).hexdigest()


def test_an_object_that_is_there_is_replaced_or_stays_as_told(
    hook: TextInHook, textin: TextInServer, bucket: str
) -> None:
    job_id = textin.add_job(done(result=RESULT))
    MemoryFileSystem().pipe_file(f"{bucket.removeprefix('memory:/')}/r.json", b"old")

    with pytest.raises(TextInRequestError, match="exists already"):
        hook.download_xparse_result(job_id, f"{bucket}/r.json", overwrite=False)
    assert objects(bucket) == {"r.json": b"old"}

    hook.download_xparse_result(job_id, f"{bucket}/r.json")
    assert json.loads(objects(bucket)["r.json"]) == RESULT


def test_a_failed_download_leaves_no_object_and_keeps_the_old_one(
    hook: TextInHook, textin: TextInServer, bucket: str
) -> None:
    job_id = textin.add_job(done(result_bytes=500_000))
    MemoryFileSystem().pipe_file(f"{bucket.removeprefix('memory:/')}/r.json", b"old")
    textin.fault("result", ScriptedFault(truncate=300_000), times=None)

    for output in ("r.json", "new.json"):
        with pytest.raises(TextInError):
            hook.download_xparse_result(job_id, f"{bucket}/{output}")

    assert objects(bucket) == {"r.json": b"old"}


def test_an_object_that_cannot_be_stored_leaves_nothing_behind(
    hook: TextInHook, textin: TextInServer, bucket: str, pauses: Pauses, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: MemoryFileSystem, *_: object, **__: object) -> None:
        raise PermissionError("no right to move")

    job_id = textin.add_job(done(result=RESULT))
    monkeypatch.setattr(MemoryFileSystem, "mv", full)

    with pytest.raises(TextInRequestError, match="cannot be written: no right to move"):
        hook.download_xparse_result(job_id, f"{bucket}/r.json")

    assert objects(bucket) == {}
    assert pauses == []
