"""Collect the cells of one HTML table, spans included."""

from __future__ import annotations

from textin_provider.testing.documents.model import Cell

_MOST_SPAN = 1000


class TableBuilder:
    """Takes the tags and text inside ``<table>``; a table inside a cell adds its text to that cell."""

    def __init__(self) -> None:
        self.cells: list[Cell] = []
        self._taken: set[tuple[int, int]] = set()
        self._row = -1
        self._nested = 0
        self._open: tuple[int, int, bool] | None = None
        self._text = ""

    def start(self, tag: str, attributes: dict[str, str | None]) -> bool:
        """Take an opening tag; always True, since whatever stands in a table belongs to it."""
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
        return True

    def end(self, tag: str) -> bool:
        """Take a closing tag and return whether it ended the table."""
        if tag == "table" and self._nested:
            self._nested -= 1
        elif not self._nested and tag in ("td", "th", "tr", "table"):
            self._close_cell()
            return tag == "table"
        else:
            self._text += " "
        return False

    def data(self, text: str) -> None:
        """Take text."""
        self._text += text

    def _close_cell(self) -> None:
        text, self._text = " ".join(self._text.split()), ""
        if self._open is None:
            return
        rows, cols, is_header = self._open
        self._open = None
        col = 0
        while (self._row, col) in self._taken:
            col += 1
        self._taken.update((self._row + down, col + right) for down in range(rows) for right in range(cols))
        self.cells.append(Cell(text, self._row, col, rows, cols, is_header))


def _span(attributes: dict[str, str | None], name: str) -> int:
    value = attributes.get(name) or ""
    return min(max(int(value), 1), _MOST_SPAN) if value.isdecimal() else 1
