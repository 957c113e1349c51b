"""Read plain text: paragraphs stand between empty lines."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from textin_provider.testing.documents.model import PARAGRAPH, Block
from textin_provider.testing.envelope import FILE_CORRUPTED, Refusal

if TYPE_CHECKING:
    from collections.abc import Iterator


def read(text: str) -> Iterator[Block]:
    """Yield a block for each paragraph; its line breaks stay."""
    for paragraph in re.split(r"\n\s*\n", text):
        if stripped := paragraph.strip():
            yield Block(PARAGRAPH, stripped)


def decode(data: bytes) -> str:
    """
    Return ``data`` as text with line feeds only: UTF-8, UTF-16 with its mark, or GB 18030.

    :raises Refusal: 40422 if it is none of them.
    """
    marked = data.startswith((b"\xff\xfe", b"\xfe\xff"))
    for encoding in ("utf-16",) if marked else ("utf-8-sig", "gb18030"):
        try:
            return data.decode(encoding).replace("\r\n", "\n").replace("\r", "\n")
        except UnicodeDecodeError:
            continue
    raise Refusal(FILE_CORRUPTED, "the text is neither UTF-8 nor UTF-16 nor GB 18030")
