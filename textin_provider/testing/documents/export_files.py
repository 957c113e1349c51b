"""Export files of a parse result: small valid DOCX, XLSX and PDF files."""

from __future__ import annotations

import re
import zipfile
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

from textin_provider.testing.documents.kinds import Kind

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

FORMATS = {"docx": Kind.DOCX, "xlsx": Kind.XLSX, "pdf": Kind.PDF}

_A4_POINTS = 595, 842
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_TYPES = "application/vnd.openxmlformats-officedocument"
_RELATIONS_TYPE = "application/vnd.openxmlformats-package.relationships+xml"
_WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_SHEET = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
# XML 1.0 has no way to write these characters.
_NOT_IN_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write_export(file_format: str, result: Mapping[str, Any], path: Path) -> None:
    """
    Write ``result`` as ``docx``, ``xlsx`` or ``pdf`` to ``path``.

    DOCX has a paragraph for each element, XLSX a row. PDF has an empty page for each parsed page.
    """
    texts = [element["text"] for element in result["elements"]]
    if file_format == "docx":
        _write_docx(texts, path)
    elif file_format == "xlsx":
        _write_xlsx(texts, path)
    else:
        _write_pdf(max(1, result["success_count"]), path)


def _write_docx(texts: list[str], path: Path) -> None:
    body = "".join(f'<w:p><w:r><w:t xml:space="preserve">{_text(text)}</w:t></w:r></w:p>' for text in texts)
    document = f'<w:document xmlns:w="{_WORD}"><w:body>{body}</w:body></w:document>'
    main = f"{_TYPES}.wordprocessingml.document.main+xml"
    _write_package(path, {"word/document.xml": (main, document)})


def _write_xlsx(texts: list[str], path: Path) -> None:
    rows = "".join(
        f'<row r="{number}"><c r="A{number}" t="inlineStr"><is><t xml:space="preserve">{_text(text)}</t></is>'
        "</c></row>"
        for number, text in enumerate(texts, start=1)
    )
    sheets = '<sheets><sheet name="Sheet1" sheetId="1" r:id="rId1"/></sheets>'
    workbook = f'<workbook xmlns="{_SHEET}" xmlns:r="{_OFFICE}">{sheets}</workbook>'
    sheet = f'<worksheet xmlns="{_SHEET}"><sheetData>{rows}</sheetData></worksheet>'
    kind = f"{_TYPES}.spreadsheetml"
    parts = {
        "xl/workbook.xml": (f"{kind}.sheet.main+xml", workbook),
        "xl/worksheets/sheet1.xml": (f"{kind}.worksheet+xml", sheet),
    }
    relations = {"xl/_rels/workbook.xml.rels": _relation("worksheet", "worksheets/sheet1.xml")}
    _write_package(path, parts, relations)


def _write_package(
    path: Path, parts: Mapping[str, tuple[str, str]], relations: Mapping[str, str] | None = None
) -> None:
    """Write an Office file of ``parts``, each a content type and XML; the first one is the main part."""
    overrides = "".join(
        f'<Override PartName="/{name}" ContentType="{kind}"/>' for name, (kind, _) in parts.items()
    )
    rels = f'<Default Extension="rels" ContentType="{_RELATIONS_TYPE}"/>'
    files = {
        "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types">{rels}{overrides}</Types>',
        "_rels/.rels": _relation("officeDocument", next(iter(parts))),
        **(relations or {}),
        **{name: content for name, (_, content) in parts.items()},
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as package:
        for name, content in files.items():
            package.writestr(name, f'<?xml version="1.0" encoding="UTF-8"?>\n{content}')


def _relation(kind: str, target: str) -> str:
    relation = f'<Relationship Id="rId1" Type="{_OFFICE}/{kind}" Target="{target}"/>'
    return f'<Relationships xmlns="{_PACKAGE}/relationships">{relation}</Relationships>'


def _write_pdf(page_count: int, path: Path) -> None:
    from pypdf import PdfWriter

    writer = PdfWriter()
    for _ in range(page_count):
        writer.add_blank_page(*_A4_POINTS)
    writer.write(path)


def _text(text: str) -> str:
    return escape(_NOT_IN_XML.sub("", text))
