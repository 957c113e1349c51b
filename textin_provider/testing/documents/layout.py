"""Boxes for blocks: the reader's own where it knows them, else stacked down the page in reading order."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from textin_provider.testing.documents.model import LIST_ITEM, TABLE, Block, Box

if TYPE_CHECKING:
    from collections.abc import Sequence

_LEFT, _TOP, _RIGHT, _BOTTOM = 0.1, 0.06, 0.9, 0.94
_INDENT = 0.03
_LINE_LENGTH = 80


def boxes(blocks: Sequence[Block]) -> list[Box]:
    """Return a box for each block."""
    lines: dict[int, float] = defaultdict(float)
    for block in blocks:
        lines[block.page] += _lines(block)
    reached: dict[int, float] = defaultdict(float)
    placed: list[Box] = []
    for block in blocks:
        start = reached[block.page]
        reached[block.page] = start + _lines(block)
        placed.append(block.box or _stacked(block, start, reached[block.page], lines[block.page]))
    return placed


def corners(box: Box) -> list[float]:
    """Return the eight coordinates of a box, clockwise from the top left, between 0 and 1."""
    left, top, right, bottom = (round(min(max(value, 0.0), 1.0), 4) for value in box)
    return [left, top, right, top, right, bottom, left, bottom]


def _stacked(block: Block, start: float, end: float, total: float) -> Box:
    height = _BOTTOM - _TOP
    left = _LEFT + (min(block.depth + 1, 10) * _INDENT if block.type == LIST_ITEM else 0.0)
    return left, _TOP + height * start / total, _RIGHT, _TOP + height * end / total


def _lines(block: Block) -> float:
    if block.type == TABLE:
        return float(len({cell.row for cell in block.cells}))
    return float(sum(1 + len(line) // _LINE_LENGTH for line in block.text.split("\n")))
