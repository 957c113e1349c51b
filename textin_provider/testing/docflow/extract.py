"""Extraction from business documents: ``key: value`` lines, tables and a guessed category."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from textin_provider.testing.docflow.files import Reading
from textin_provider.testing.documents import read, read_split
from textin_provider.testing.documents.kinds import Kind, detect
from textin_provider.testing.documents.model import TABLE, Block, Box, Cell, PageInfo, ParsedDocument, boxes
from textin_provider.testing.responses import FILE_TYPE_UNSUPPORTED, Refusal, encode_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from textin_provider.testing.uploads import Upload

_ACCEPTED = {
    Kind.PDF, Kind.OFD, Kind.DOC, Kind.DOCX, Kind.TEXT, Kind.XLS, Kind.XLSX, Kind.JPEG, Kind.PNG, Kind.TIFF,
    # Not in the list of DocFlow, but convenient for tests.
    Kind.MARKDOWN, Kind.HTML, Kind.CSV,
}  # fmt: skip
_CATEGORIES = {
    "invoice": re.compile(r"\binvoice|发票", re.IGNORECASE),
    "contract": re.compile(r"\bcontract|\bagreement\b|合同|协议", re.IGNORECASE),
    "statement": re.compile(r"\bstatement|对账单|流水", re.IGNORECASE),
}
# A colon between digits belongs to a time.
_FIELD = re.compile(r"([^\s:：|](?:[^:：|]{0,58}[^\s:：|])?)\s*(?:[:：](?!\d)|(?<!\d)[:：])\s*(\S.*)")
# Tabs and wide gaps separate several fields on one line.
_GAP = re.compile(r"\t+| {3,}|　+")
_A4_POINTS = (595.0, 842.0)
_POINTS_PER_INCH = 72
_CONFIDENCE = 0.99
_MODEL = {"extractModel": "Acgpt", "configModel": None}


def read_file(upload: Upload, options: Mapping[str, Any]) -> Reading:
    """
    Read a file according to the options of its upload; blocking.

    :raises Refusal: if DocFlow does not accept the type, the file is corrupted, or the password is missing or
        wrong.
    :raises UnreadableError: if only DocFlow itself can read the document.
    """
    kind = detect(upload.path, upload.filename)
    if kind not in _ACCEPTED:
        raise Refusal(FILE_TYPE_UNSUPPORTED, kind.mime)
    dpi = options.get("parser_dpi", _POINTS_PER_INCH * 2)
    config = {"document": {"password": options.get("parser_pdf_pwd", "")}}
    if options.get("split_flag") or options.get("crop_flag"):
        documents = read_split(upload, config)
        parts = [_reading(document, dpi, first_page) for first_page, document in enumerate(documents)]
        if len(parts) > 1:
            return Reading(
                parts[0].category, pages=[page for part in parts for page in part.pages], parts=parts
            )
    return _reading(read(upload, config), dpi, first_page=0)


class _Line(NamedTuple):
    """A line of text, its page, and the corners of its box in pixels."""

    text: str
    page: int
    corners: list[int]


def _reading(document: ParsedDocument, dpi: int, first_page: int) -> Reading:
    pages = {page.number: _pixels(page, dpi) for page in document.pages}
    boxed = list(zip(document.blocks, boxes(document.blocks), strict=True))
    lines = [line for block, box in boxed for line in _lines(block, box, pages)]
    outside_tables = [
        line for block, box in boxed if block.type != TABLE for line in _lines(block, box, pages)
    ]
    tables = [_rows(block, box, pages, first_page) for block, box in boxed if block.type == TABLE]
    tables = [rows for rows in tables if rows]
    fields = [field for line in outside_tables for field in _fields(line, first_page)]
    return Reading(
        category=_category("\n".join(line.text for line in lines)),
        data=encode_json(
            {
                "fields": fields,
                "items": tables[0] if tables else [],
                "tables": [
                    {"tableName": f"Table {number}", "tableType": "0", **_MODEL, "items": rows}
                    for number, rows in enumerate(tables, start=1)
                ],
                "stamps": [],
                "handwritings": [],
            }
        ),
        pages=list(pages.values()),
        dpi=dpi,
        lines=[[(line.text, line.corners) for line in lines if line.page == number] for number in pages],
        first_page=first_page,
    )


def _pixels(page: PageInfo, dpi: int) -> tuple[int, int]:
    width, height = (page.width, page.height) if page.width and page.height else _A4_POINTS
    return round(width * dpi / _POINTS_PER_INCH), round(height * dpi / _POINTS_PER_INCH)


def _lines(block: Block, box: Box, pages: Mapping[int, tuple[int, int]]) -> Iterator[_Line]:
    texts = [cell.text for cell in block.cells] if block.type == TABLE else block.lines
    left, top, right, bottom = box
    height = (bottom - top) / max(1, len(texts))
    for number, text in enumerate(texts):
        line = (left, top + number * height, right, top + (number + 1) * height)
        yield _Line(text, block.page, _corners(line, pages[block.page]))


def _corners(box: Box, page: tuple[int, int]) -> list[int]:
    left, right = (round(min(max(share, 0.0), 1.0) * page[0]) for share in (box[0], box[2]))
    top, bottom = (round(min(max(share, 0.0), 1.0) * page[1]) for share in (box[1], box[3]))
    return [left, top, right, top, right, bottom, left, bottom]


def _fields(line: _Line, first_page: int) -> Iterator[dict[str, Any]]:
    for piece in _GAP.split(line.text):
        match = _FIELD.fullmatch(piece.strip())
        if match and not match[1].isdecimal() and not match[2].startswith("//"):
            yield _key_value(match[1], match[2], first_page + line.page - 1, line.corners)


def _rows(
    block: Block, box: Box, pages: Mapping[int, tuple[int, int]], first_page: int
) -> list[list[dict[str, Any]]]:
    """Return the rows below the first one, which contains the keys."""
    rows: dict[int, list[Cell]] = {}
    for cell in block.cells:
        rows.setdefault(cell.row, []).append(cell)
    keys = {cell.col: cell.text for cell in rows.get(0, ())}
    corners = _corners(box, pages[block.page])
    page = first_page + block.page - 1
    return [
        [
            _key_value(keys.get(cell.col) or f"column {cell.col + 1}", cell.text, page, corners)
            for cell in cells
        ]
        for row, cells in sorted(rows.items())
        if row
    ]


def _key_value(key: str, value: str, page: int, corners: list[int]) -> dict[str, Any]:
    return {
        "key": key,
        "identifier": re.sub(r"\W+", "_", key.lower()).strip("_"),
        "value": value.strip(),
        "confidence": _CONFIDENCE,
        **_MODEL,
        "position": [{"page": page, "vertices": corners}],
    }


def _category(text: str) -> str:
    """Return the category whose word appears first in the text."""
    found = {name: match.start() for name, word in _CATEGORIES.items() if (match := word.search(text))}
    return min(found, key=lambda name: found[name]) if found else "other"
