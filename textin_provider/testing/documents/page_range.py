"""``scope.page_range``: 1-based closed intervals such as ``1-2,5-10``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from textin_provider.testing.envelope import PAGE_OUT_OF_RANGE, PARAMETER_ERROR, Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

_INTERVAL = re.compile(r"\s*(\d+)\s*(?:-\s*(\d+)\s*)?")


def chosen_pages(config: Mapping[str, Any], page_count: int) -> list[int]:
    """
    Return the page numbers to read, in order; all of them if the config names none.

    :raises Refusal: 40004 if the range cannot be read, 40424 if it lies outside the file.
    """
    intervals = page_intervals(config)
    if intervals is None:
        return list(range(1, page_count + 1))
    pages = {page for first, last in intervals for page in range(first, min(last, page_count) + 1)}
    if max(last for _, last in intervals) > page_count:
        raise Refusal(PAGE_OUT_OF_RANGE, f"scope.page_range: the file has {page_count} pages")
    return sorted(pages)


def page_intervals(config: Mapping[str, Any]) -> list[tuple[int, int]] | None:
    """
    Return the intervals the config names, None if it names none.

    :raises Refusal: 40004 if the range cannot be read.
    """
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
