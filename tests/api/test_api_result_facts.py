"""What a result tells of itself: pages, failed pages, exports, and whether anything is missing."""

from __future__ import annotations

import json
from typing import Any

import pytest

from textin_provider.api.errors import ErrorKind
from textin_provider.api.xparse.result_facts import ResultFacts, page_ranges
from textin_provider.api.xparse.result_scan import ResultScan


def facts_of(result: dict[str, Any], **options: bool) -> ResultFacts:
    scan = ResultScan()
    scan.feed(json.dumps({"elements": [], **result}).encode())
    return ResultFacts.of(scan, **options)


def pages_of(count: int, *failed: int, word: str = "Fail") -> list[dict[str, Any]]:
    return [
        {"page_number": number, "status": word if number in failed else "Success"}
        for number in range(1, count + 1)
    ]


def ten_pages(*failed: int, **more: Any) -> dict[str, Any]:
    """Return a result of ten pages of which some failed."""
    metadata = {"filename": "a.pdf", "page_count": 10}
    return {"success_count": 10 - len(failed), "metadata": metadata, **more}


def test_failed_pages_are_named_as_ranges() -> None:
    facts = facts_of(ten_pages(2, 5, 6, pages=pages_of(10, 2, 5, 6)))
    assert (facts.pages, facts.page_count, facts.failed_pages, facts.failed) == (7, 10, "2,5-6", 3)
    assert facts.is_partial
    assert facts.missing == "3 of 10 pages (2,5-6) were not parsed"
    assert facts.name == "a.pdf"


def test_without_a_list_of_pages_their_number_is_known() -> None:
    facts = facts_of(ten_pages(2, 5, 6))
    assert (facts.pages, facts.failed_pages, facts.failed) == (7, None, 3)
    assert facts.missing == "3 of 10 pages were not parsed"


@pytest.mark.parametrize(
    "pages", [None, pages_of(3)], ids=["without a list of pages", "with a list of pages"]
)
def test_pages_that_were_not_asked_for_have_not_failed(pages: Any) -> None:
    result = ten_pages(*range(4, 11), **({"pages": pages} if pages else {}))
    facts = facts_of(result, chose_pages=True)
    assert (facts.pages, facts.page_count, facts.failed) == (3, 10, 0)
    assert not facts.is_partial
    assert facts.missing is None


def test_of_the_pages_that_were_asked_for_some_may_fail() -> None:
    facts = facts_of(ten_pages(*range(3, 11), pages=pages_of(3, 3)), chose_pages=True)
    assert facts.failed_pages == "3"
    assert facts.is_partial


@pytest.mark.parametrize("word", ["Success", "success", " SUCCESS ", None])
def test_a_page_with_that_status_has_not_failed(word: Any) -> None:
    assert not facts_of(ten_pages(pages=[{"page_number": 1, "status": word}])).is_partial


@pytest.mark.parametrize("word", ["Fail", "failed", "error", "timeout", "失败"])
def test_a_page_with_another_status_has_failed(word: str) -> None:
    facts = facts_of(ten_pages(4, pages=pages_of(10, 4, word=word)))
    assert facts.failed_pages == "4"


@pytest.mark.parametrize("number", [None, "2", -1, True, 2.0, 10**12])
def test_a_failed_page_without_a_sound_number_is_not_named(number: Any) -> None:
    result = {"pages": [{"page_number": number, "status": "Fail"}, {"page_number": 7, "status": "Fail"}]}
    assert facts_of(result).failed_pages == "7"


@pytest.mark.parametrize("count", [None, "7", -1, True, 7.0, 10**12, [7]])
def test_a_count_that_is_none_is_unknown(count: Any) -> None:
    facts = facts_of({"success_count": count, "metadata": {"page_count": count}})
    assert (facts.pages, facts.page_count, facts.is_partial) == (None, None, False)


@pytest.mark.parametrize("metadata", [None, [], "a", {}, {"filename": ["a"]}])
def test_metadata_of_another_shape_tells_nothing(metadata: Any) -> None:
    facts = facts_of({"success_count": 1, "metadata": metadata})
    assert (facts.pages, facts.page_count, facts.name, facts.is_partial) == (1, None, None, False)


def test_more_parsed_pages_than_the_document_has_are_not_partial() -> None:
    assert not facts_of({"success_count": 3, "metadata": {"page_count": 2}}).is_partial


def test_what_textin_says_of_the_whole_result_counts() -> None:
    facts = facts_of(ten_pages(), said_partial=True)
    assert facts.is_partial
    assert facts.missing == "TextIn says that some pages failed, and does not say which"


def test_failed_exports_are_missing() -> None:
    exports = [
        {"format": "docx", "status": "success"},
        {"format": "pdf", "status": "Fail", "error": "no fonts"},
        {"format": "xlsx"},
        {"status": "fail"},
        "docx",
    ]
    facts = facts_of(ten_pages(exports=exports))
    assert facts.exports == {"docx": "success", "pdf": "fail", "xlsx": "success"}
    assert facts.missing == "the export pdf failed"


@pytest.mark.parametrize("exports", [None, {}, "docx", 3])
def test_exports_of_another_shape_are_none(exports: Any) -> None:
    facts = facts_of(ten_pages(exports=exports))
    assert facts.exports == {}
    assert not facts.is_partial


def test_the_manifest_has_all_four_entries_in_any_case() -> None:
    assert facts_of({}).to_manifest() == {
        "pages": None,
        "page_count": None,
        "failed_pages": None,
        "exports": {},
    }


def test_the_error_names_the_document_and_what_is_missing() -> None:
    error = facts_of(ten_pages(2)).error("xParse job 1, a.pdf")
    assert error.kind is ErrorKind.PARTIAL_RESULT
    assert str(error).startswith("xParse job 1, a.pdf: 1 of 10 pages were not parsed")
    assert "on_partial='ignore'" in str(error)


def test_many_failed_pages_do_not_make_a_long_message() -> None:
    numbers = range(1, 5000, 2)
    facts = facts_of({"metadata": {"page_count": 5000}, "pages": pages_of(5000, *numbers)})
    assert facts.failed == len(numbers)
    assert str(facts.failed_pages).endswith(",4997,4999")
    assert len(facts.missing or "") < 300
    assert ",...) were not parsed" in (facts.missing or "")


@pytest.mark.parametrize(
    ("numbers", "text"),
    [([], ""), ([3], "3"), ([1, 2, 3], "1-3"), ([9, 3, 5, 4], "3-5,9"), ([1, 3, 5], "1,3,5")],
)
def test_page_numbers_become_ranges(numbers: list[int], text: str) -> None:
    assert page_ranges(numbers) == text
