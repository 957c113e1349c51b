"""The documents of a list of paths and addresses, and whether a document is still as it was listed."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING, Any

import pytest

from tests.tasks.folder.object_samples import Objects
from textin_provider.api.errors import ApiError, ErrorKind
from textin_provider.tasks.folder.sources import Listing, SourceDocument, is_unchanged, list_source

if TYPE_CHECKING:
    from pathlib import Path


def listing_of(source: Any, conn_id: str | None = None) -> Listing:
    return list_source(source, conn_id, lambda _: False)


def only(value: Any, conn_id: str | None = None) -> SourceDocument:
    (document,) = listing_of([value], conn_id).documents
    return document


def digest_of(url: str) -> str:
    return hashlib.sha256(url.encode()).hexdigest()[:12]


@pytest.mark.parametrize(
    ("url", "source", "name"),
    [
        ("https://x.example/in/a%20b.pdf", "https://x.example/in/a%20b.pdf", "a b.pdf"),
        ("http://x.example/in/a/", "http://x.example/in/a/", "a"),
        ("https://x.example/in/X/", "https://x.example/in/X/", "X"),
        ("https://x.example/", "https://x.example/", "document"),
        ("https://x.example", "https://x.example", "document"),
        ("https://x.example/a%2Fb.pdf", "https://x.example/a%2Fb.pdf", "b.pdf"),
        (
            "https://x.example/a.pdf?sig=1",
            f"https://x.example/a.pdf#{digest_of('https://x.example/a.pdf?sig=1')}",
            "a.pdf",
        ),
        (
            "https://u:p@x.example/a.pdf",
            f"https://x.example/a.pdf#{digest_of('https://u:p@x.example/a.pdf')}",
            "a.pdf",
        ),
    ],
)
def test_an_address_is_listed_without_its_secrets(url: str, source: str, name: str) -> None:
    document = only(f" {url}\n")
    assert document == SourceDocument(source, name, url, 0, "", None)
    assert document.is_url


@pytest.mark.parametrize(
    ("path", "is_url"),
    [
        ("HTTP://x", True),
        ("https://x", True),
        ("/http://x", False),
        ("s3://x", False),
        ("httpx://x", False),
    ],
)
def test_only_addresses_are_fetched_by_textin(path: str, is_url: bool) -> None:
    assert SourceDocument("s", "n", path).is_url is is_url


def test_an_address_without_a_host_is_refused() -> None:
    with pytest.raises(ApiError) as raised:
        listing_of(["https://"])
    assert raised.value.about == "source='https://'"


def test_a_file_of_a_list_is_named_after_its_whole_path(tmp_path: Path) -> None:
    path = tmp_path / "a.pdf"
    path.write_text("abc")
    expected = SourceDocument(
        str(path), str(path).lstrip("/"), str(path), 3, str(path.stat().st_mtime_ns), None
    )
    assert only(str(path)) == only(path) == only(f"{tmp_path}/b/../a.pdf") == expected


def test_a_file_whose_name_is_not_text_is_listed_with_that_problem(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"a\xff.pdf")
    path.write_text("abc")
    listed = only(str(path))
    assert listed.name == f"{tmp_path}/a?.pdf".lstrip("/")
    assert listed.problem == "its name is not UTF-8: rename it"


@pytest.mark.parametrize(
    ("value", "name"),
    [("in/a.pdf", "in/a.pdf"), ("./in/x/../a.pdf", "in/a.pdf"), ("../work/in/a.pdf", None)],
)
def test_a_relative_file_is_named_as_it_is_given_unless_it_is_outside(
    value: str, name: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "work/in/a.pdf"
    path.parent.mkdir(parents=True)
    path.write_text("abc")
    monkeypatch.chdir(tmp_path / "work")
    document = only(value)
    assert document.name == (name or str(path).lstrip("/"))
    assert (document.source, document.path) == (str(path), str(path))


@pytest.mark.parametrize("value", ["X.none/a.pdf", "../" * 50 + "X.none/a.pdf", "/X.none/a.pdf"])
def test_names_have_no_slash_at_their_beginning_and_keep_their_first_letter(value: str) -> None:
    assert only(value).name == "X.none/a.pdf"


def test_documents_are_listed_once_and_in_the_order_of_the_list(tmp_path: Path) -> None:
    for name in ("b.pdf", "a.pdf", "c.json", ".d.pdf"):
        (tmp_path / name).write_text(name)
    values = [tmp_path / name for name in ("b.pdf", "c.json", "a.pdf", "b.pdf", ".d.pdf", "c.json")]
    url = "https://x.example/e.json"
    listing = listing_of([*values, url, url], "aws")
    sources = [f"{tmp_path}/b.pdf", f"{tmp_path}/a.pdf", url]
    assert [document.source for document in listing.documents] == sources
    assert (listing.ignored, listing.conn_id) == (2, "aws")
    assert listing_of(str([str(value) for value in values])).documents == listing.documents[:2]
    assert listing_of(iter(values), "aws") == Listing(listing.documents[:2], 2, "aws")


def test_a_file_that_cannot_be_read_is_listed_with_its_problem(tmp_path: Path) -> None:
    missing, folder = tmp_path / "a.pdf", tmp_path / "b.pdf"
    folder.mkdir()
    first, second = listing_of([missing, folder]).documents
    assert first == SourceDocument(
        str(missing),
        str(missing).lstrip("/"),
        str(missing),
        0,
        "",
        f"it does not exist: the source is not readable: [Errno 2] No such file or directory: '{missing}'",
    )
    assert second.problem == "the path is not usable: the source is not readable: it is a directory"


@pytest.mark.parametrize("value", [None, 5, ""])
def test_an_entry_that_is_no_path_is_refused(value: Any) -> None:
    with pytest.raises(ApiError) as raised:
        listing_of([value])
    assert raised.value.about == f"source={value!r}"


OBJECTS: dict[str, dict[str, Any]] = {
    "bucket/in/a.pdf": {"size": 3, "ETag": '"e1"', "type": "file"},
    "bucket/in/b.pdf": {"size": None, "ETag": '"e2"'},
    "bucket/c.pdf/x": {"size": 1},
}


@pytest.mark.parametrize(
    ("value", "conn_id"), [("s3://aws@bucket/in/a.pdf", None), ("s3://bucket/in/a.pdf", "aws")]
)
def test_an_object_is_opened_with_its_connection_and_listed_without(
    value: str, conn_id: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    objects = Objects(OBJECTS).install(monkeypatch)
    expected = SourceDocument("s3://bucket/in/a.pdf", "bucket/in/a.pdf", value, 3, "e1", None)
    assert only(value, conn_id) == expected
    assert is_unchanged(expected, conn_id)
    assert objects.conn_ids == ["aws", "aws"]


def test_an_object_without_a_size_is_empty_and_a_prefix_is_no_document(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Objects(OBJECTS).install(monkeypatch)
    empty = only("s3://bucket/in/b.pdf")
    assert (empty.size, empty.mark, empty.problem) == (0, "e2", None)
    prefix = only("s3://bucket/c.pdf")
    assert prefix.problem == "the path is not usable: the source is not readable: it is a directory"
    missing = only("s3://bucket/d.pdf")
    assert (missing.problem or "").startswith("it does not exist: the source is not readable: ")
    assert (missing.path, missing.size, missing.mark) == ("s3://bucket/d.pdf", 0, "")


def test_an_error_of_the_storage_that_passes_ends_the_listing(monkeypatch: pytest.MonkeyPatch) -> None:
    objects = Objects(OBJECTS).install(monkeypatch)
    objects.error = TimeoutError("slow")
    with pytest.raises(ApiError) as raised:
        only("s3://bucket/in/a.pdf")
    assert raised.value.kind is ErrorKind.STORAGE
    assert raised.value.about == "source='s3://bucket/in/a.pdf'"


def test_a_document_is_unchanged_while_size_and_mark_are(tmp_path: Path) -> None:
    path = tmp_path / "a.pdf"
    path.write_text("abc")
    document = only(path)
    assert is_unchanged(document, None) is True
    os.utime(path, ns=(1, 1))
    assert is_unchanged(document, None) is False
    document = only(path)
    path.write_text("abcd")
    os.utime(path, ns=(1, 1))
    assert is_unchanged(document, None) is False
    path.unlink()
    with pytest.raises(ApiError) as raised:
        is_unchanged(document, None)
    assert raised.value.about == f"source='{path}'"


def test_an_address_is_taken_for_unchanged() -> None:
    assert is_unchanged(only("https://x.example/a.pdf"), None) is True
