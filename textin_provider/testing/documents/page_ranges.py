"""Page ranges such as ``1-5,10``: 1-based page numbers and closed intervals."""

from __future__ import annotations

import re
from collections.abc import Collection

Pages = str | Collection[int]
Interval = tuple[int, int]

_INTERVAL = re.compile(r"\s*(\d+)\s*(?:-\s*(\d+)\s*)?")


def intervals(pages: Pages) -> list[Interval]:
    """
    Return the first and the last page of each part of a text, or of each number; none for an empty text.

    :raises ValueError: if a part is no page number and no interval, or begins below page 1.
    """
    if isinstance(pages, str):
        return [_interval(part, pages) for part in pages.split(",")] if pages.strip() else []
    return [_checked(page, page, repr(page)) for page in pages]


def contains(ranges: Collection[Interval], page: int) -> bool:
    """Return whether a page is in one of the intervals."""
    return any(first <= page <= last for first, last in ranges)


def _interval(part: str, text: str) -> Interval:
    match = _INTERVAL.fullmatch(part)
    if match is None:
        raise ValueError(f"{text!r} is not like '1-2,5-10'")
    first = int(match[1])
    return _checked(first, int(match[2] or first), repr(part.strip()))


def _checked(first: int, last: int, shown: str) -> Interval:
    if not 1 <= first <= last:
        raise ValueError(f"{shown} is not a range of pages from 1")
    return first, last
