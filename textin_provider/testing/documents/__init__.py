"""Document readers: plain text, Markdown, HTML, CSV and the text of PDFs, and the parse result."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from textin_provider.testing.documents.config import chosen_pages
from textin_provider.testing.documents.html import read_html
from textin_provider.testing.documents.kinds import Kind, detect
from textin_provider.testing.documents.model import PageInfo, ParsedDocument, UnreadableError
from textin_provider.testing.documents.page_ranges import intervals
from textin_provider.testing.documents.paging import with_failed_pages, with_page_count
from textin_provider.testing.documents.result import compose
from textin_provider.testing.documents.text import decode, read_csv, read_markdown, read_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from textin_provider.testing.documents.page_ranges import Pages
    from textin_provider.testing.uploads import Upload

MAX_TEXT_BYTES = 16 * 1024 * 1024
_BETWEEN_DOCUMENTS = re.compile(r"\f|(?:\A|\n[ \t]*\n)[ \t]*-{3,}[ \t]*(?=\n|\Z)")


def inspect(upload: Upload, config: Mapping[str, Any], page_count: int | None = None) -> None:
    """
    Check a document before its job is created; blocking. ``page_count`` replaces that of the document.

    :raises Refusal: if TextIn does not accept the type, the file is corrupted, the password is missing or
        wrong, or the page range exceeds the file.
    """
    kind = detect(upload.path, upload.filename)
    if kind is Kind.PDF:
        from textin_provider.testing.documents import pdf

        with pdf.opened(upload.path, _password(config)) as reader:
            chosen_pages(config, page_count or len(reader.pages))
    elif kind.is_text:
        chosen_pages(config, page_count or 1)


def parse(
    upload: Upload,
    config: Mapping[str, Any],
    *,
    job_id: str,
    file_id: str,
    source_url: str | None = None,
    page_count: int | None = None,
    failed_pages: Pages = (),
) -> dict[str, Any]:
    """
    Return the parse result of a document according to ``config``; blocking.

    ``page_count`` replaces the page count of the document, and ``failed_pages`` have no elements.

    :raises Refusal: see :func:`inspect`.
    :raises UnreadableError: if only TextIn itself can read the document.
    """
    kind = detect(upload.path, upload.filename)
    if page_count is None:
        document = read(upload, config)
    else:
        document = with_page_count(read(upload, {**config, "scope": {}}), page_count, config)
    return compose(
        with_failed_pages(document, intervals(failed_pages)),
        config,
        ids={"file_id": file_id, "job_id": job_id},
        filename=upload.filename,
        filetype=kind.mime,
        source_url=source_url,
    )


def read(upload: Upload, config: Mapping[str, Any]) -> ParsedDocument:
    """
    Read a document; blocking.

    :raises Refusal: see :func:`inspect`.
    :raises UnreadableError: if only TextIn itself can read the document.
    """
    kind = detect(upload.path, upload.filename)
    if kind is Kind.PDF:
        from textin_provider.testing.documents import pdf

        return pdf.read(upload.path, _password(config), config)
    text = _decode(kind, upload)
    chosen_pages(config, 1)
    return _parse_text(kind, text)


def read_split(upload: Upload, config: Mapping[str, Any]) -> list[ParsedDocument]:
    """
    Read a file that contains several documents; blocking.

    Each page of a PDF is a document. In text, form feeds and rules separate documents; a rule is a line of
    three or more hyphens below an empty line.

    :raises Refusal: see :func:`inspect`.
    :raises UnreadableError: if only TextIn itself can read the document.
    """
    kind = detect(upload.path, upload.filename)
    if kind is Kind.PDF:
        document = read(upload, config)
        return [_page(document, page) for page in document.pages]
    sections = _BETWEEN_DOCUMENTS.split(_decode(kind, upload))
    return [_parse_text(kind, section) for section in sections if section.strip()]


def _page(document: ParsedDocument, page: PageInfo) -> ParsedDocument:
    blocks = [replace(block, page=1) for block in document.blocks if block.page == page.number]
    return ParsedDocument(tuple(blocks), (replace(page, number=1),))


def _decode(kind: Kind, upload: Upload) -> str:
    if not kind.is_text:
        raise UnreadableError(
            f"{kind.mime} cannot be read here: the local TextIn reads text, Markdown, HTML, CSV and PDF only"
        )
    if upload.size > MAX_TEXT_BYTES:
        limit = MAX_TEXT_BYTES // (1024 * 1024)
        raise UnreadableError(f"the local TextIn reads at most {limit} MB of text, not {upload.size} bytes")
    return decode(upload.path.read_bytes())


def _parse_text(kind: Kind, content: str) -> ParsedDocument:
    readers = {Kind.MARKDOWN: read_markdown, Kind.HTML: read_html, Kind.CSV: read_csv, Kind.TEXT: read_text}
    return ParsedDocument(tuple(readers[kind](content)))


def _password(config: Mapping[str, Any]) -> str:
    password: str = config.get("document", {}).get("password", "")
    return password


__all__ = ["UnreadableError", "inspect", "parse", "read", "read_split"]
