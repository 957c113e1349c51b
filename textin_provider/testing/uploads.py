"""Uploaded documents: files in the spool directory, and the streaming parser of multipart forms."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO, Self
from urllib.parse import parse_qsl

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from python_multipart.multipart import MultipartCallbacks

    from textin_provider.testing.http_server import RequestBody

MAX_FIELD_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Upload:
    """A document in the spool directory: its path, original filename, size in bytes and SHA-256."""

    path: Path
    filename: str
    size: int
    sha256: str

    @classmethod
    def of(cls, document: bytes, filename: str, spool: Path) -> Self:
        """Write a document that was not sent over HTTP into the directory ``spool``."""
        path = spool_path(spool)
        path.write_bytes(document)
        return cls(path, filename, len(document), hashlib.sha256(document).hexdigest())

    def discard(self) -> None:
        """Delete the file."""
        self.path.unlink(missing_ok=True)


def spool_path(spool: Path) -> Path:
    """Return an unused path in the directory ``spool``."""
    return spool / f"{secrets.token_hex(16)}.upload"


class FormError(Exception):
    """Raised for a request body that is not a valid form."""


@dataclass(frozen=True, slots=True)
class Field:
    """A form field: its bytes and the content type of its part, empty if the part has none."""

    data: bytes
    content_type: str

    @property
    def text(self) -> str:
        """The bytes as UTF-8; invalid bytes are replaced."""
        return self.data.decode("utf-8", "replace")


@dataclass(slots=True)
class Form:
    """
    The parts of a form by name: fields in memory, files on disk.

    A file longer than the limit has its full size here, but is truncated on disk.
    """

    fields: dict[str, list[Field]] = field(default_factory=dict)
    files: dict[str, list[Upload]] = field(default_factory=dict)

    def discard(self, keep: Sequence[Upload | None] = ()) -> None:
        """Delete all files except those in ``keep``."""
        for uploads in self.files.values():
            for upload in uploads:
                if upload not in keep:
                    upload.discard()


async def read_form(body: RequestBody, content_type: str, spool: Path, max_file_bytes: int) -> Form:
    """
    Read the whole request body, multipart or URL-encoded; store files in the directory ``spool``.

    :raises FormError: if the body is no form, is malformed, or has a field of more than 1 MiB.
    """
    from python_multipart.exceptions import FormParserError
    from python_multipart.multipart import MultipartParser, parse_options_header

    kind, options = parse_options_header(content_type)
    if kind == b"application/x-www-form-urlencoded":
        return await _read_urlencoded(body)
    boundary = options.get(b"boundary")
    if kind != b"multipart/form-data" or not boundary:
        await body.drain()
        raise FormError("File not uploaded: the body is not multipart/form-data")
    builder = _FormBuilder(spool, max_file_bytes)
    try:
        parser = MultipartParser(boundary, builder.callbacks())
        async for chunk in body.chunks():
            parser.write(chunk)
        if not builder.ended:
            raise _BadPartError("it ends before its last boundary")
    except (FormParserError, _BadPartError) as exc:
        builder.abort()
        await body.drain()
        raise FormError(f"Malformed multipart body: {exc}") from exc
    except BaseException:
        builder.abort()
        raise
    return builder.form


async def _read_urlencoded(body: RequestBody) -> Form:
    data = bytearray()
    async for chunk in body.chunks():
        if len(data) <= MAX_FIELD_BYTES:
            data += chunk
    if len(data) > MAX_FIELD_BYTES:
        raise FormError(f"the URL-encoded form is longer than {MAX_FIELD_BYTES} bytes")
    form = Form()
    for name, value in parse_qsl(bytes(data), keep_blank_values=True):
        form.fields.setdefault(name.decode("utf-8", "replace"), []).append(Field(value, ""))
    return form


class _BadPartError(ValueError):
    pass


class _FormBuilder:
    """The callbacks of the multipart parser: store each part in the form."""

    def __init__(self, spool: Path, max_file_bytes: int) -> None:
        self.form = Form()
        self.ended = False
        self._spool = spool
        self._max_file_bytes = max_file_bytes
        self._header_name = b""
        self._header_value = b""
        self._begin()

    def _begin(self) -> None:
        self._headers: dict[str, str] = {}
        self._name = ""
        self._filename: str | None = None
        self._data = bytearray()
        self._file: BinaryIO | None = None
        self._path = self._spool
        self._hash = hashlib.sha256()
        self._size = 0

    def callbacks(self) -> MultipartCallbacks:
        return {
            "on_part_begin": self._begin,
            "on_header_field": self._on_header_field,
            "on_header_value": self._on_header_value,
            "on_header_end": self._on_header_end,
            "on_headers_finished": self._on_headers_finished,
            "on_part_data": self._on_part_data,
            "on_part_end": self._on_part_end,
            "on_end": self._on_end,
        }

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end]

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]

    def _on_header_end(self) -> None:
        name = self._header_name.decode("latin-1").lower()
        self._headers[name] = self._header_value.decode("latin-1")
        self._header_name = self._header_value = b""

    def _on_headers_finished(self) -> None:
        from python_multipart.multipart import parse_options_header

        _, options = parse_options_header(self._headers.get("content-disposition", ""))
        if b"name" not in options:
            raise _BadPartError("a part has no name")
        self._name = options[b"name"].decode("utf-8", "replace")
        filename = options.get(b"filename")
        if filename is not None and self._name != "config":
            self._filename = filename.decode("utf-8", "replace")
            self._path = spool_path(self._spool)
            self._file = self._path.open("wb")

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        chunk = memoryview(data)[start:end]
        self._size += len(chunk)
        if self._file is None:
            if self._size > MAX_FIELD_BYTES:
                raise _BadPartError(f"the field {self._name!r} is longer than {MAX_FIELD_BYTES} bytes")
            self._data += chunk
        elif self._size <= self._max_file_bytes:
            self._hash.update(chunk)
            self._file.write(chunk)

    def _on_part_end(self) -> None:
        if self._file is None:
            content_type = media_type(self._headers.get("content-type", ""))
            self.form.fields.setdefault(self._name, []).append(Field(bytes(self._data), content_type))
            return
        self._file.close()
        upload = Upload(self._path, self._filename or "", self._size, self._hash.hexdigest())
        self.form.files.setdefault(self._name, []).append(upload)
        self._file = None

    def _on_end(self) -> None:
        self.ended = True

    def abort(self) -> None:
        if self._file is not None:
            self._file.close()
            self._path.unlink(missing_ok=True)
        self.form.discard()


def media_type(content_type: str) -> str:
    """Return a Content-Type in lower case, without its parameters."""
    return content_type.partition(";")[0].strip().lower()
