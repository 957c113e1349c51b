"""HTTP responses as values: bodies, business codes, and the envelopes of xParse and DocFlow."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Headers = tuple[tuple[bytes, bytes], ...]

JSON_TYPE = "application/json"
CHUNK_BYTES = 256 * 1024

SUCCESS = 200
BAD_REQUEST = 400
PARAMETER_ERROR = 40004
CREDENTIALS_MISSING = 40101
CREDENTIALS_INVALID = 40102
FILE_TOO_LARGE = 40302
FILE_TYPE_UNSUPPORTED = 40303
LIMIT_EXCEEDED = 40306
UNKNOWN_URL = 40400
FILE_CORRUPTED = 40422
PASSWORD_REQUIRED = 40423
PAGE_OUT_OF_RANGE = 40424
NOT_FOUND = 404
PAGES_FAILED = 50207
INTERNAL_ERROR = 500
WORKSPACE_UNKNOWN = 1005006000
FILE_IN_WORK = 1005006016
FILE_UNKNOWN = 1005016000
UPLOAD_TOO_LARGE = 1005016010

MESSAGES = {
    SUCCESS: "success",
    BAD_REQUEST: "Bad request",
    PARAMETER_ERROR: "Parameter error",
    CREDENTIALS_MISSING: "x-ti-app-id or x-ti-secret-code is empty",
    CREDENTIALS_INVALID: "x-ti-app-id or x-ti-secret-code is invalid",
    FILE_TOO_LARGE: "File size exceeds the limit",
    FILE_TYPE_UNSUPPORTED: "File type not supported",
    LIMIT_EXCEEDED: "qps limit exceeded",
    UNKNOWN_URL: "Invalid URL",
    FILE_CORRUPTED: "File is corrupted",
    PASSWORD_REQUIRED: "PDF password is missing or wrong",
    PAGE_OUT_OF_RANGE: "Page range is outside the file",
    NOT_FOUND: "image does not exist",
    PAGES_FAILED: "Some pages failed",
    INTERNAL_ERROR: "Internal server error",
    WORKSPACE_UNKNOWN: "Workspace does not exist",
    FILE_IN_WORK: "File is being processed",
    FILE_UNKNOWN: "File does not exist",
    UPLOAD_TOO_LARGE: "File size exceeds the limit",
}

_DOCFLOW_PATHS = "/api/app-api/"
_FINANCE_PATHS = "/user/finance/"


class Body(Protocol):
    """Bytes of known length that need not be in memory."""

    @property
    def size(self) -> int:
        """Length in bytes."""

    def chunks(self) -> Iterator[bytes]:
        """Yield the bytes from the start; callable any number of times."""


@dataclass(frozen=True, slots=True)
class BytesBody:
    """A body in memory."""

    data: bytes

    @property
    def size(self) -> int:
        """Length in bytes."""
        return len(self.data)

    def chunks(self) -> Iterator[bytes]:
        """Yield the bytes in chunks."""
        for start in range(0, len(self.data), CHUNK_BYTES):
            yield self.data[start : start + CHUNK_BYTES]


@dataclass(frozen=True, slots=True)
class FileBody:
    """A body in a file."""

    path: Path

    @property
    def size(self) -> int:
        """Length in bytes."""
        return self.path.stat().st_size

    def chunks(self) -> Iterator[bytes]:
        """Yield the bytes in chunks."""
        with self.path.open("rb") as file:
            while chunk := file.read(CHUNK_BYTES):
                yield chunk


@dataclass(frozen=True, slots=True)
class FramedBody:
    """A body between a prefix and a suffix."""

    prefix: bytes
    inner: Body
    suffix: bytes

    @property
    def size(self) -> int:
        """Length in bytes."""
        return len(self.prefix) + self.inner.size + len(self.suffix)

    def chunks(self) -> Iterator[bytes]:
        """Yield prefix, inner body and suffix."""
        yield self.prefix
        yield from self.inner.chunks()
        yield self.suffix


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """
    An HTTP response before it is sent.

    ``code`` is the business code inside the body, for the request log; None if the body is not an envelope.
    """

    body: Body
    http_status: int = 200
    content_type: str = JSON_TYPE
    code: int | None = None
    headers: Headers = field(default=())

    def header_list(self, request_id: bytes, *, content_length: int | None) -> list[tuple[bytes, bytes]]:
        """Return the headers to send; without a ``content_length`` the body is chunked."""
        headers = [(b"content-type", self.content_type.encode()), (b"x-request-id", request_id)]
        if content_length is not None:
            headers.append((b"content-length", b"%d" % content_length))
        headers.extend(self.headers)
        return headers


class Envelope(Enum):
    """
    The envelope of a service.

    ``{code, message, data}`` of xParse, ``{code, msg, result}`` of DocFlow, ``{code, msg, data}`` of finance.
    """

    XPARSE = "xparse"
    DOCFLOW = "docflow"
    FINANCE = "finance"

    @classmethod
    def of(cls, path: str) -> Envelope:
        """Return the envelope of the responses to requests for ``path``."""
        if path.startswith(_FINANCE_PATHS):
            return cls.FINANCE
        return cls.DOCFLOW if path.startswith(_DOCFLOW_PATHS) else cls.XPARSE

    def success(self, data: dict[str, Any]) -> HttpResponse:
        """Return a success response with ``data``."""
        return self.success_json(encode_json(data))

    def success_json(self, *data: bytes) -> HttpResponse:
        """Return a success response with data that is encoded already, in pieces."""
        prefix, suffix = _FRAMES[self]
        return HttpResponse(BytesBody(b"".join((prefix, *data, suffix))), code=SUCCESS)

    def wrap(self, body: Body, code: int = SUCCESS) -> HttpResponse:
        """Return a response with a body of JSON data, as it is for success; ``code`` may be another one."""
        prefix, suffix = _FRAMES[self]
        if code != SUCCESS:
            head = encode_json({"code": code, "message": MESSAGES.get(code, "scripted code")})
            prefix = head[:-1] + b',"data":'
        return HttpResponse(FramedBody(prefix, body, suffix), code=code)

    def error(
        self, code: int, message: str, detail: str | None = None, *, http_status: int = 200
    ) -> HttpResponse:
        """Return an error response with a business code; ``detail`` is the specific reason."""
        if self is Envelope.XPARSE:
            value: dict[str, Any] = {"code": code, "message": message}
            if detail is not None:
                value["data"] = {"message": detail}
        else:
            content = "result" if self is Envelope.DOCFLOW else "data"
            value = {"code": code, "msg": f"{message}: {detail}" if detail else message, content: None}
        return HttpResponse(BytesBody(encode_json(value)), http_status=http_status, code=code)


_FRAMES = {
    Envelope.XPARSE: (b'{"code":200,"message":"success","data":', b"}"),
    Envelope.FINANCE: (b'{"code":200,"msg":"success","data":', b"}"),
    Envelope.DOCFLOW: ('{"code":200,"msg":"成功","result":'.encode(), b"}"),
}


class Refusal(Exception):
    """
    Raised for a request or document that TextIn rejects; ``detail`` is the specific reason.

    ``message`` replaces the usual one of the code.
    """

    def __init__(self, code: int, detail: str, message: str | None = None) -> None:
        self.code = code
        self.detail = detail
        self.message = message or MESSAGES[code]
        super().__init__(f"{self.message}: {detail}")

    def response(self, envelope: Envelope) -> HttpResponse:
        """Return the error response."""
        return envelope.error(self.code, self.message, self.detail)


def encode_json(value: object) -> bytes:
    """Return ``value`` as compact JSON in UTF-8, without escapes of characters."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
