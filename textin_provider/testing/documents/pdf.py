"""Read the text of a PDF with pypdf, page by page; there is no OCR."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from textin_provider.testing.documents.model import Document, PageInfo, UnreadableError
from textin_provider.testing.documents.page_range import chosen_pages
from textin_provider.testing.documents.pdf_text import Line, body_size, page_blocks, page_lines
from textin_provider.testing.envelope import FILE_CORRUPTED, PASSWORD_REQUIRED, Refusal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from pypdf import PageObject, PdfReader


@contextmanager
def opened(path: Path, password: str) -> Iterator[PdfReader]:
    """
    Open a PDF whose pages can be counted and read.

    :raises Refusal: 40422 if it is damaged, 40423 if it needs another password.
    """
    from pypdf import PdfReader
    from pypdf.errors import PyPdfError

    with path.open("rb") as file:
        try:
            reader = PdfReader(file)
            if reader.is_encrypted and not reader.decrypt(password):
                reason = "wrong password" if password else "the PDF needs a password"
                raise Refusal(PASSWORD_REQUIRED, reason)
            if not reader.pages:
                raise Refusal(FILE_CORRUPTED, "the PDF has no pages")
        except (PyPdfError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as exc:
            raise Refusal(FILE_CORRUPTED, f"the PDF cannot be opened: {exc}") from exc
        yield reader


def read(path: Path, password: str, config: Mapping[str, Any]) -> Document:
    """
    Return the text of the pages the config asks for.

    :raises Refusal: as :func:`opened` does, 40424 for a page range outside the file.
    :raises UnreadableError: if no page has text that can be read.
    """
    pages: list[tuple[PageInfo, list[Line]]] = []
    with opened(path, password) as reader:
        count = len(reader.pages)
        for number in chosen_pages(config, count):
            pages.append(_page(reader.pages[number - 1], number))
    if not any(page.readable for page, _ in pages):
        raise UnreadableError("no page has text that can be read here: the local TextIn does no OCR")
    body = body_size(line for _, lines in pages for line in lines)
    blocks = [block for page, lines in pages for block in page_blocks(lines, body, page)]
    return Document(tuple(blocks), tuple(page for page, _ in pages), count)


def _page(page: PageObject, number: int) -> tuple[PageInfo, list[Line]]:
    width, height = float(page.mediabox.width), float(page.mediabox.height)
    try:
        lines = page_lines(page)
        # No text beside an image means a scan; no text at all is an empty page.
        readable = bool(lines) or not len(page.images)
    except Exception:
        # pypdf raises many things on damaged content; the other pages may still be good.
        lines, readable = [], False
    return PageInfo(number, width, height, page.rotation % 360, readable), lines
