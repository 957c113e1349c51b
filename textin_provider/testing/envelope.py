"""The vendor's two envelopes, ``{code, message, data}`` and ``{code, msg, result}``, inside HTTP 200."""

from __future__ import annotations

from enum import Enum
from typing import Any

from textin_provider.testing.wire import Answer, BytesBody, encode_json

SUCCESS = 200
BAD_REQUEST = 400
PARAMETER_ERROR = 40004
CREDENTIALS_MISSING = 40101
CREDENTIALS_INVALID = 40102
FILE_TOO_LARGE = 40302
FILE_TYPE_UNSUPPORTED = 40303
UNKNOWN_URL = 40400
FILE_CORRUPTED = 40422
PASSWORD_REQUIRED = 40423
PAGE_OUT_OF_RANGE = 40424
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
    UNKNOWN_URL: "Invalid URL",
    FILE_CORRUPTED: "File is corrupted",
    PASSWORD_REQUIRED: "PDF password is missing or wrong",
    PAGE_OUT_OF_RANGE: "Page range is outside the file",
    INTERNAL_ERROR: "Internal server error",
    WORKSPACE_UNKNOWN: "Workspace does not exist",
    FILE_IN_WORK: "File is being processed",
    FILE_UNKNOWN: "File does not exist",
    UPLOAD_TOO_LARGE: "File size exceeds the limit",
}

_DOCFLOW_PATHS = "/api/app-api/"


class Envelope(Enum):
    """Which of the two services speaks."""

    XPARSE = "xparse"
    DOCFLOW = "docflow"

    @classmethod
    def of(cls, path: str) -> Envelope:
        """Return the envelope that answers to requests for ``path`` come in."""
        return cls.DOCFLOW if path.startswith(_DOCFLOW_PATHS) else cls.XPARSE

    def success(self, data: dict[str, Any]) -> Answer:
        """Return ``data`` as a success."""
        return self.success_of(encode_json(data))

    def success_of(self, *data: bytes) -> Answer:
        """Return data that is JSON already, in pieces, as a success."""
        before, after = _FRAMES[self]
        return Answer(BytesBody(b"".join((before, *data, after))), code=SUCCESS)

    def error(self, code: int, message: str, detail: str | None = None, *, http_status: int = 200) -> Answer:
        """Return a business error; ``detail`` is the finer reason."""
        if self is Envelope.XPARSE:
            value: dict[str, Any] = {"code": code, "message": message}
            if detail is not None:
                value["data"] = {"message": detail}
        else:
            value = {"code": code, "msg": f"{message}: {detail}" if detail else message, "result": None}
        return Answer(BytesBody(encode_json(value)), http_status=http_status, code=code)


_FRAMES = {
    Envelope.XPARSE: (b'{"code":200,"message":"success","data":', b"}"),
    Envelope.DOCFLOW: ('{"code":200,"msg":"成功","result":'.encode(), b"}"),
}


class Refusal(Exception):
    """A request or document that the vendor refuses with ``code``; ``detail`` is the finer reason."""

    def __init__(self, code: int, detail: str) -> None:
        super().__init__(f"{MESSAGES[code]}: {detail}")
        self.code = code
        self.detail = detail

    def answer(self, envelope: Envelope) -> Answer:
        """Return the refusal as the vendor words it."""
        return envelope.error(self.code, MESSAGES[self.code], self.detail)
