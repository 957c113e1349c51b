"""The parse config: validation against the contract, and the selected pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from textin_provider.testing.contract import problems
from textin_provider.testing.documents.page_ranges import contains, intervals
from textin_provider.testing.responses import BAD_REQUEST, PAGE_OUT_OF_RANGE, PARAMETER_ERROR, Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from textin_provider.testing.documents.page_ranges import Interval

SCHEMA_VERSIONS = ("1.3.0", "1.3.1", "1.4.0")


def check_config(config: Any) -> None:
    """
    Validate a parse config.

    :raises Refusal: 40004 naming the path and the problem, or 400 for an unknown ``schema_version``.
    """
    for problem in problems("xparse-v1", "ParseConfig", config):
        raise Refusal(PARAMETER_ERROR, f"config{problem}")
    version = config.get("schema_version")
    if version is not None and version not in SCHEMA_VERSIONS:
        known = ", ".join(SCHEMA_VERSIONS)
        raise Refusal(BAD_REQUEST, f"config.schema_version: {version!r} is none of {known}")
    _page_intervals(config)


def chosen_pages(config: Mapping[str, Any], page_count: int) -> list[int]:
    """
    Return the selected page numbers in order; all of them without a page range.

    :raises Refusal: 40004 if the range is invalid, 40424 if it exceeds the file.
    """
    ranges = _page_intervals(config)
    if not ranges:
        return list(range(1, page_count + 1))
    if max(last for _, last in ranges) > page_count:
        raise Refusal(PAGE_OUT_OF_RANGE, f"scope.page_range: the file has {page_count} pages")
    return [page for page in range(1, page_count + 1) if contains(ranges, page)]


def _page_intervals(config: Mapping[str, Any]) -> list[Interval]:
    """Return the intervals of the page range, none without a page range."""
    try:
        return intervals(config.get("scope", {}).get("page_range", ""))
    except ValueError as exc:
        raise Refusal(PARAMETER_ERROR, f"config.scope.page_range: {exc}") from exc
