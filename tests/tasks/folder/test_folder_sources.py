"""The documents of a folder or a glob: which are listed, in which order, and which are left out."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from tests.tasks.folder.object_samples import Objects
from textin_provider.api.errors import ApiError, ErrorKind
from textin_provider.tasks.folder.sources import (
    FORMATS,
    Listing,
    SourceDocument,
    _split_glob,
    check_source,
    glob_matches,
    list_source,
)

if TYPE_CHECKING:
    from pathlib import Path

ON_WORKER = "Check the path on this worker; a fleet of workers shares files on object storage"


def write(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return folder


def listing_of(source: Any, conn_id: str | None = None, own: str = "none") -> Listing:
    return list_source(source, conn_id, lambda address: address.endswith(own))


def names(source: Any, **options: Any) -> tuple[list[str], int]:
    listing = listing_of(source, **options)
    return [document.name for document in listing.documents], listing.ignored


def assert_refused(source: Any, problem: str, fix: str) -> None:
    for refused in (lambda: check_source(source, None), lambda: listing_of(source)):
        with pytest.raises(ApiError) as raised:
            refused()
        assert raised.value.kind is ErrorKind.REQUEST
        assert str(raised.value) == f"source={str(source)!r}: {problem}. {fix}."


def test_a_document_of_a_folder_has_its_address_and_what_the_listing_says(tmp_path: Path) -> None:
    write(tmp_path, "b/A.PDF")
    path = tmp_path / "b/A.PDF"
    found = listing_of(str(tmp_path))
    mark = str(path.stat().st_mtime_ns)
    assert found == Listing([SourceDocument(str(path), "b/A.PDF", str(path), 7, mark, None)], 0, None)
    assert not found.documents[0].is_url


def test_documents_are_in_the_order_of_their_names(tmp_path: Path) -> None:
    write(tmp_path, "c.pdf", "a/z.md", "b.txt", "a.docx")
    assert names(tmp_path) == (["a.docx", "a/z.md", "b.txt", "c.pdf"], 0)


def test_each_format_is_listed_and_no_other(tmp_path: Path) -> None:
    write(tmp_path, *[f"x.{suffix}" for suffix in FORMATS], "x.json", "pdf.x", "b.pdf/x", "v1.5/md")
    assert names(tmp_path) == (sorted(f"x.{suffix}" for suffix in FORMATS), 4)


def test_hidden_files_and_folders_are_counted_unless_they_are_our_own(tmp_path: Path) -> None:
    write(tmp_path, ".a.pdf", "b/.c.pdf", "b/c.pdf", ".git/x/d.pdf", "b/.git/e.pdf")
    write(tmp_path, ".textin/x.pdf", ".textin-1.pdf", "b/.textin-2.part", "b/.textin-old/y.pdf")
    assert names(tmp_path) == (["b/c.pdf"], 4)


def test_files_of_the_task_itself_are_neither_listed_nor_counted(tmp_path: Path) -> None:
    write(tmp_path, "a.pdf", "b/out.pdf", "out.json")
    assert names(tmp_path, own="/b/out.pdf") == (["a.pdf"], 1)
    assert names(tmp_path, own=f"{tmp_path}/out.json") == (["a.pdf", "b/out.pdf"], 0)


def test_a_name_that_is_not_text_is_a_problem_of_its_document(tmp_path: Path) -> None:
    name = os.fsdecode(b"a\xff.pdf")
    write(tmp_path, "b.pdf")
    (tmp_path / name).write_text("x")
    first, second = listing_of(tmp_path).documents
    assert (first.name, first.source) == ("a?.pdf", f"{tmp_path}/{name}")
    assert first.problem == "its name is not UTF-8: rename it"
    assert second.problem is None


def test_a_glob_lists_what_matches_and_counts_no_other(tmp_path: Path) -> None:
    write(tmp_path, "a.pdf", "b.md", "in/c.pdf", "in/d.json", "in/e/f.pdf", ".g.pdf")
    assert names(f"{tmp_path}/*.pdf") == (["a.pdf"], 1)
    assert names(f"{tmp_path}/*/*.pdf") == (["in/c.pdf"], 1)
    assert names(f"{tmp_path}/**/*.pdf") == (["a.pdf", "in/c.pdf", "in/e/f.pdf"], 1)
    assert names(f"{tmp_path}/in/*") == (["c.pdf"], 1)
    assert names(f"file://{tmp_path}/i?/[cd].pdf") == (["in/c.pdf"], 1)


@pytest.mark.parametrize("value", ["*.pdf", "./*.pdf"])
def test_a_glob_may_be_relative(value: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(write(tmp_path, "a.pdf"))
    (document,) = listing_of(value).documents
    assert document.source == str(tmp_path / "a.pdf")


@pytest.mark.parametrize(
    ("source", "split"),
    [
        ("/none/x", ("/none/x", None)),
        ("/*.none", ("/", "*.none")),
        ("*.none/b", (".", "*.none/b")),
        ("a/b/[c]/d*/e", ("a/b", "[c]/d*/e")),
        ("file:///none/a?/b", ("file:///none", "a?/b")),
    ],
)
def test_a_glob_is_split_before_its_first_part_with_a_wildcard(
    source: str, split: tuple[str, str | None]
) -> None:
    assert _split_glob(source, source, None) == split


def test_a_folder_whose_name_looks_like_a_glob_is_a_folder(tmp_path: Path) -> None:
    write(tmp_path, "a[1]/b.pdf", "a1/c.pdf")
    assert names(f"{tmp_path}/a[1]") == (["b.pdf"], 0)


def test_a_source_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    assert_refused(f"{tmp_path}/none", "it does not exist", ON_WORKER)
    assert_refused(f"{tmp_path}/none/*.pdf", "its folder does not exist", ON_WORKER)
    assert_refused(tmp_path / "*.pdf", "it does not exist", ON_WORKER)


def test_a_source_that_is_a_file_or_below_one_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "a.pdf")
    fix = "Pass its folder, or a list of documents"
    assert_refused(f"{tmp_path}/a.pdf", "it is a file", fix)
    assert_refused(f"{tmp_path}/a.pdf/*", "it is a file", fix)


@pytest.mark.parametrize("source", ["http://x.example/a.pdf", "HTTPS://x.example/a"])
def test_a_single_address_is_refused(source: str) -> None:
    assert_refused(source, "it is a single address", "Pass a list of addresses: ['https://...']")


def test_what_is_no_path_is_refused() -> None:
    for source, problem in ((None, "it is None"), ("", "it is empty"), (5, "it is a int")):
        with pytest.raises(ApiError) as raised:
            check_source(source, None)
        assert (raised.value.about, raised.value.message) == (f"source={source!r}", problem)


@pytest.mark.parametrize("source", [[], ["/none"], "['/none/a.pdf']", ("x",), iter(["x"])])
def test_the_entries_of_a_list_are_not_checked_before_the_run(source: Any) -> None:
    check_source(source, None)


@pytest.mark.parametrize(
    ("pattern", "name", "matches"),
    [
        ("", "", True),
        ("a", "a", True),
        ("a", "b", False),
        ("a", "a/b", False),
        ("a/b", "a", False),
        ("a/*", "a/b", True),
        ("a*", "A", False),
        ("a/b", "x/b", False),
        ("**", "a/b/c", True),
        ("**/c", "c", True),
        ("**/c", "a/b/c", True),
        ("**/c", "c/d", False),
        ("a/**", "a/b", True),
        ("a/**", "a", False),
        ("a/**/c", "a/c", True),
        ("a/**/c", "a/b/d/c", True),
        ("a/**/c", "b/c", False),
        ("**/b/**", "a/b/c", True),
    ],
)
def test_the_parts_of_a_name_match_those_of_a_glob(pattern: str, name: str, matches: bool) -> None:
    assert glob_matches(pattern.split("/"), name.split("/")) is matches
    assert glob_matches([], name.split("/")) is False
    assert glob_matches([], []) is True


OBJECTS = {
    "bucket/in/b.pdf": {"size": 3, "ETag": '"e1"', "type": "file"},
    "bucket/in/a.md": {"size": 4, "mtime": "m1", "type": "file"},
    "bucket/in/sub/c.txt": {"size": 5, "ETag": '"e3"', "type": "file"},
    "bucket/other.pdf": {"size": 5, "type": "file"},
}


@pytest.mark.parametrize(
    ("source", "given", "used"),
    [("s3://bucket/in", "aws", "aws"), ("s3://own@bucket/in/", None, "own"), ("s3://bucket/in", None, None)],
)
def test_a_prefix_on_object_storage_is_listed(
    source: str, given: str | None, used: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    objects = Objects(OBJECTS).install(monkeypatch)
    check_source(source, given)
    root = "s3://bucket/in"
    assert listing_of(source, given) == Listing(
        [
            SourceDocument(f"{root}/a.md", "a.md", f"{root}/a.md", 4, "m1"),
            SourceDocument(f"{root}/b.pdf", "b.pdf", f"{root}/b.pdf", 3, "e1"),
            SourceDocument(f"{root}/sub/c.txt", "sub/c.txt", f"{root}/sub/c.txt", 5, "e3"),
        ],
        0,
        used,
    )
    assert set(objects.conn_ids) == {used}


def test_a_glob_on_object_storage_is_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    objects = Objects(OBJECTS).install(monkeypatch)
    listing = listing_of("s3://bucket/*/*.pdf", "aws")
    assert [document.source for document in listing.documents] == ["s3://bucket/in/b.pdf"]
    assert listing.conn_id == "aws"
    assert set(objects.conn_ids) == {"aws"}


def test_a_prefix_without_objects_is_empty_and_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    Objects({}).install(monkeypatch)
    check_source("s3://bucket/in", None)
    assert names("s3://bucket/in") == ([], 0)


@pytest.mark.parametrize("source", ["s3://bucket/in", "s3://bucket/in/*.pdf"])
def test_an_error_of_the_storage_names_the_source(source: str, monkeypatch: pytest.MonkeyPatch) -> None:
    objects = Objects(OBJECTS).install(monkeypatch)
    objects.error = PermissionError("no")
    with pytest.raises(ApiError) as raised:
        check_source(source, "aws")
    assert raised.value.about == f"source='{source}'"


def test_an_error_in_the_folder_of_a_glob_names_the_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    objects = Objects(OBJECTS).install(monkeypatch)
    info = objects.info

    def denied(path: str) -> dict[str, Any]:
        if path == "bucket/in":
            raise PermissionError("no")
        return info(path)

    monkeypatch.setattr(objects, "info", denied)
    with pytest.raises(ApiError) as raised:
        check_source("s3://bucket/in/*.pdf", None)
    assert raised.value.about == "source='s3://bucket/in'"
