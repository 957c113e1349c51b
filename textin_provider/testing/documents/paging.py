"""Scripted pages: another page count than that of the document, and pages that failed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from textin_provider.testing.documents.config import chosen_pages
from textin_provider.testing.documents.model import PARAGRAPH, Block, PageInfo, ParsedDocument
from textin_provider.testing.documents.page_ranges import contains

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from textin_provider.testing.documents.page_ranges import Interval


def with_page_count(document: ParsedDocument, page_count: int, config: Mapping[str, Any]) -> ParsedDocument:
    """
    Return a document of ``page_count`` pages, of which the config selects some.

    The blocks of a document of one page are spread over them. A page without a block gets a paragraph if it
    is readable.

    :param document: the document with all its pages.
    :raises Refusal: 40424 if the page range exceeds the page count.
    """
    known = {page.number: page for page in document.pages}
    like = document.pages[0]
    pages = tuple(
        known.get(number) or PageInfo(number, like.width, like.height)
        for number in chosen_pages(config, page_count)
    )
    placed = _spread(document.blocks, page_count) if document.page_count == 1 else document.blocks
    by_page: dict[int, list[Block]] = {page.number: [] for page in pages}
    for block in placed:
        if block.page in by_page:
            by_page[block.page].append(block)
    blocks = [block for page in pages for block in by_page[page.number] or _filler(page)]
    return ParsedDocument(tuple(blocks), pages, page_count)


def with_failed_pages(document: ParsedDocument, failed: Collection[Interval]) -> ParsedDocument:
    """Return a document whose pages in ``failed`` are not readable and have no blocks."""
    pages = tuple(
        replace(page, readable=False) if contains(failed, page.number) else page for page in document.pages
    )
    blocks = tuple(block for block in document.blocks if not contains(failed, block.page))
    return replace(document, blocks=blocks, pages=pages)


def _spread(blocks: Sequence[Block], page_count: int) -> list[Block]:
    return [replace(block, page=1 + index * page_count // len(blocks)) for index, block in enumerate(blocks)]


def _filler(page: PageInfo) -> list[Block]:
    return [Block(PARAGRAPH, f"Page {page.number}", page=page.number)] if page.readable else []
