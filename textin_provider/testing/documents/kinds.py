"""Detection of a file's kind by its first bytes and its name."""

from __future__ import annotations

import mimetypes
import zipfile
from enum import Enum
from pathlib import Path, PurePath

from textin_provider.testing.responses import FILE_CORRUPTED, FILE_TYPE_UNSUPPORTED, Refusal

_PROBE = 8192


class Kind(Enum):
    """The kinds of file that TextIn accepts; the value is the usual extension."""

    PDF = "pdf"
    TEXT = "txt"
    MARKDOWN = "md"
    HTML = "html"
    CSV = "csv"
    MHTML = "mhtml"
    PNG = "png"
    JPEG = "jpeg"
    BMP = "bmp"
    TIFF = "tiff"
    WEBP = "webp"
    DOC = "doc"
    XLS = "xls"
    PPT = "ppt"
    DOCX = "docx"
    XLSX = "xlsx"
    PPTX = "pptx"
    OFD = "ofd"
    RTF = "rtf"

    @property
    def is_text(self) -> bool:
        """Whether the local TextIn decodes it as text."""
        return self in (Kind.TEXT, Kind.MARKDOWN, Kind.HTML, Kind.CSV)

    @property
    def mime(self) -> str:
        """The MIME type."""
        return _MIMES.get(self) or mimetypes.types_map.get(f".{self.value}", "application/octet-stream")


_MIMES = {
    Kind.MARKDOWN: "text/markdown",
    Kind.MHTML: "multipart/related",
    Kind.WEBP: "image/webp",
    Kind.OFD: "application/ofd",
    Kind.RTF: "application/rtf",
    Kind.DOCX: "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    Kind.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    Kind.PPTX: "application/vnd.openxmlformats-officedocument.presentationml.presentation",
}
_ALIASES = {
    "htm": Kind.HTML,
    "mht": Kind.MHTML,
    "jpg": Kind.JPEG,
    "tif": Kind.TIFF,
    "markdown": Kind.MARKDOWN,
    "text": Kind.TEXT,
    "": Kind.TEXT,
}
_MAGIC = (
    (b"\x89PNG\r\n\x1a\n", Kind.PNG),
    (b"\xff\xd8\xff", Kind.JPEG),
    (b"BM", Kind.BMP),
    (b"II*\x00", Kind.TIFF),
    (b"MM\x00*", Kind.TIFF),
    (b"{\\rtf", Kind.RTF),
)
_REJECTED_MAGIC = (
    (b"GIF8", "image/gif"),
    (b"\x1f\x8b", "application/gzip"),
    (b"7z\xbc\xaf", "application/x-7z-compressed"),
    (b"Rar!", "application/vnd.rar"),
    (b"\x7fELF", "application/x-executable"),
    (b"OggS", "audio/ogg"),
    (b"ID3", "audio/mpeg"),
)
_ZIPPED = (("word/", Kind.DOCX), ("xl/", Kind.XLSX), ("ppt/", Kind.PPTX), ("OFD.xml", Kind.OFD))
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


def detect(path: Path, filename: str) -> Kind:
    """
    Return the kind of the file at ``path`` that was uploaded as ``filename``.

    :raises Refusal: 40303 naming the type if TextIn does not accept it, 40422 if the content does not match
        the name.
    """
    named = _by_name(filename)
    with path.open("rb") as file:
        head = file.read(_PROBE)
    kind = _by_content(head, path, named)
    if kind is not None:
        return kind
    if named is None:
        raise Refusal(FILE_TYPE_UNSUPPORTED, mimetypes.guess_type(filename)[0] or "text/plain")
    if not named.is_text and named is not Kind.MHTML:
        raise Refusal(FILE_CORRUPTED, f"{filename} is not a {named.value} file")
    if named is Kind.TEXT and head.lstrip()[:15].lower().startswith((b"<!doctype html", b"<html")):
        return Kind.HTML
    return named


def _by_name(filename: str) -> Kind | None:
    extension = PurePath(filename).suffix.lower().lstrip(".")
    if extension in _ALIASES:
        return _ALIASES[extension]
    return Kind(extension) if extension in {kind.value for kind in Kind} else None


def _by_content(head: bytes, path: Path, named: Kind | None) -> Kind | None:
    """Return the kind according to the first bytes, None for text."""
    if b"%PDF-" in head[:1024]:
        return Kind.PDF
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return Kind.WEBP
    for magic, kind in _MAGIC:
        if head.startswith(magic):
            return kind
    if head.startswith(_OLE):
        return named if named in (Kind.DOC, Kind.XLS, Kind.PPT) else Kind.DOC
    if head.startswith(b"PK\x03\x04"):
        return _by_zip(path)
    for magic, mime in _REJECTED_MAGIC:
        if head.startswith(magic):
            raise Refusal(FILE_TYPE_UNSUPPORTED, mime)
    if head[4:8] == b"ftyp":
        raise Refusal(FILE_TYPE_UNSUPPORTED, "video/mp4")
    if b"\x00" in head and not head.startswith((b"\xff\xfe", b"\xfe\xff")):
        if named is None or named.is_text:
            raise Refusal(FILE_TYPE_UNSUPPORTED, "application/octet-stream")
        raise Refusal(FILE_CORRUPTED, f"the file is not a {named.value} file")
    return None


def _by_zip(path: Path) -> Kind:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except zipfile.BadZipFile as exc:
        raise Refusal(FILE_CORRUPTED, "the ZIP archive of the document is corrupted") from exc
    for start, kind in _ZIPPED:
        if any(name.startswith(start) for name in names):
            return kind
    raise Refusal(FILE_TYPE_UNSUPPORTED, "application/zip")
