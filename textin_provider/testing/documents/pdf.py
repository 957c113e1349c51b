"""PDF reader: the text of the pages, joined into titles, paragraphs and list items, and images; no OCR."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from math import hypot
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from textin_provider.testing.documents.config import chosen_pages
from textin_provider.testing.documents.model import (
    IMAGE,
    LIST_ITEM,
    PARAGRAPH,
    TITLE,
    Block,
    Box,
    PageInfo,
    ParsedDocument,
    UnreadableError,
    join_lines,
)
from textin_provider.testing.responses import FILE_CORRUPTED, PASSWORD_REQUIRED, Refusal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from pypdf import PageObject, PdfReader
    from pypdf.generic import DictionaryObject

_PARAGRAPH_GAP = 1.7
_SAME_SIZE = 0.1
_TITLE_LENGTH = 100
# Minimum font size of titles of level 1, 2 and 3, relative to the body text.
_TITLE_SIZES = (1.8, 1.4, 1.2)
_BULLETS = ("• ", "◦ ", "▪ ", "‣ ")


@contextmanager
def opened(path: Path, password: str) -> Iterator[PdfReader]:
    """
    Open a PDF.

    :raises Refusal: 40422 if it is corrupted, 40423 if its password is missing or wrong.
    """
    from pypdf import PdfReader
    from pypdf.errors import PyPdfError

    with path.open("rb") as file:
        try:
            reader = PdfReader(file)
            if reader.is_encrypted and not reader.decrypt(password):
                reason = "wrong password" if password else "the PDF needs a password"
                raise Refusal(PASSWORD_REQUIRED, reason)
            if not reader.pages:
                raise Refusal(FILE_CORRUPTED, "the PDF has no pages")
        except (PyPdfError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as exc:
            raise Refusal(FILE_CORRUPTED, f"the PDF cannot be opened: {exc}") from exc
        yield reader


def read(path: Path, password: str, config: Mapping[str, Any]) -> ParsedDocument:
    """
    Return the text of the pages that the config selects; the images of a page follow its text.

    :raises Refusal: as :func:`opened`, and 40424 for a page range outside the file.
    :raises UnreadableError: if no page has readable text.
    """
    with opened(path, password) as reader:
        count = len(reader.pages)
        pages = [_page(reader.pages[number - 1], number) for number in chosen_pages(config, count)]
    if not any(page.info.readable for page in pages):
        raise UnreadableError("no page has readable text: the local TextIn has no OCR")
    body = _body_size(line for page in pages for line in page.lines)
    blocks = [block for page in pages for block in _page_blocks(page, body)]
    return ParsedDocument(tuple(blocks), tuple(page.info for page in pages), count)


class _Page(NamedTuple):
    """A page that was read: its lines, and the number of its images."""

    info: PageInfo
    lines: list[_Line]
    images: int


def _page(page: PageObject, number: int) -> _Page:
    width, height = float(page.mediabox.width), float(page.mediabox.height)
    try:
        lines = _page_lines(page)
        # A page without text is a scan if it has an image, otherwise empty.
        readable = bool(lines) or not len(page.images)
        images = _image_count(page) if lines else 0
    except Exception:
        # pypdf raises many types of errors for corrupted content; other pages may be intact.
        lines, readable, images = [], False, 0
    return _Page(PageInfo(number, width, height, page.rotation % 360, readable), lines, images)


def _image_count(page: PageObject) -> int:
    """Return the number of images among the resources; ``page.images`` would parse the page's content."""
    from pypdf.generic import NameObject

    resources = cast("DictionaryObject", page["/Resources"])
    if "/XObject" not in resources:
        return 0
    objects = cast("DictionaryObject", resources["/XObject"])
    kinds = [cast("DictionaryObject", objects[name])["/Subtype"] for name in objects]
    return kinds.count(NameObject("/Image"))


@dataclass(slots=True)
class _Line:
    """A line of text with its start and font size, in points from the bottom left."""

    text: str
    x: float
    y: float
    size: float

    @property
    def width(self) -> float:
        """The estimated width: half the font size per Latin letter, the font size per Chinese one."""
        return sum(1.0 if ord(letter) >= 0x2E80 else 0.5 for letter in self.text) * self.size


def _page_lines(page: PageObject) -> list[_Line]:
    """Return the lines of a page in the order of its content stream."""
    lines: list[_Line] = []
    current: _Line | None = None

    def visit(text: str, cm: Sequence[float], tm: Sequence[float], _font: Any, size: float) -> None:
        nonlocal current
        for index, piece in enumerate(text.split("\n")):
            if index:
                current = None
            if current is not None:
                current.text += piece
            elif piece.strip():
                current = _Line(piece, *_position(cm, tm), _font_size(cm, tm, size))
                lines.append(current)

    page.extract_text(visitor_text=visit)
    return lines


def _body_size(lines: Iterable[_Line]) -> float:
    """Return the font size of most of the text."""
    sizes: Counter[float] = Counter()
    for line in lines:
        sizes[round(line.size, 1)] += len(line.text)
    return max(sizes, key=lambda size: sizes[size]) if sizes else 1.0


def _page_blocks(page: _Page, body: float) -> list[Block]:
    """Return the blocks of a page; ``body`` is the font size of the body text."""
    paragraphs: list[list[_Line]] = []
    for line in page.lines:
        if paragraphs and _continues(paragraphs[-1][-1], line):
            paragraphs[-1].append(line)
        else:
            paragraphs.append([line])
    images = [Block(IMAGE, page=page.info.number)] * page.images
    return [*(_block(paragraph, body, page.info) for paragraph in paragraphs), *images]


def _continues(last: _Line, line: _Line) -> bool:
    if line.text.lstrip().startswith(_BULLETS):
        return False
    same_size = abs(line.size - last.size) <= _SAME_SIZE * last.size
    return same_size and 0 <= last.y - line.y <= _PARAGRAPH_GAP * last.size


def _block(lines: Sequence[_Line], body: float, page: PageInfo) -> Block:
    source = [line.text for line in lines]
    text = join_lines(source)
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


def _box(lines: Sequence[_Line], page: PageInfo) -> Box | None:
    if page.angle or not page.width or not page.height:
        return None
    right = max(line.x + line.width for line in lines)
    top = max(line.y + line.size for line in lines)
    bottom = min(line.y - 0.25 * line.size for line in lines)
    left = min(line.x for line in lines)
    return left / page.width, 1 - top / page.height, right / page.width, 1 - bottom / page.height


def _position(cm: Sequence[float], tm: Sequence[float]) -> tuple[float, float]:
    """Return the origin of the text matrix on the page."""
    return tm[4] * cm[0] + tm[5] * cm[2] + cm[4], tm[4] * cm[1] + tm[5] * cm[3] + cm[5]


def _font_size(cm: Sequence[float], tm: Sequence[float], size: float) -> float:
    return abs(size) * hypot(tm[2], tm[3]) * hypot(cm[2], cm[3]) or 1.0
