"""The document model: blocks, table cells and pages as the readers return them, and boxes for blocks."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

TITLE = "Title"
PARAGRAPH = "NarrativeText"
LIST_ITEM = "ListItem"
CODE = "CodeSnippet"
TABLE = "Table"
IMAGE = "Image"

_LEFT, _TOP, _RIGHT, _BOTTOM = 0.1, 0.06, 0.9, 0.94
_INDENT = 0.03
_LINE_LENGTH = 80


class UnreadableError(Exception):
    """Raised for a document that TextIn accepts and only the local TextIn cannot read."""


Box = tuple[float, float, float, float]
"""Left, top, right, bottom as shares of the page, from its top left corner."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A table cell; ``row`` and ``col`` are zero-based."""

    text: str
    row: int
    col: int
    row_span: int = 1
    col_span: int = 1
    is_header: bool = False


@dataclass(frozen=True, slots=True)
class Block:
    """
    A block of text in reading order.

    ``depth`` is the level of a Title (1 is the highest) or the nesting of a ListItem (from 0). ``cells``
    belong to a Table, ``language`` to a CodeSnippet. ``box`` is its position, None if the format has none.
    ``source_lines`` are the lines of which its text was joined, if any. The text of an Image is its
    alternative text, which may be empty.
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
        """The lines of its text in the document."""
        return self.source_lines or self.text.split("\n")


@dataclass(frozen=True, slots=True)
class PageInfo:
    """A page that was read; width and height in points, 0 for a format without pages."""

    number: int
    width: float = 0.0
    height: float = 0.0
    angle: int = 0
    readable: bool = True


@dataclass(frozen=True, slots=True)
class ParsedDocument:
    """The blocks in reading order, the pages that were read, and the page count of the whole file."""

    blocks: tuple[Block, ...]
    pages: tuple[PageInfo, ...] = (PageInfo(1),)
    page_count: int = 1


def join_lines(lines: Sequence[str]) -> str:
    """Join the lines of a paragraph with spaces, or without a space between Chinese characters."""
    text = ""
    for line in (line.strip() for line in lines):
        if not line:
            continue
        gap = "" if not text or (_is_wide(text[-1]) and _is_wide(line[0])) else " "
        text += gap + line
    return text


def _is_wide(character: str) -> bool:
    return ord(character) >= 0x2E80


def boxes(blocks: Sequence[Block]) -> list[Box]:
    """Return a box for each block: its own, or one stacked down the page in reading order."""
    lines: dict[int, float] = defaultdict(float)
    for block in blocks:
        lines[block.page] += _line_count(block)
    reached: dict[int, float] = defaultdict(float)
    placed: list[Box] = []
    for block in blocks:
        start = reached[block.page]
        reached[block.page] = start + _line_count(block)
        placed.append(block.box or _stacked(block, start, reached[block.page], lines[block.page]))
    return placed


def corners(box: Box) -> list[float]:
    """Return the eight coordinates of a box, clockwise from the top left, between 0 and 1."""
    left, top, right, bottom = (round(min(max(value, 0.0), 1.0), 4) for value in box)
    return [left, top, right, top, right, bottom, left, bottom]


def _stacked(block: Block, start: float, end: float, total: float) -> Box:
    height = _BOTTOM - _TOP
    left = _LEFT + (min(block.depth + 1, 10) * _INDENT if block.type == LIST_ITEM else 0.0)
    return left, _TOP + height * start / total, _RIGHT, _TOP + height * end / total


def _line_count(block: Block) -> float:
    if block.type == TABLE:
        return float(len({cell.row for cell in block.cells}))
    return float(sum(1 + len(line) // _LINE_LENGTH for line in block.text.split("\n")))
