"""Put the text of a PDF page together: fragments to lines, lines to titles, paragraphs and list items."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from math import hypot
from typing import TYPE_CHECKING, Any

from textin_provider.testing.documents.model import LIST_ITEM, PARAGRAPH, TITLE, Block, Box, PageInfo, flow

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pypdf import PageObject

_PARAGRAPH_GAP = 1.7
_SAME_SIZE = 0.1
_TITLE_LENGTH = 100
# How much larger than the body a title of level 1, 2 and 3 is set.
_TITLE_SIZES = (1.8, 1.4, 1.2)
_BULLETS = ("• ", "◦ ", "▪ ", "‣ ")


@dataclass(slots=True)
class Line:
    """A line of text; where it starts and how tall its letters are, in points from the bottom left."""

    text: str
    x: float
    y: float
    size: float

    @property
    def width(self) -> float:
        """A guess: Latin letters are half as wide as tall, Chinese ones as wide as tall."""
        return sum(1.0 if ord(letter) >= 0x2E80 else 0.5 for letter in self.text) * self.size


def page_lines(page: PageObject) -> list[Line]:
    """Return the lines of a page in the order of its content."""
    lines: list[Line] = []
    current: Line | None = None

    def visit(text: str, cm: Sequence[float], tm: Sequence[float], _font: Any, size: float) -> None:
        nonlocal current
        for index, piece in enumerate(text.split("\n")):
            if index:
                current = None
            if current is not None:
                current.text += piece
            elif piece.strip():
                current = Line(piece, *_position(cm, tm), _letter_size(cm, tm, size))
                lines.append(current)

    page.extract_text(visitor_text=visit)
    return lines


def body_size(lines: Iterable[Line]) -> float:
    """Return the letter size most of the text is set in."""
    sizes: Counter[float] = Counter()
    for line in lines:
        sizes[round(line.size, 1)] += len(line.text)
    return max(sizes, key=lambda size: sizes[size]) if sizes else 1.0


def page_blocks(lines: Sequence[Line], body: float, page: PageInfo) -> list[Block]:
    """Return the paragraphs and titles of a page; ``body`` is the letter size of ordinary text."""
    paragraphs: list[list[Line]] = []
    for line in lines:
        if paragraphs and _continues(paragraphs[-1][-1], line):
            paragraphs[-1].append(line)
        else:
            paragraphs.append([line])
    return [_block(paragraph, body, page) for paragraph in paragraphs]


def _continues(last: Line, line: Line) -> bool:
    if line.text.lstrip().startswith(_BULLETS):
        return False
    same_size = abs(line.size - last.size) <= _SAME_SIZE * last.size
    return same_size and 0 <= last.y - line.y <= _PARAGRAPH_GAP * last.size


def _block(lines: Sequence[Line], body: float, page: PageInfo) -> Block:
    source = [line.text for line in lines]
    text = flow(source)
    box = _box(lines, page)
    if text.startswith(_BULLETS):
        return Block(
            LIST_ITEM, text[2:], page=page.number, box=box, source_lines=[source[0][2:], *source[1:]]
        )
    if len(text) <= _TITLE_LENGTH:
        for depth, ratio in enumerate(_TITLE_SIZES, start=1):
            if lines[0].size >= ratio * body:
                return Block(TITLE, text, page=page.number, depth=depth, box=box)
    return Block(PARAGRAPH, text, page=page.number, box=box, source_lines=source)


def _box(lines: Sequence[Line], page: PageInfo) -> Box | None:
    if page.angle or not page.width or not page.height:
        return None
    right = max(line.x + line.width for line in lines)
    top = max(line.y + line.size for line in lines)
    bottom = min(line.y - 0.25 * line.size for line in lines)
    left = min(line.x for line in lines)
    return left / page.width, 1 - top / page.height, right / page.width, 1 - bottom / page.height


def _position(cm: Sequence[float], tm: Sequence[float]) -> tuple[float, float]:
    """Return where the text matrix puts its origin on the page."""
    return tm[4] * cm[0] + tm[5] * cm[2] + cm[4], tm[4] * cm[1] + tm[5] * cm[3] + cm[5]


def _letter_size(cm: Sequence[float], tm: Sequence[float], size: float) -> float:
    return abs(size) * hypot(tm[2], tm[3]) * hypot(cm[2], cm[3]) or 1.0
