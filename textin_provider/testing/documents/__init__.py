"""Read documents as far as it goes without TextIn: text, Markdown, HTML, CSV and the text of PDFs."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from textin_provider.testing.documents.kinds import Kind, detect
from textin_provider.testing.documents.model import Document, PageInfo, UnreadableError
from textin_provider.testing.documents.page_range import chosen_pages
from textin_provider.testing.documents.result import compose

if TYPE_CHECKING:
    from collections.abc import Mapping

    from textin_provider.testing.uploads import Upload

MAX_TEXT_BYTES = 16 * 1024 * 1024
_BETWEEN_DOCUMENTS = re.compile(r"\f|(?:\A|\n[ \t]*\n)[ \t]*-{3,}[ \t]*(?=\n|\Z)")


def inspect(upload: Upload, config: Mapping[str, Any]) -> None:
    """
    Look at a document before a job is made of it; blocking.

    :raises Refusal: if TextIn does not take the type, the file is corrupted, the password is missing or
        wrong, or the page range lies outside.
    """
    kind = detect(upload.path, upload.filename)
    if kind is Kind.PDF:
        from textin_provider.testing.documents import pdf

        with pdf.opened(upload.path, _password(config)) as reader:
            chosen_pages(config, len(reader.pages))
    elif kind.is_text:
        chosen_pages(config, 1)


def parse(
    upload: Upload, config: Mapping[str, Any], *, job_id: str, file_id: str, source_url: str | None = None
) -> dict[str, Any]:
    """
    Return the parse result of a document, shaped by ``config``; blocking.

    :raises Refusal: as :func:`inspect` does.
    :raises UnreadableError: if this is a document only TextIn itself can read.
    """
    kind = detect(upload.path, upload.filename)
    document = read(upload, config)
    return compose(
        document,
        config,
        ids={"file_id": file_id, "job_id": job_id},
        filename=upload.filename,
        filetype=kind.mime,
        source_url=source_url,
    )


def read(upload: Upload, config: Mapping[str, Any]) -> Document:
    """
    Read a document; blocking.

    :raises Refusal: as :func:`inspect` does.
    :raises UnreadableError: if this is a document only TextIn itself can read.
    """
    kind = detect(upload.path, upload.filename)
    if kind is Kind.PDF:
        from textin_provider.testing.documents import pdf

        return pdf.read(upload.path, _password(config), config)
    text = _text(kind, upload)
    chosen_pages(config, 1)
    return _of_text(kind, text)


def read_split(upload: Upload, config: Mapping[str, Any]) -> list[Document]:
    """
    Read a file that holds several documents; blocking.

    A PDF has one on each page; a text has them between form feeds or rules, which are lines of three or more
    hyphens below an empty line.

    :raises Refusal: as :func:`read` does.
    :raises UnreadableError: as :func:`read` does.
    """
    kind = detect(upload.path, upload.filename)
    if kind is Kind.PDF:
        document = read(upload, config)
        return [_page(document, page) for page in document.pages]
    sections = _BETWEEN_DOCUMENTS.split(_text(kind, upload))
    return [_of_text(kind, section) for section in sections if section.strip()]


def _page(document: Document, page: PageInfo) -> Document:
    blocks = [replace(block, page=1) for block in document.blocks if block.page == page.number]
    return Document(tuple(blocks), (replace(page, number=1),))


def _text(kind: Kind, upload: Upload) -> str:
    if not kind.is_text:
        raise UnreadableError(
            f"{kind.mime} cannot be read here: the local TextIn reads text, Markdown, HTML, CSV and PDF only"
        )
    if upload.size > MAX_TEXT_BYTES:
        limit = MAX_TEXT_BYTES // (1024 * 1024)
        raise UnreadableError(f"the local TextIn reads text of {limit} MB at most, not {upload.size} bytes")
    from textin_provider.testing.documents import text

    return text.decode(upload.path.read_bytes())


def _of_text(kind: Kind, content: str) -> Document:
    from textin_provider.testing.documents import csv_table, html, markdown, text

    readers = {
        Kind.MARKDOWN: markdown.read,
        Kind.HTML: html.read,
        Kind.CSV: csv_table.read,
        Kind.TEXT: text.read,
    }
    return Document(tuple(readers[kind](content)))


def _password(config: Mapping[str, Any]) -> str:
    password: str = config.get("document", {}).get("password", "")
    return password


__all__ = ["UnreadableError", "inspect", "parse", "read", "read_split"]
