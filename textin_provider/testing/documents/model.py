"""A document as its reader saw it, before the config shapes the result."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

TITLE = "Title"
PARAGRAPH = "NarrativeText"
LIST_ITEM = "ListItem"
CODE = "CodeSnippet"
TABLE = "Table"


class UnreadableError(Exception):
    """A document TextIn would take and the local TextIn cannot read."""


Box = tuple[float, float, float, float]
"""Left, top, right, bottom as shares of the page, from its top left corner."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A table cell; row and column count from 0."""

    text: str
    row: int
    col: int
    row_span: int = 1
    col_span: int = 1
    is_header: bool = False


@dataclass(frozen=True, slots=True)
class Block:
    """
    One piece of text in reading order.

    ``depth`` is the level of a Title (1 is the highest) or how deep a ListItem is nested (from 0). ``cells``
    belong to a Table, ``language`` to a CodeSnippet. ``box`` is where the block stands, None if its reader
    cannot know. ``source_lines`` are the lines its text was put together from, if that was done.
    """

    type: str
    text: str = ""
    page: int = 1
    depth: int = 0
    marker: str = "-"
    language: str = ""
    cells: Sequence[Cell] = ()
    box: Box | None = None
    source_lines: Sequence[str] = ()

    @property
    def lines(self) -> Sequence[str]:
        """Its text line by line, as it stood in the document."""
        return self.source_lines or self.text.split("\n")


@dataclass(frozen=True, slots=True)
class PageInfo:
    """A page that was read; width and height in points, 0 where the document has no pages of its own."""

    number: int
    width: float = 0.0
    height: float = 0.0
    angle: int = 0
    readable: bool = True


@dataclass(frozen=True, slots=True)
class Document:
    """What was read: blocks in reading order, the pages they stand on, and the pages of the whole file."""

    blocks: tuple[Block, ...]
    pages: tuple[PageInfo, ...] = (PageInfo(1),)
    page_count: int = 1


def flow(lines: Sequence[str]) -> str:
    """Join the lines of a paragraph with spaces, or with nothing where Chinese text meets."""
    text = ""
    for line in (line.strip() for line in lines):
        if not line:
            continue
        gap = "" if not text or (_is_wide(text[-1]) and _is_wide(line[0])) else " "
        text += gap + line
    return text


def _is_wide(character: str) -> bool:
    return ord(character) >= 0x2E80
