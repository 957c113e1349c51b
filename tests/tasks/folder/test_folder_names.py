"""The names of results: after their documents, never two alike, and possible on every storage."""

from __future__ import annotations

import hashlib

import pytest

from textin_provider.tasks.folder.names import ResultNames


def digest_of(text: str | bytes) -> str:
    return hashlib.sha256(text.encode() if isinstance(text, str) else text).hexdigest()


@pytest.mark.parametrize(
    ("name", "result"),
    [
        ("a.pdf", "a.pdf.json"),
        ("in/b/a.pdf", "in/b/a.pdf.json"),
        ("/in//./a.pdf", "in/a.pdf.json"),
        ("../a/../b.pdf", "_/a/_/b.pdf.json"),
        ("..", "_.json"),
        ("", "document.json"),
        ("./", "document.json"),
    ],
)
def test_a_result_is_named_after_its_document(name: str, result: str) -> None:
    names = ResultNames({})
    assert names.plain(name) == result
    assert names.owner(result) is None
    assert names.choose(name, "s") == result
    assert names.owner(result) == "s"


@pytest.mark.parametrize(
    ("part", "result"),
    [
        ("x" * 240, "x" * 240),
        ("x" * 241, "x" * 200 + "-" + digest_of("x" * 241)[:8]),
        ("x" * 237 + ".pdf", "x" * 200 + "-" + digest_of("x" * 237 + ".pdf")[:8] + ".pdf"),
        ("x" * 240 + ".12345678", "x" * 200 + "-" + digest_of("x" * 240 + ".12345678")[:8] + ".12345678"),
        ("x" * 240 + ".123456789", "x" * 200 + "-" + digest_of("x" * 240 + ".123456789")[:8]),
        ("x" * 240 + ".é.tü", "x" * 200 + "-" + digest_of("x" * 240 + ".é.tü")[:8] + ".tü"),
        ("x" * 240 + ".üüüüü", "x" * 200 + "-" + digest_of("x" * 240 + ".üüüüü")[:8]),
        ("é" * 121, "é" * 100 + "-" + digest_of("é" * 121)[:8]),
        ("x" + "é" * 121, "x" + "é" * 99 + "-" + digest_of("x" + "é" * 121)[:8]),
    ],
)
def test_a_part_that_is_too_long_is_cut_and_keeps_a_digest_and_its_suffix(part: str, result: str) -> None:
    names = ResultNames({})
    assert names.plain(part) == f"{result}.json"
    assert names.plain(f"{part}/a.pdf") == f"{result}/a.pdf.json"


def test_a_name_that_is_long_and_not_text_is_possible() -> None:
    part = "\udcff" + "x" * 240 + ".pdf"
    result = "?" + "x" * 199 + "-" + digest_of("?" + "x" * 240 + ".pdf")[:8] + ".pdf"
    assert ResultNames({}).plain(part) == f"{result}.json"


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("a.pdf", "a-{}.pdf.json"),
        ("b/a.tar.gz", "b/a.tar-{}.gz.json"),
        ("b/a", "b/a-{}.json"),
        (".pdf", ".pdf-{}.json"),
        ("", "document-{}.json"),
    ],
)
def test_a_name_that_is_taken_gets_a_digest_of_the_address(name: str, other: str) -> None:
    names = ResultNames({})
    first = names.choose(name, "/one")
    second = names.choose(name, "/two")
    assert second == other.format(digest_of("/two")[:8])
    assert (names.owner(first), names.owner(second)) == ("/one", "/two")


def test_a_name_with_a_short_digest_that_is_taken_gets_the_whole_digest() -> None:
    digest = digest_of("/two")
    names = ResultNames({"a.pdf.json": "/one", f"a-{digest[:8]}.pdf.json": "/three"})
    assert names.choose("a.pdf", "/two") == f"a-{digest}.pdf.json"
    assert names.owner(f"a-{digest}.pdf.json") == "/two"


def test_the_same_document_keeps_its_name() -> None:
    names = ResultNames({"a.pdf.json": "/one"})
    assert names.choose("a.pdf", "/one") == "a.pdf.json"
    assert names.choose("a.pdf", "/one") == "a.pdf.json"


def test_the_address_of_a_document_need_not_be_text() -> None:
    names = ResultNames({"a.pdf.json": "/one"})
    assert names.choose("a.pdf", "/\udcff") == f"a-{digest_of(b'/' + bytes([255]))[:8]}.pdf.json"


def test_a_name_that_is_handed_over_belongs_to_the_other_document() -> None:
    names = ResultNames({"a.pdf.json": "/one"})
    names.hand_over("a.pdf.json", "/two")
    assert names.owner("a.pdf.json") == "/two"
    assert names.choose("a.pdf", "/two") == "a.pdf.json"


@pytest.mark.parametrize("taken", ["b/a.json/c/d.json", "b/a.json/d.json"])
@pytest.mark.parametrize("is_new", [False, True])
def test_the_folder_of_another_result_is_no_name(taken: str, is_new: bool) -> None:
    names = ResultNames({} if is_new else {taken: "/one"})
    if is_new:
        assert names.choose(taken.removesuffix(".json"), "/one") == taken
    assert names.choose("b/a", "/two") == f"b/a-{digest_of('/two')[:8]}.json"
    assert names.choose("b", "/three") == "b.json"


@pytest.mark.parametrize("name", ["a.json/b.pdf", "a.json/c/b.pdf"])
def test_a_result_is_not_below_another_result(name: str) -> None:
    names = ResultNames({"a.json": "/one"})
    short, long = digest_of("/two")[:8], digest_of("/two")
    # A digest is in the last part only: below a result, no name is free.
    assert names.choose(name, "/two") == f"{name[:-4]}-{long}.pdf.json"
    assert names.owner(f"{name[:-4]}-{short}.pdf.json") is None


def test_the_first_folder_of_another_result_is_no_name() -> None:
    names = ResultNames({"b.json/c/d.json": "/one"})
    assert names.choose("b", "/two") == f"b-{digest_of('/two')[:8]}.json"


def test_a_long_ending_that_is_not_text_is_cut_too() -> None:
    part = "x" * 240 + ".\udcff"
    assert ResultNames({}).plain(part) == "x" * 200 + "-" + digest_of("x" * 240 + ".?")[:8] + ".\udcff.json"
