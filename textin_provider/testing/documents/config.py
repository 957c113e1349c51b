"""The parse config: validation against the contract, and the selected pages."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from textin_provider.testing.contract import problems
from textin_provider.testing.responses import BAD_REQUEST, PAGE_OUT_OF_RANGE, PARAMETER_ERROR, Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

SCHEMA_VERSIONS = ("1.3.0", "1.3.1", "1.4.0")
# ``scope.page_range`` contains 1-based closed intervals such as ``1-2,5-10``.
_INTERVAL = re.compile(r"\s*(\d+)\s*(?:-\s*(\d+)\s*)?")


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
    intervals = _page_intervals(config)
    if intervals is None:
        return list(range(1, page_count + 1))
    pages = {page for first, last in intervals for page in range(first, min(last, page_count) + 1)}
    if max(last for _, last in intervals) > page_count:
        raise Refusal(PAGE_OUT_OF_RANGE, f"scope.page_range: the file has {page_count} pages")
    return sorted(pages)


def _page_intervals(config: Mapping[str, Any]) -> list[tuple[int, int]] | None:
    """Return the intervals of the page range, None without a page range."""
    text = config.get("scope", {}).get("page_range", "")
    return [_interval(part, text) for part in text.split(",")] if text.strip() else None


def _interval(part: str, text: str) -> tuple[int, int]:
    match = _INTERVAL.fullmatch(part)
    if match is None:
        raise Refusal(PARAMETER_ERROR, f"config.scope.page_range: {text!r} is not like '1-2,5-10'")
    first = int(match[1])
    last = int(match[2] or first)
    if not 1 <= first <= last:
        raise Refusal(
            PARAMETER_ERROR, f"config.scope.page_range: {part.strip()!r} is not a range of pages from 1"
        )
    return first, last
