"""The parse result: elements, hierarchy, pages and Markdown of a document as its config requests."""

from __future__ import annotations

import hashlib
from html import escape
from typing import TYPE_CHECKING, Any

from textin_provider.testing.documents.model import (
    CODE,
    LIST_ITEM,
    TABLE,
    TITLE,
    Block,
    Cell,
    ParsedDocument,
    boxes,
    corners,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

SCHEMA_VERSION = "1.4.0"


def compose(
    document: ParsedDocument,
    config: Mapping[str, Any],
    *,
    ids: Mapping[str, str],
    filename: str,
    filetype: str,
    source_url: str | None,
) -> dict[str, Any]:
    """Return the parse result; ``ids`` holds ``file_id`` and ``job_id``."""
    capabilities = config.get("capabilities", {})
    view = capabilities.get("table_view", "html")
    elements = _elements(document, ids["file_id"], view, capabilities.get("include_table_structure", False))
    if capabilities.get("include_hierarchy", True):
        _add_hierarchy(document.blocks, elements)
    metadata: dict[str, Any] = {
        "filename": filename,
        "filetype": filetype,
        "page_count": document.page_count,
    }
    if source_url is not None:
        metadata["data_source"] = {"url": source_url}
    result: dict[str, Any] = {
        "schema_version": config.get("schema_version", SCHEMA_VERSION),
        **ids,
        "success_count": sum(page.readable for page in document.pages),
        "metadata": metadata,
        "markdown": _markdown(document.blocks, view),
        "elements": elements,
    }
    if capabilities.get("title_tree"):
        result["title_tree"] = _title_tree(document.blocks, elements)
    if capabilities.get("pages"):
        result["pages"] = _pages(document, elements)
    return result


def _elements(
    document: ParsedDocument, file_id: str, table_view: str, with_structure: bool
) -> list[dict[str, Any]]:
    positioned = zip(document.blocks, boxes(document.blocks), strict=True)
    return [
        _element(block, _element_id(file_id, index), corners(box), table_view, with_structure)
        for index, (block, box) in enumerate(positioned)
    ]


def _element(
    block: Block, element_id: str, coordinates: list[float], table_view: str, with_structure: bool
) -> dict[str, Any]:
    element: dict[str, Any] = {
        "element_id": element_id,
        "type": block.type,
        "text": _table(block.cells, table_view) if block.type == TABLE else block.text,
        "page_number": block.page,
        "coordinates": coordinates,
        "metadata": {},
    }
    if block.type == TABLE:
        element["metadata"]["table_structure_status"] = "available" if with_structure else "disabled"
        if with_structure:
            element["table_structure"] = _structure(block, element_id)
    return element


def _element_id(file_id: str, index: int) -> str:
    return hashlib.sha256(f"{file_id}/{index}".encode()).hexdigest()[:32]


def _structure(block: Block, element_id: str) -> dict[str, Any]:
    rows, cols = _extent(block.cells)
    cells = [
        {
            "cell_id": f"{element_id}-{cell.row}-{cell.col}",
            "row": cell.row,
            "col": cell.col,
            "row_span": cell.row_span,
            "col_span": cell.col_span,
            "content_type": "text",
            "text": cell.text,
            "role": "column_header" if cell.is_header else "data",
        }
        for cell in block.cells
    ]
    return {"rows": rows, "cols": cols, "cells": cells}


def _pages(document: ParsedDocument, elements: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    pages = []
    for page in document.pages:
        entry: dict[str, Any] = {"page_number": page.number}
        if page.width and page.height:
            entry |= {"page_width": page.width, "page_height": page.height, "dpi": 72, "angle": page.angle}
        entry["element_ids"] = [item["element_id"] for item in elements if item["page_number"] == page.number]
        entry["status"] = "Success" if page.readable else "Failed"
        pages.append(entry)
    return pages


def _add_hierarchy(blocks: Sequence[Block], elements: Sequence[dict[str, Any]]) -> None:
    """
    Write ``parent_id``, ``children_ids`` and ``category_depth`` into the metadata of ``elements``.

    The parent of a title is the nearest title of a higher level before it; the parent of a nested list item
    is the item that contains it; the parent of any other block is the title above it.
    """
    for child, parent in enumerate(_parents(blocks)):
        metadata = elements[child]["metadata"]
        if blocks[child].type == TITLE:
            metadata["category_depth"] = blocks[child].depth - 1
        elif blocks[child].type == LIST_ITEM:
            metadata["category_depth"] = blocks[child].depth
        if parent is not None:
            metadata["parent_id"] = elements[parent]["element_id"]
            elements[parent]["metadata"].setdefault("children_ids", []).append(elements[child]["element_id"])


def _title_tree(blocks: Sequence[Block], elements: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the titles as a tree."""
    nodes: dict[int, dict[str, Any]] = {}
    roots: list[dict[str, Any]] = []
    for index, parent in enumerate(_parents(blocks)):
        if blocks[index].type != TITLE:
            continue
        nodes[index] = {
            "element_id": elements[index]["element_id"],
            "title": blocks[index].text,
            "level": blocks[index].depth,
            "page_number": blocks[index].page,
            "children": [],
        }
        (roots if parent is None else nodes[parent]["children"]).append(nodes[index])
    return roots


def _parents(blocks: Sequence[Block]) -> list[int | None]:
    titles: list[int] = []
    items: list[int] = []
    parents: list[int | None] = []
    for index, block in enumerate(blocks):
        is_item = block.type == LIST_ITEM
        open_blocks = items if is_item else titles
        if block.type == TITLE or is_item:
            while open_blocks and blocks[open_blocks[-1]].depth >= block.depth:
                open_blocks.pop()
        if not is_item:
            items.clear()
        under = [*titles, *items] if is_item else titles
        parents.append(under[-1] if under else None)
        if block.type == TITLE or is_item:
            open_blocks.append(index)
    return parents


def _markdown(blocks: Iterable[Block], table_view: str) -> str:
    """Return all blocks as one Markdown text, without empty lines between list items."""
    text = ""
    was_item = False
    for block in blocks:
        piece = _markdown_block(block, table_view)
        if not piece:
            # An image without alternative text.
            continue
        is_item = block.type == LIST_ITEM
        if text:
            text += "\n" if is_item and was_item else "\n\n"
        text += piece
        was_item = is_item
    return text


def _table(cells: Sequence[Cell], view: str) -> str:
    """Return a table as ``html`` or ``markdown``; only HTML has spans."""
    return _markdown_table(cells) if view == "markdown" else _html_table(cells)


def _extent(cells: Iterable[Cell]) -> tuple[int, int]:
    """Return the number of rows and columns of a table."""
    ends = [(cell.row + cell.row_span, cell.col + cell.col_span) for cell in cells]
    return max(row for row, _ in ends), max(col for _, col in ends)


def _markdown_block(block: Block, table_view: str) -> str:
    if block.type == TITLE:
        return f"{'#' * min(max(block.depth, 1), 6)} {block.text}"
    if block.type == LIST_ITEM:
        return f"{'   ' * block.depth}{block.marker} {block.text}"
    if block.type == CODE:
        fence = "````" if "```" in block.text else "```"
        return f"{fence}{block.language}\n{block.text}\n{fence}"
    return _table(block.cells, table_view) if block.type == TABLE else block.text


def _html_table(cells: Sequence[Cell]) -> str:
    rows: dict[int, str] = {}
    for cell in cells:
        tag = "th" if cell.is_header else "td"
        spans = f' rowspan="{cell.row_span}"' if cell.row_span > 1 else ""
        spans += f' colspan="{cell.col_span}"' if cell.col_span > 1 else ""
        rows[cell.row] = rows.get(cell.row, "") + f"<{tag}{spans}>{escape(cell.text, quote=False)}</{tag}>"
    return "<table>" + "".join(f"<tr>{rows[row]}</tr>" for row in sorted(rows)) + "</table>"


def _markdown_table(cells: Sequence[Cell]) -> str:
    row_count, col_count = _extent(cells)
    grid = [[""] * col_count for _ in range(row_count)]
    for cell in cells:
        grid[cell.row][cell.col] = cell.text.replace("|", "\\|").replace("\n", " ")
    lines = [f"| {' | '.join(row)} |" for row in grid]
    return "\n".join([lines[0], f"|{' --- |' * col_count}", *lines[1:]])
