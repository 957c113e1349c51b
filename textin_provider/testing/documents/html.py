"""HTML reader: the visible blocks of a page in reading order, tables with their spans."""

from __future__ import annotations

from dataclasses import dataclass
from html.parser import HTMLParser
from typing import TYPE_CHECKING

from textin_provider.testing.documents.model import (
    CODE,
    IMAGE,
    LIST_ITEM,
    PARAGRAPH,
    TABLE,
    TITLE,
    Block,
    Cell,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

_HIDDEN = {"head", "script", "style", "template", "noscript"}
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_LISTS = {"ul", "ol"}
_MAX_SPAN = 1000
_PARAGRAPHS = {
    "address", "article", "aside", "blockquote", "body", "dd", "details", "div", "dl", "dt", "fieldset",
    "figcaption", "figure", "footer", "form", "header", "hr", "html", "main", "nav", "p", "section",
    "summary",
}  # fmt: skip
_BREAKING = _PARAGRAPHS | _LISTS | _HEADINGS.keys() | {"li", "pre", "table"}


def read_html(text: str) -> Iterator[Block]:
    """Yield titles, paragraphs, list items, code, images and tables in reading order."""
    reader = _HtmlReader()
    reader.feed(text)
    reader.close()
    reader.flush()
    yield from reader.blocks


@dataclass(slots=True)
class _List:
    is_ordered: bool
    number: int = 0
    in_item: bool = False

    @property
    def marker(self) -> str:
        return f"{self.number}." if self.is_ordered else "-"


class _HtmlReader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.blocks: list[Block] = []
        self._text = ""
        self._hidden = 0
        self._heading = 0
        self._lists: list[_List] = []
        self._preformatted = 0
        self._table: _TableBuilder | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _HIDDEN:
            self._hidden += 1
        if self._table is not None:
            self._table.start(tag, dict(attrs))
        elif tag == "br":
            self._text += "\n"
        elif tag == "img" and not self._hidden:
            self.flush()
            self.blocks.append(Block(IMAGE, _collapse(dict(attrs).get("alt") or "")))
        elif tag in _BREAKING:
            self.flush()
            self._open(tag)

    def _open(self, tag: str) -> None:
        if tag in _HEADINGS:
            self._heading = _HEADINGS[tag]
        elif tag in _LISTS:
            self._lists.append(_List(is_ordered=tag == "ol"))
        elif tag == "li" and self._lists:
            self._lists[-1].number += 1
            self._lists[-1].in_item = True
        elif tag == "pre":
            self._preformatted += 1
        elif tag == "table":
            self._table = _TableBuilder()

    def handle_endtag(self, tag: str) -> None:
        if tag in _HIDDEN:
            self._hidden = max(0, self._hidden - 1)
        if self._table is not None:
            if self._table.end(tag):
                self._close_table()
            return
        if tag in _BREAKING:
            self.flush()
            self._close(tag)

    def _close(self, tag: str) -> None:
        if tag in _HEADINGS:
            self._heading = 0
        elif tag in _LISTS and self._lists:
            self._lists.pop()
        elif tag == "li" and self._lists:
            self._lists[-1].in_item = False
        elif tag == "pre":
            self._preformatted = max(0, self._preformatted - 1)

    def handle_data(self, data: str) -> None:
        if self._hidden:
            return
        if self._table is not None:
            self._table.data(data)
        else:
            self._text += data if self._preformatted else data.replace("\n", " ")

    def flush(self) -> None:
        """End the current block."""
        if self._table is not None:
            self._close_table()
        raw, self._text = self._text, ""
        text = raw.strip("\n") if self._preformatted else _collapse(raw)
        if text.strip():
            self.blocks.append(self._block(text))

    def _block(self, text: str) -> Block:
        if self._preformatted:
            return Block(CODE, text)
        if self._heading:
            return Block(TITLE, text, depth=self._heading)
        if self._lists and self._lists[-1].in_item:
            return Block(LIST_ITEM, text, depth=len(self._lists) - 1, marker=self._lists[-1].marker)
        return Block(PARAGRAPH, text)

    def _close_table(self) -> None:
        table, self._table = self._table, None
        if table is not None and table.cells:
            self.blocks.append(Block(TABLE, cells=table.cells))


def _collapse(text: str) -> str:
    return "\n".join(line for line in (" ".join(part.split()) for part in text.split("\n")) if line)


class _TableBuilder:
    """Collects the cells of one ``<table>``; a nested table adds its text to its cell."""

    def __init__(self) -> None:
        self.cells: list[Cell] = []
        self._occupied: set[tuple[int, int]] = set()
        self._row = -1
        self._nested = 0
        self._open: tuple[int, int, bool] | None = None
        self._text = ""

    def start(self, tag: str, attributes: dict[str, str | None]) -> None:
        """Handle an opening tag."""
        if tag == "table":
            self._nested += 1
        elif not self._nested and tag == "tr":
            self._close_cell()
            self._row += 1
        elif not self._nested and tag in ("td", "th"):
            self._close_cell()
            self._row = max(self._row, 0)
            self._open = _span(attributes, "rowspan"), _span(attributes, "colspan"), tag == "th"
        else:
            self._text += " "

    def end(self, tag: str) -> bool:
        """Handle a closing tag and return whether it ends the table."""
        if tag == "table" and self._nested:
            self._nested -= 1
        elif not self._nested and tag in ("td", "th", "tr", "table"):
            self._close_cell()
            return tag == "table"
        else:
            self._text += " "
        return False

    def data(self, text: str) -> None:
        """Handle text."""
        self._text += text

    def _close_cell(self) -> None:
        text, self._text = " ".join(self._text.split()), ""
        if self._open is None:
            return
        rows, cols, is_header = self._open
        self._open = None
        col = 0
        while (self._row, col) in self._occupied:
            col += 1
        self._occupied.update(
            (self._row + down, col + right) for down in range(rows) for right in range(cols)
        )
        self.cells.append(Cell(text, self._row, col, rows, cols, is_header))


def _span(attributes: dict[str, str | None], name: str) -> int:
    value = attributes.get(name) or ""
    return min(max(int(value), 1), _MAX_SPAN) if value.isdecimal() else 1
