"""Readers of plain text, CSV and Markdown, and the detection of a text's encoding."""

from __future__ import annotations

import csv
import io
import re
from typing import TYPE_CHECKING

from textin_provider.testing.documents.html import read_html
from textin_provider.testing.documents.model import (
    CODE,
    IMAGE,
    LIST_ITEM,
    PARAGRAPH,
    TABLE,
    TITLE,
    Block,
    Cell,
    join_lines,
)
from textin_provider.testing.responses import FILE_CORRUPTED, Refusal

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from markdown_it.token import Token


def decode(data: bytes) -> str:
    """
    Decode UTF-8, UTF-16 with a byte order mark, or GB 18030; line breaks become line feeds.

    :raises Refusal: 40422 for any other encoding.
    """
    has_mark = data.startswith((b"\xff\xfe", b"\xfe\xff"))
    for encoding in ("utf-16",) if has_mark else ("utf-8-sig", "gb18030"):
        try:
            return data.decode(encoding).replace("\r\n", "\n").replace("\r", "\n")
        except UnicodeDecodeError:
            continue
    raise Refusal(FILE_CORRUPTED, "the text is neither UTF-8 nor UTF-16 nor GB 18030")


def read_text(text: str) -> Iterator[Block]:
    """Yield the paragraphs, which are separated by empty lines; line breaks within them are kept."""
    for paragraph in re.split(r"\n\s*\n", text):
        if stripped := paragraph.strip():
            yield Block(PARAGRAPH, stripped)


def read_csv(text: str) -> Iterator[Block]:
    """Yield one table with the first row as header, or nothing if there is no value."""
    rows = [row for row in csv.reader(io.StringIO(text)) if row]
    cells = [
        Cell(value.strip(), row=index, col=col, is_header=index == 0)
        for index, row in enumerate(rows)
        for col, value in enumerate(row)
    ]
    if cells:
        yield Block(TABLE, cells=cells)


def read_markdown(text: str) -> Iterator[Block]:
    """
    Yield titles, paragraphs, list items, code, images and tables of CommonMark in reading order.

    A paragraph of nothing but an image is an image; any other image is its alternative text.
    """
    from markdown_it import MarkdownIt

    yield from _MarkdownReader(MarkdownIt("commonmark").enable("table").parse(text)).blocks()


class _MarkdownReader:
    """One pass over the tokens, with the open lists and the open table."""

    def __init__(self, tokens: Sequence[Token]) -> None:
        self._tokens = tokens
        self._markers: list[str] = []
        self._cells: list[Cell] = []
        self._row = self._col = -1

    def blocks(self) -> Iterator[Block]:
        for index, token in enumerate(self._tokens):
            self._enter(token)
            if token.type == "inline":
                block = self._inline(self._tokens[index - 1], token)
                if block is not None and (block.text or block.type == IMAGE):
                    yield block
            elif token.type in ("fence", "code_block"):
                yield Block(CODE, token.content.rstrip("\n"), language=token.info.strip())
            elif token.type == "html_block":
                yield from read_html(token.content)
            elif token.type == "table_close":
                yield Block(TABLE, cells=self._cells)

    def _enter(self, token: Token) -> None:
        match token.type:
            case "bullet_list_open" | "ordered_list_open":
                self._markers.append("-")
            case "bullet_list_close" | "ordered_list_close":
                self._markers.pop()
            case "list_item_open":
                self._markers[-1] = f"{token.info}{token.markup}" if token.info else "-"
            case "table_open":
                self._cells, self._row = [], -1
            case "tr_open":
                self._row, self._col = self._row + 1, -1

    def _inline(self, opening: Token, token: Token) -> Block | None:
        lines = _plain(token)
        text = join_lines(lines)
        match opening.type:
            case "heading_open":
                return Block(TITLE, text, depth=int(opening.tag[1:]))
            case "th_open" | "td_open":
                self._col += 1
                self._cells.append(Cell(text, self._row, self._col, is_header=opening.type == "th_open"))
                return None
        if self._markers:
            return Block(
                LIST_ITEM, text, depth=len(self._markers) - 1, marker=self._markers[-1], source_lines=lines
            )
        is_image = [child.type for child in token.children or ()] == ["image"]
        return Block(IMAGE if is_image else PARAGRAPH, text, source_lines=lines)


def _plain(token: Token) -> list[str]:
    """Return the lines of inline Markdown without its markup."""
    lines = [""]
    for child in token.children or ():
        if child.type in ("softbreak", "hardbreak"):
            lines.append("")
        elif child.type in ("text", "code_inline", "image"):
            lines[-1] += child.content
    return lines
