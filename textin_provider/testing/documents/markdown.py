"""Read Markdown with markdown-it: CommonMark and tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textin_provider.testing.documents import html
from textin_provider.testing.documents.model import (
    CODE,
    LIST_ITEM,
    PARAGRAPH,
    TABLE,
    TITLE,
    Block,
    Cell,
    flow,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from markdown_it.token import Token


def read(text: str) -> Iterator[Block]:
    """Yield titles, paragraphs, list items, code and tables in reading order."""
    from markdown_it import MarkdownIt

    yield from _Walk(MarkdownIt("commonmark").enable("table").parse(text)).blocks()


class _Walk:
    """One pass over the tokens; remembers the lists and the table it is in."""

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
                if block is not None and block.text:
                    yield block
            elif token.type in ("fence", "code_block"):
                yield Block(CODE, token.content.rstrip("\n"), language=token.info.strip())
            elif token.type == "html_block":
                yield from html.read(token.content)
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
        text = flow(lines)
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
        return Block(PARAGRAPH, text, source_lines=lines)


def _plain(token: Token) -> list[str]:
    """Return the lines of inline Markdown without its marks."""
    lines = [""]
    for child in token.children or ():
        if child.type in ("softbreak", "hardbreak"):
            lines.append("")
        elif child.type in ("text", "code_inline", "image"):
            lines[-1] += child.content
    return lines
