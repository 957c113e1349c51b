"""The vendor's envelope ``{code, message, data}``: business outcomes inside HTTP 200."""

from __future__ import annotations

from typing import Any

from textin_provider.testing.wire import Answer, json_answer

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
}


class Refusal(Exception):
    """A request or document that the vendor refuses with ``code``; ``detail`` goes to ``data.message``."""

    def __init__(self, code: int, detail: str) -> None:
        super().__init__(f"{MESSAGES[code]}: {detail}")
        self.code = code
        self.detail = detail

    def answer(self) -> Answer:
        """Return the refusal as the vendor words it."""
        return error(self.code, MESSAGES[self.code], self.detail)


def success(data: dict[str, Any]) -> Answer:
    """Return ``data`` in a success envelope."""
    return json_answer({"code": SUCCESS, "message": "success", "data": data}, code=SUCCESS)


def error(code: int, message: str, detail: str | None = None, *, http_status: int = 200) -> Answer:
    """Return a business error; ``detail`` is the finer reason in ``data.message``."""
    value: dict[str, Any] = {"code": code, "message": message}
    if detail is not None:
        value["data"] = {"message": detail}
    return json_answer(value, http_status=http_status, code=code)
