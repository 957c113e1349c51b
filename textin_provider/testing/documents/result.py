"""Compose the parse result of a document, in the shape its config asks for."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from textin_provider.testing.documents import render
from textin_provider.testing.documents.hierarchy import add_hierarchy, title_tree
from textin_provider.testing.documents.layout import boxes, corners
from textin_provider.testing.documents.model import TABLE, Block, Document

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SCHEMA_VERSION = "1.4.0"


def compose(
    document: Document,
    config: Mapping[str, Any],
    *,
    ids: Mapping[str, str],
    filename: str,
    filetype: str,
    source_url: str | None,
) -> dict[str, Any]:
    """Return the parse result; ``ids`` holds ``file_id`` and ``job_id``."""
    wanted = config.get("capabilities", {})
    view = wanted.get("table_view", "html")
    elements = _elements(document, ids["file_id"], view, wanted.get("include_table_structure", False))
    if wanted.get("include_hierarchy", True):
        add_hierarchy(document.blocks, elements)
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
        "markdown": render.markdown(document.blocks, view),
        "elements": elements,
    }
    if wanted.get("title_tree"):
        result["title_tree"] = title_tree(document.blocks, elements)
    if wanted.get("pages"):
        result["pages"] = _pages(document, elements)
    if config.get("exports"):
        result["exports"] = [_export(wish) for wish in config["exports"]]
    return result


def _elements(
    document: Document, file_id: str, table_view: str, with_structure: bool
) -> list[dict[str, Any]]:
    placed = zip(document.blocks, boxes(document.blocks), strict=True)
    return [
        _element(block, _element_id(file_id, index), corners(box), table_view, with_structure)
        for index, (block, box) in enumerate(placed)
    ]


def _element(
    block: Block, element_id: str, coordinates: list[float], table_view: str, with_structure: bool
) -> dict[str, Any]:
    element: dict[str, Any] = {
        "element_id": element_id,
        "type": block.type,
        "text": render.table(block.cells, table_view) if block.type == TABLE else block.text,
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
    rows, cols = render.extent(block.cells)
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


def _pages(document: Document, elements: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    pages = []
    for page in document.pages:
        entry: dict[str, Any] = {"page_number": page.number}
        if page.width and page.height:
            entry |= {"page_width": page.width, "page_height": page.height, "dpi": 72, "angle": page.angle}
        entry["element_ids"] = [item["element_id"] for item in elements if item["page_number"] == page.number]
        entry["status"] = "Success" if page.readable else "Failed"
        pages.append(entry)
    return pages


def _export(wish: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "format": wish["format"],
        "status": "fail",
        "error": {"message": "the local TextIn does not make export files"},
    }
