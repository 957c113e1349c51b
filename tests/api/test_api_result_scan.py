"""The facts of a result, read while it streams."""

from __future__ import annotations

import json
import tracemalloc
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from textin_provider.api.json_text import JsonText
from textin_provider.api.xparse.result_scan import ResultScan

RESULT = {
    "schema_version": "1.3.1",
    "file_id": 'a\\"]}',
    "success_count": 7,
    "metadata": {"filename": "a.pdf", "page_count": 10, "deep": [{"pages": [1]}]},
    "markdown": '# Title\n\n"quoted" \\ and 中文 \U0001f600 {[',
    "elements": [{"text": '}]"\\', "pages": [{"page_number": 99}], "success_count": 1}, {"metadata": 1}],
    "pages": [
        {"page_number": 1, "status": "Success", "element_ids": ["a", "b"]},
        {"page_number": 2, "status": "Fail", "nested": {"status": "other", "list": [[1], {}]}},
        {"page_number": 3},
        [4],
        5,
    ],
    "exports": [{"format": "docx", "status": "success", "file": {"file_id": "x.docx"}}],
    "summary": {"duration_ms": 1},
}
PAGES = [(1, "Success"), (2, "Fail"), (3, None)]


def scan(body: bytes, size: int) -> tuple[ResultScan, str]:
    texts: list[str] = []
    found = ResultScan(texts.append)
    for begin in range(0, len(body), size):
        found.feed(body[begin : begin + size])
    return found, "".join(texts)


def kept(result: dict[str, Any]) -> dict[str, Any]:
    return {key: result[key] for key in ("success_count", "metadata", "exports") if key in result}


@pytest.mark.parametrize("ascii_only", [True, False])
@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("size", [1, 2, 3, 7, 50, 10_000])
def test_it_finds_the_same_in_chunks_of_any_size(size: int, indent: int | None, ascii_only: bool) -> None:
    body = json.dumps(RESULT, indent=indent, ensure_ascii=ascii_only).encode()
    found, markdown = scan(body, size)
    assert found.members == kept(RESULT)
    assert found.pages == PAGES
    assert markdown == RESULT["markdown"]


@pytest.mark.parametrize("key", list(RESULT))
def test_a_member_that_is_missing_is_missing(key: str) -> None:
    result = {name: value for name, value in RESULT.items() if name != key}
    found, markdown = scan(json.dumps(result).encode(), 11)
    assert found.members == kept(result)
    assert found.pages == (None if key == "pages" else PAGES)
    assert markdown == result.get("markdown", "")


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
pages = st.lists(
    st.fixed_dictionaries(
        {"page_number": st.integers(), "status": st.text()}, optional={"element_ids": values, "pages": values}
    )
)
results = st.fixed_dictionaries(
    {},
    optional={
        "markdown": st.text(),
        "success_count": st.integers(),
        "metadata": values,
        "exports": values,
        "elements": values,
        "pages": pages,
        "other": values,
    },
)


@settings(max_examples=300, deadline=None)
@given(results, st.integers(1, 40), st.booleans())
def test_it_finds_what_a_parser_finds(result: dict[str, Any], size: int, ascii_only: bool) -> None:
    found, markdown = scan(json.dumps(result, ensure_ascii=ascii_only).encode(), size)
    assert found.members == kept(result)
    expected = [(page["page_number"], page["status"]) for page in result.get("pages", [])]
    assert found.pages == (expected if "pages" in result else None)
    assert markdown == result.get("markdown", "")


def test_text_that_is_not_a_string_is_no_markdown() -> None:
    assert scan(b'{"markdown": {"markdown": "a"}, "elements": ["markdown", "b"]}', 5)[1] == ""


@pytest.mark.parametrize("pages", [{"a": {"page_number": 1}}, "text", 3, None])
def test_pages_that_are_no_list_are_unknown(pages: object) -> None:
    assert scan(json.dumps({"pages": pages}).encode(), 9)[0].pages is None


def test_a_member_of_a_megabyte_is_not_kept() -> None:
    body = json.dumps({"metadata": {"text": "a" * 1024 * 1024}, "success_count": 1}).encode()
    assert scan(body, 65536)[0].members == {"success_count": 1}


def test_memory_stays_flat() -> None:
    found = ResultScan(lambda _: None)
    element = json.dumps({"text": "a" * 200, "coordinates": [0.1] * 8, "metadata": {"a": {}}}).encode() + b","
    block = element * (65536 // len(element))
    tracemalloc.start()
    found.feed(b'{"elements":[')
    for _ in range(500):
        found.feed(block)
    found.feed(b'{}],"markdown":"')
    for _ in range(500):
        found.feed(b"b\\n" * 20_000)
    found.feed(b'","success_count":3}')
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.members == {"success_count": 3}
    assert most < 2 * 1024 * 1024


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (rb"\u4e2d\n\t\\\"\/", '中\n\t\\"/'),
        (rb"\ud83d\ude00", "\U0001f600"),
        (rb"\\ud83d", "\\ud83d"),
        (rb"a\ud83db", "a\ufffdb"),
        (rb"\ud83d", "\ufffd"),
        (rb"\ude00", "\ufffd"),
        (b"\xff", "\ufffd"),
        ("é中\U0001f600".encode(), "é中\U0001f600"),
        (b"", ""),
    ],
)
@pytest.mark.parametrize("size", [1, 2, 5, 100])
def test_a_string_is_decoded_in_pieces_of_any_size(raw: bytes, text: str, size: int) -> None:
    texts: list[str] = []
    decoder = JsonText(texts.append)
    for begin in range(0, len(raw), size):
        decoder.feed(raw[begin : begin + size])
    decoder.finish()
    assert "".join(texts) == text


def test_an_escape_that_json_does_not_know_stays() -> None:
    texts: list[str] = []
    decoder = JsonText(texts.append)
    decoder.feed(rb"\uXYZ and so on and so forth")
    assert "".join(texts) == r"\uXYZ and so on and so forth"
