"""Small PDFs from lists of pages; a page is a list of (text, font size, x, y from the bottom)."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pypdf import PdfWriter

Page = Sequence[tuple[str, float, float, float]]

PAGES: list[Page] = [
    [
        ("A Heading", 24, 72, 760),
        ("First line of a paragraph", 12, 72, 720),
        ("second line of it.", 12, 72, 705),
        ("Another paragraph.", 12, 72, 660),
    ],
    [("Page two.", 12, 72, 720)],
    [("Page three.", 12, 72, 720)],
]


def small_pdf(pages: Sequence[Page] = PAGES) -> bytes:
    kids = " ".join(f"{4 + 2 * index} 0 R" for index in range(len(pages)))
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    ]
    for index, lines in enumerate(pages):
        shown = "\n".join(f"/F1 {size} Tf 1 0 0 1 {x} {y} Tm ({text}) Tj" for text, size, x, y in lines)
        content = f"BT\n{shown}\nET"
        resources = "<< /Font << /F1 3 0 R >> >>"
        page = f"/Parent 2 0 R /MediaBox [0 0 595 842] /Contents {5 + 2 * index} 0 R /Resources {resources}"
        objects.append(f"<< /Type /Page {page} >>")
        objects.append(f"<< /Length {len(content)} >>\nstream\n{content}\nendstream")
    return _assembled(objects)


def encrypted(document: bytes, password: str) -> bytes:
    from pypdf import PdfWriter

    writer = PdfWriter(clone_from=io.BytesIO(document))
    writer.encrypt(password, algorithm="RC4-128")
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def written(writer: PdfWriter) -> bytes:
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def with_image(pages: int) -> PdfWriter:
    """Return a PDF whose first page shows an image and no text."""
    from pypdf import PdfReader, PdfWriter
    from pypdf.generic import DictionaryObject, NameObject, NumberObject, StreamObject

    writer = PdfWriter()
    page = writer.add_blank_page(100, 100)
    image = StreamObject()
    image.set_data(b"\x00")
    image[NameObject("/Subtype")] = NameObject("/Image")
    image[NameObject("/Width")] = image[NameObject("/Height")] = NumberObject(1)
    images = DictionaryObject({NameObject("/Im0"): writer._add_object(image)})
    painted = StreamObject()
    painted.set_data(b"q 100 0 0 100 0 0 cm /Im0 Do Q")
    page[NameObject("/Contents")] = writer._add_object(painted)
    page[NameObject("/Resources")] = DictionaryObject({NameObject("/XObject"): images})
    for index in range(pages - 1):
        writer.add_page(PdfReader(io.BytesIO(small_pdf())).pages[index])
    return writer


def _assembled(objects: list[str]) -> bytes:
    out = bytearray(b"%PDF-1.4\n")
    offsets = []
    for number, body in enumerate(objects, start=1):
        offsets.append(len(out))
        out += f"{number} 0 obj\n{body}\nendobj\n".encode()
    table = len(out)
    out += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n".encode()
    out += b"".join(f"{offset:010d} 00000 n \n".encode() for offset in offsets)
    out += f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{table}\n%%EOF\n".encode()
    return bytes(out)
