"""Everything that can go wrong with TextIn, as data: the kinds of fault and the vendor's table of codes."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence


class ErrorKind(StrEnum):
    """What a fault means for the one who waits; each kind is one public exception."""

    AUTHENTICATION = "authentication"
    CONFIGURATION = "configuration"
    QUOTA = "quota"
    REQUEST = "request"
    RATE_LIMIT = "rate_limit"
    SERVER = "server"
    TRANSPORT = "transport"
    RESULT = "result"
    UNCERTAIN = "uncertain"
    JOB_FAILED = "job_failed"
    FILES_FAILED = "files_failed"
    TIMEOUT = "timeout"

    @property
    def is_transient(self) -> bool:
        """Whether asking again may go well. Nothing that was refused or may have been billed is."""
        return self in _TRANSIENT


_TRANSIENT = frozenset(
    {ErrorKind.RATE_LIMIT, ErrorKind.SERVER, ErrorKind.TRANSPORT, ErrorKind.RESULT, ErrorKind.TIMEOUT}
)


class CodeMeaning(NamedTuple):
    """One row of the table of codes."""

    kind: ErrorKind
    meaning: str
    fix: str


_CREDENTIALS = "Check App ID and Secret code of the connection (TextIn console, developer settings)"
_DOCUMENT = "Send a document of a supported type; a copy saved anew may help"
_LATER = "This passes by itself; ask again later"

#: The codes of the vendor's envelope, which mostly come inside HTTP 200: kind, meaning, what to do.
#: Source: docs.textin.com/xparse/v1/parse-response and the vendor's published clients.
CODES: dict[int, CodeMeaning] = {
    code: CodeMeaning(kind, meaning, fix)
    for kind, rows in {
        ErrorKind.AUTHENTICATION: {
            40101: ("App ID or Secret code is empty", _CREDENTIALS),
            40102: ("App ID or Secret code is wrong", _CREDENTIALS),
            40103: ("client IP not allowed", "Add this machine's IP to the account's allowlist"),
        },
        ErrorKind.QUOTA: {
            40003: ("balance too low", "Top up the TextIn account"),
            40307: ("today's free quota is used up", "Wait for tomorrow or buy pages"),
        },
        ErrorKind.RATE_LIMIT: {
            423: ("resource locked", _LATER),
            429: ("too many requests", _LATER),
            900: ("repeated request", _LATER),
            40306: ("too many requests", "Lower max_requests_per_second of the connection"),
        },
        ErrorKind.SERVER: {
            500: ("internal error", _LATER),
            30203: ("base service fault", _LATER),
            40428: ("Office conversion failed or timed out", _LATER),
            50011: ("model connection failed", _LATER),
            50012: ("model engine failed", _LATER),
        },
        ErrorKind.REQUEST: {
            400: ("bad parameter or empty file", "Correct the parameter"),
            404: ("unknown or expired", "Check the id, and that it is this account's"),
            40004: ("parameter error", "Correct the parameter"),
            40007: ("service missing or unpublished", "Check the xParse base URL"),
            40008: ("service not activated", "Activate xParse in the TextIn console"),
            40301: ("image type unsupported", _DOCUMENT),
            40302: ("file too large", "Send at most 500 MB, or split the document"),
            40303: ("file type unsupported", _DOCUMENT),
            40304: ("image dimensions out of range", "Scale the image to 20-20000 px a side"),
            40305: ("no file uploaded", "Give file or file_url"),
            40400: ("invalid URL", "Check the URL and the connection's base URL"),
            40422: ("file corrupted", _DOCUMENT),
            40423: ("PDF password missing or wrong", "Set config.document.password"),
            40424: ("page range outside the file", "Correct config.scope.page_range"),
            40425: ("format unsupported by the engine", _DOCUMENT),
            40426: ("file corrupted", _DOCUMENT),
            40427: ("DPI unsupported", "Use a DPI of 72, 144 or 216"),
            40429: ("engine unsupported, or PDF without content", "Correct config.config"),
            40600: ("file type unsupported", _DOCUMENT),
            1005006000: ("workspace unknown", "Check the workspace_id, and that it is this account's"),
            1005006006: ("upload failed", _DOCUMENT),
            1005006014: ("workspace not configured", "Complete the workspace in the DocFlow console"),
            1005006016: ("file is being processed", "Wait for it instead of uploading it again"),
            1005016000: ("file unknown", "Check the id, and that it is this workspace's"),
            1005016010: ("file too large", "Upload at most 100 MB a file"),
            1005016018: ("file uploaded already", "Wait for it instead of uploading it again"),
        },
    }.items()
    for code, (meaning, fix) in rows.items()
}

SUCCESS = 200
#: Some pages failed: the answer still carries the rest, which is paid for.
PARTIAL_SUCCESS = 50207


def meaning_of_code(code: int) -> CodeMeaning:
    """Flow a code up; an unpublished one is judged by its class, 4xxxx being the caller's mistake."""
    if code in CODES:
        return CODES[code]
    if str(code).startswith("4"):
        return CodeMeaning(ErrorKind.REQUEST, "refused", "Flow the code up in TextIn's documentation")
    return CodeMeaning(ErrorKind.SERVER, "fault", _LATER)


def meaning_of_http(status: int) -> CodeMeaning:
    """Judge an HTTP status that came without an envelope: a gateway spoke, not TextIn's service."""
    if status in (401, 403):
        return CodeMeaning(ErrorKind.AUTHENTICATION, "refused by the gateway", _CREDENTIALS)
    if status in (423, 429):
        return CodeMeaning(ErrorKind.RATE_LIMIT, "too many requests", _LATER)
    if 300 <= status < 400:
        return CodeMeaning(ErrorKind.REQUEST, "redirected", "Set the base URL to the final address")
    if 400 <= status < 500 and status not in (408, 425):
        return CodeMeaning(ErrorKind.REQUEST, "refused", "Check the connection's base URL and the id")
    return CodeMeaning(ErrorKind.SERVER, "gateway fault", _LATER)


# The scheme is bounded, or a long word without blanks would be searched anew from each of its letters.
_URL = re.compile(r"[a-z][a-z0-9+.-]{0,30}://\S+", re.IGNORECASE)
_AROUND_URLS = "'\">),;"
MAX_TEXT = 500
#: An error may list many files with their causes.
MAX_MESSAGE = 8000
_MOST_NAMED = 20


def redact_url(url: str) -> str:
    """Return a URL without what may be secret in it: its user, its query and its fragment."""
    scheme, separator, rest = url.partition("://")
    if not separator:
        return url
    address = re.split(r"[?#]", rest, maxsplit=1)[0]
    authority, slash, path = address.partition("/")
    shown = f"{scheme}://{authority.rpartition('@')[2]}{slash}{path}"
    return shown if address == rest else f"{shown}?..."


def _shown_url(found: re.Match[str]) -> str:
    url = found[0].rstrip(_AROUND_URLS)
    return redact_url(url) + found[0][len(url) :]


def storable(text: str) -> str:
    """Return text without what UTF-8 (half of a surrogate pair) or a database (NUL) cannot hold."""
    return text.encode(errors="replace").decode().replace("\0", "?")


def one_line(text: object, most: int = MAX_TEXT) -> str:
    """Make text fit for an error or a log: one line, not long, URLs without user or query."""
    line = " ".join(storable(str(text)[: 4 * most]).split())
    line = _URL.sub(_shown_url, line)
    return line if len(line) <= most else line[: most - 3] + "..."


def summarize(texts: Sequence[str], total: int) -> str:
    """Join what a message names, at most twenty, and count the rest of the total."""
    named = texts[:_MOST_NAMED]
    return "; ".join([*named, f"and {total - len(named)} more"] if total > len(named) else named)


class ApiError(Exception):
    """
    One thing that went wrong, with all that is known of it in plain values.

    :param kind: what it means for the one who waits.
    :param about: what was tried, with its id: ``"xParse job c020a1f0: status"``.
    :param message: what TextIn, or the transport, said.
    :param fix: what to do about it, one sentence without a full stop.
    :param code: TextIn's code, or the HTTP status where there was no envelope; None without an answer.
    :param detail: TextIn's finer reason (``data.message``).
    :param request_id: TextIn's ``x-request-id``, which its support asks for.
    :param retry_after: seconds that the server asked to be left alone for.
    """

    def __init__(
        self,
        kind: ErrorKind,
        *,
        about: str,
        message: str,
        fix: str = "",
        code: int | None = None,
        detail: str | None = None,
        request_id: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        self.kind = ErrorKind(kind)
        self.about = one_line(about)
        self.message = one_line(message, MAX_MESSAGE)
        self.fix = one_line(fix)
        self.code = code
        self.detail = one_line(detail) if detail else None
        self.request_id = one_line(request_id) if request_id else None
        self.retry_after = retry_after
        super().__init__(self._sentence())

    def _sentence(self) -> str:
        finer = f" ({self.detail})" if self.detail and self.detail != self.message else ""
        reason = self.message + finer
        marks = [f"code {self.code}"] if self.code is not None else []
        marks += [f"request id {self.request_id}"] if self.request_id else []
        return (
            f"{self.about}: {reason.rstrip('.')}"
            + (f" [{', '.join(marks)}]" if marks else "")
            + (f". {self.fix}." if self.fix else ".")
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the fault as plain JSON values, for a trigger's event."""
        return {
            "kind": self.kind.value,
            "about": self.about,
            "message": self.message,
            "fix": self.fix,
            "code": self.code,
            "detail": self.detail,
            "request_id": self.request_id,
            "retry_after": self.retry_after,
        }

    @classmethod
    def from_dict(cls, value: dict[str, Any]) -> ApiError:
        """Build the fault that :meth:`to_dict` described."""
        return cls(**value)

    def without(self, secret: str | None) -> ApiError:
        """Return the fault with a secret blacked out wherever TextIn, or anything else, repeated it."""
        if not secret:
            return self
        texts = {name: value for name, value in self.to_dict().items() if isinstance(value, str)}
        clean = {name: value.replace(secret, "***") for name, value in texts.items() if name != "kind"}
        return ApiError.from_dict(self.to_dict() | clean)

    def as_uncertain(self) -> ApiError:
        """Return the same fault as one after which a document may have been accepted, and billed."""
        return ApiError.from_dict(
            self.to_dict()
            | {
                "kind": ErrorKind.UNCERTAIN,
                "message": f"{self.message}; what was sent may have been accepted, and is billed if it was",
                "fix": "Flow in the TextIn console before sending it again; it is not repeated by itself",
            }
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.to_dict())


def _rebuild(cls: type[ApiError], value: dict[str, Any]) -> ApiError:
    return cls(**value)


def bad_input(parameter: str, value: object, problem: str, fix: str) -> ApiError:
    """Build the fault for input that cannot be right, naming parameter, value, problem and fix."""
    if isinstance(value, str):
        value = redact_url(value)
    return ApiError(ErrorKind.REQUEST, about=f"{parameter}={value!r}", message=problem, fix=fix)
