"""Paths as users give them: text, pathlib, ObjectStoragePath and file: URLs, as Airflow means them."""

from __future__ import annotations

import os
import uuid
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import ObjectStoragePath
from fsspec.implementations.memory import MemoryFileSystem

from tests.airflow_versions import attach
from textin_provider.exceptions import TextInRequestError
from textin_provider.hooks.paths import local_path, path_text, read_path
from textin_provider.hooks.storage import OutputFile, document_identity, open_document, results_folder

CONTENT = b"# Hello\n"
#: Names in which nothing is quoted, and nothing is a query or a fragment.
NAMES = [
    "a.md",
    "Q3 #2.md",
    "100%20.md",
    "why?.md",
    "a?b#c%23.md",
    "发票 [1].md",
    "a@b:c.md",
    "x;y=z&.md",
    "~a.md",
]


@pytest.fixture
def memory() -> str:
    """Return the URL of a bucket of its own on an object storage that lives in memory."""
    attach(protocol="memory", fs=MemoryFileSystem())
    return f"memory://{uuid.uuid4().hex}"


def read(value: Any, conn_id: str | None = None) -> tuple[str, bytes]:
    with open_document("file", value, conn_id) as document:
        return document.name, document.content.read()


class Named:
    """A path of another library."""

    def __init__(self, path: Any) -> None:
        self._path = path

    def __fspath__(self) -> Any:
        return self._path

    def __repr__(self) -> str:
        return f"Named({self._path!r})"


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "form",
    [str, Path, Named, "file://{}".format, "file:{}".format, "FILE://{}".format, "local://{}".format],
    ids=["text", "Path", "PathLike", "file://", "file:", "FILE://", "local://"],
)
def test_a_local_file_is_found_in_each_form(tmp_path: Path, name: str, form: Any) -> None:
    (tmp_path / name).write_bytes(CONTENT)
    assert read(form(str(tmp_path / name))) == (name, CONTENT)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("prefix", ["", "file://"])
def test_a_local_object_storage_path_names_the_same_file(tmp_path: Path, name: str, prefix: str) -> None:
    (tmp_path / name).write_bytes(CONTENT)
    path = ObjectStoragePath(f"{prefix}{tmp_path}/{name}")
    assert path.exists()
    assert read(path) == (name, CONTENT)


def test_a_file_url_means_what_object_storage_path_means(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a #1.md").write_bytes(CONTENT)
    for url in (
        "file://in/a #1.md",
        "file:in/a #1.md",
        f"file:{tmp_path}/in/a #1.md",
        f"file://c@{tmp_path}/in/a #1.md",
    ):
        assert read(url) == ("a #1.md", CONTENT), url
    for text in ("file://~/in/a #1.md", "~/in/a #1.md"):
        assert read(text) == ("a #1.md", CONTENT), text
    (tmp_path / "~").mkdir()
    (tmp_path / "~" / "b.md").write_bytes(CONTENT)
    assert read(Path("~/b.md")) == ("b.md", CONTENT)


@pytest.mark.parametrize("name", NAMES)
def test_an_object_is_found_in_each_form(memory: str, name: str) -> None:
    url = f"{memory}/in/{name}"
    MemoryFileSystem().pipe_file(url.removeprefix("memory:/"), CONTENT)
    assert read(url) == (name, CONTENT)
    assert read(url.replace("memory:", "MEMORY:")) == (name, CONTENT)
    path = ObjectStoragePath(memory) / "in" / name
    assert read(path) == (name, CONTENT)
    assert document_identity("file", path) == document_identity("file", url)


def test_an_output_path_may_be_any_of_them(tmp_path: Path, memory: str) -> None:
    targets: list[Any] = [
        tmp_path / "a.json",
        str(tmp_path / "b.json"),
        f"file://{tmp_path}/c #1.json",
        ObjectStoragePath(f"file://{tmp_path}/d.json"),
        tmp_path,
        f"{tmp_path}/out/",
        ObjectStoragePath(f"{memory}/e.json"),
        f"{memory}/f?.json",
        f"{memory}/out/",
    ]
    written = []
    for target in targets:
        output = OutputFile(target, "r.json")
        output.check()
        with output.writing() as file:
            file.write(b"{}")
        manifest = output.manifest(file)
        assert type(manifest["output_path"]) is str
        assert read(manifest["output_path"])[1] == b"{}"
        # Airflow 2 writes the paths of this storage with one slash more.
        text = manifest["output_path"].replace("memory:///", "memory://")
        written.append(text.replace(str(tmp_path), "T").replace(memory, "M"))
    assert written == [
        "T/a.json",
        "T/b.json",
        "file://T/c #1.json",
        "T/d.json",
        "T/r.json",
        "T/out/r.json",
        "M/e.json",
        "M/f?.json",
        "M/out/r.json",
    ]


def test_a_folder_for_several_results_is_text_with_a_slash_or_a_path(tmp_path: Path) -> None:
    assert results_folder(f"{tmp_path}/") == results_folder(tmp_path) == f"{tmp_path}/"
    assert results_folder("s3://b/out/") == "s3://b/out/"
    assert results_folder(ObjectStoragePath("s3://c@b/out")) == "s3://c@b/out/"
    with pytest.raises(TextInRequestError, match="End it with /"):
        results_folder(str(tmp_path))


@pytest.mark.parametrize(
    "value",
    [
        None,
        7,
        1.5,
        True,
        b"a.md",
        ["a.md"],
        {"file": "a.md"},
        "",
        " ",
        "\n",
        "a\0b",
        "\ud800",
        Named(b"a"),
        object,
    ],
    ids=repr,
)
@pytest.mark.parametrize("parameter", ["file", "output_path"])
def test_what_is_not_a_path_is_named_with_a_fix(parameter: str, value: Any) -> None:
    reads: dict[str, Any] = {
        "file": lambda: read_path(parameter, value),
        "output_path": lambda: OutputFile(value, "r.json"),
    }
    with pytest.raises(TextInRequestError, match="Pass a path or URL as text") as caught:
        reads[parameter]()
    assert str(caught.value).startswith(f"{parameter}=")


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (Path("s3://bucket/a.md"), "not a URL of s3.*drops a slash"),
        (Path("file:///x/a.md"), "not a URL of file.*drops a slash"),
        ("s3:/bucket/a.md", "not a URL of s3"),
        ("https://h.example/a.md", "Pass the address as file_url"),
        ("nosuchscheme://b/a.md", "Install the provider package"),
        ("file://", "it is empty"),
    ],
    ids=str,
)
def test_a_url_that_leads_nowhere_is_told_with_a_fix(value: Any, words: str) -> None:
    with pytest.raises(TextInRequestError, match=words) as caught:
        read_path("file", value)
    assert str(caught.value).startswith("file=")


def test_text_of_paths_is_text(tmp_path: Path) -> None:
    assert path_text(tmp_path) == os.fspath(tmp_path)
    assert path_text(PurePosixPath("a")) == "a"
    assert path_text(ObjectStoragePath("s3://conn@bucket/a #1.md")) == "s3://conn@bucket/a #1.md"
    assert path_text(ObjectStoragePath("s3://bucket/a", conn_id="conn")) == "s3://conn@bucket/a"
    assert path_text(ObjectStoragePath("s3://bucket/a")) == "s3://bucket/a"
    assert local_path("s3://bucket/a") is None
    assert local_path("/x/y://z") == Path("/x/y://z")
