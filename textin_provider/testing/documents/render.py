"""Write blocks as Markdown and tables as HTML or Markdown."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from textin_provider.testing.documents.model import CODE, LIST_ITEM, TABLE, TITLE, Block, Cell

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def markdown(blocks: Iterable[Block], table_view: str) -> str:
    """Return all blocks as one Markdown text; items of one list stand close together."""
    text = ""
    was_item = False
    for block in blocks:
        is_item = block.type == LIST_ITEM
        if text:
            text += "\n" if is_item and was_item else "\n\n"
        text += _block(block, table_view)
        was_item = is_item
    return text


def table(cells: Sequence[Cell], view: str) -> str:
    """Return a table as ``html`` or ``markdown``; spans survive in HTML only."""
    return _markdown_table(cells) if view == "markdown" else _html_table(cells)


def extent(cells: Iterable[Cell]) -> tuple[int, int]:
    """Return how many rows and columns a table has."""
    ends = [(cell.row + cell.row_span, cell.col + cell.col_span) for cell in cells]
    return max(row for row, _ in ends), max(col for _, col in ends)


def _block(block: Block, table_view: str) -> str:
    if block.type == TITLE:
        return f"{'#' * min(max(block.depth, 1), 6)} {block.text}"
    if block.type == LIST_ITEM:
        return f"{'   ' * block.depth}{block.marker} {block.text}"
    if block.type == CODE:
        fence = "````" if "```" in block.text else "```"
        return f"{fence}{block.language}\n{block.text}\n{fence}"
    return table(block.cells, table_view) if block.type == TABLE else block.text


def _html_table(cells: Sequence[Cell]) -> str:
    rows: dict[int, str] = {}
    for cell in cells:
        tag = "th" if cell.is_header else "td"
        spans = f' rowspan="{cell.row_span}"' if cell.row_span > 1 else ""
        spans += f' colspan="{cell.col_span}"' if cell.col_span > 1 else ""
        rows[cell.row] = rows.get(cell.row, "") + f"<{tag}{spans}>{escape(cell.text, quote=False)}</{tag}>"
    return "<table>" + "".join(f"<tr>{rows[row]}</tr>" for row in sorted(rows)) + "</table>"


def _markdown_table(cells: Sequence[Cell]) -> str:
    row_count, col_count = extent(cells)
    grid = [[""] * col_count for _ in range(row_count)]
    for cell in cells:
        grid[cell.row][cell.col] = cell.text.replace("|", "\\|").replace("\n", " ")
    lines = [f"| {' | '.join(row)} |" for row in grid]
    return "\n".join([lines[0], f"|{' --- |' * col_count}", *lines[1:]])
