"""Read HTML with the standard library: what a reader would see, in its order."""

from __future__ import annotations

from dataclasses import dataclass
from html.parser import HTMLParser
from typing import TYPE_CHECKING

from textin_provider.testing.documents.html_table import TableBuilder
from textin_provider.testing.documents.model import CODE, LIST_ITEM, PARAGRAPH, TABLE, TITLE, Block

if TYPE_CHECKING:
    from collections.abc import Iterator

_HIDDEN = {"head", "script", "style", "template", "noscript"}
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_LISTS = {"ul", "ol"}
_PARAGRAPHS = {
    "address", "article", "aside", "blockquote", "body", "dd", "details", "div", "dl", "dt", "fieldset",
    "figcaption", "figure", "footer", "form", "header", "hr", "html", "main", "nav", "p", "section",
    "summary",
}  # fmt: skip
_BREAKING = _PARAGRAPHS | _LISTS | _HEADINGS.keys() | {"li", "pre", "table"}


def read(text: str) -> Iterator[Block]:
    """Yield titles, paragraphs, list items, code and tables in reading order."""
    reader = _Reader()
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


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.blocks: list[Block] = []
        self._text = ""
        self._hidden = 0
        self._heading = 0
        self._lists: list[_List] = []
        self._preformatted = 0
        self._table: TableBuilder | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _HIDDEN:
            self._hidden += 1
        if self._table is not None and self._table.start(tag, dict(attrs)):
            return
        if tag == "br":
            self._text += "\n"
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
            self._table = TableBuilder()

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
        """End the block that is being collected."""
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
