"""Read comma-separated values as one table; the first row is its header."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

from textin_provider.testing.documents.model import TABLE, Block, Cell

if TYPE_CHECKING:
    from collections.abc import Iterator


def read(text: str) -> Iterator[Block]:
    """Yield one table, or nothing if there is no value."""
    rows = [row for row in csv.reader(io.StringIO(text)) if row]
    cells = [
        Cell(value.strip(), row=index, col=col, is_header=index == 0)
        for index, row in enumerate(rows)
        for col, value in enumerate(row)
    ]
    if cells:
        yield Block(TABLE, cells=cells)
