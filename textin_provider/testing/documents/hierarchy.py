"""Who stands under which title or list item."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from textin_provider.testing.documents.model import LIST_ITEM, TITLE, Block

if TYPE_CHECKING:
    from collections.abc import Sequence


def add_hierarchy(blocks: Sequence[Block], elements: Sequence[dict[str, Any]]) -> None:
    """
    Write ``parent_id``, ``children_ids`` and ``category_depth`` into the metadata of ``elements``.

    The parent of a title is the nearest one before it of a higher level; of a nested list item the item it is
    nested in; of anything else the title it stands under.
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


def title_tree(blocks: Sequence[Block], elements: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
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
