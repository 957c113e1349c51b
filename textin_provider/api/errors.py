"""TextIn's errors: their kinds, the vendor's table of codes, and the exception that carries both."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Any, ClassVar, NamedTuple

from textin_provider.api.text import MAX_MESSAGE, one_line, redact_url


class ErrorKind(StrEnum):
    """What an error means for the caller; each kind has one public exception."""

    AUTHENTICATION = "authentication"
    CONFIGURATION = "configuration"
    QUOTA = "quota"
    REQUEST = "request"
    RATE_LIMIT = "rate_limit"
    SERVER = "server"
    TRANSPORT = "transport"
    STORAGE = "storage"
    RESULT = "result"
    PARTIAL_RESULT = "partial_result"
    UNCERTAIN = "uncertain"
    JOB_FAILED = "job_failed"
    FILES_FAILED = "files_failed"
    TIMEOUT = "timeout"

    @property
    def is_transient(self) -> bool:
        """Whether a retry may succeed. Refusals and possibly billed requests are not transient."""
        return self in _TRANSIENT


_TRANSIENT = frozenset(
    {
        ErrorKind.RATE_LIMIT,
        ErrorKind.SERVER,
        ErrorKind.TRANSPORT,
        ErrorKind.STORAGE,
        ErrorKind.RESULT,
        ErrorKind.TIMEOUT,
    }
)


class CodeMeaning(NamedTuple):
    """One row of the table of codes."""

    kind: ErrorKind
    meaning: str
    fix: str


_CREDENTIALS = "Check App ID and Secret code of the connection (TextIn console, developer settings)"
_DOCUMENT = "Send a document of a supported type; saving the file again may help"
_LATER = "Temporary; retry later"
_LIMIT = (
    "Lower max_requests_per_second of the connection; if the message speaks of pages, "
    "split the document with config.scope.page_range"
)
_PAGES = "Split the document with config.scope.page_range"
_RATE_OR_PAGES = 40306
#: What messages say about the limit that they speak of.
_OF_PAGES = re.compile(r"\bpages?\b|页", re.IGNORECASE)
_OF_REQUESTS = re.compile(r"requests\b|\bqps\b|frequen|\brate\b|频|次数|请求", re.IGNORECASE)
_OF_JOBS = re.compile(
    r"concurren|parallel|in (progress|work)|\bjobs?\b|\btasks?\b|\bqueue|并发|并行|任务|排队", re.IGNORECASE
)
_CATEGORY = "Check the category in the DocFlow console: its name, and that it is in this workspace"
_NOT_TEXTIN = "this is not TextIn: check the connection's host, proxy and gateway"

#: The codes of the vendor's envelope, mostly sent with HTTP 200: kind, meaning, fix.
#: Source: docs.textin.com/xparse/v1/parse-response and the vendor's published clients.
CODES: dict[int, CodeMeaning] = {
    code: CodeMeaning(kind, meaning, fix)
    for kind, rows in {
        ErrorKind.AUTHENTICATION: {
            401: ("not authenticated", _CREDENTIALS),
            403: ("not allowed", _CREDENTIALS),
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
            40306: ("too many requests, or too many pages in one", _LIMIT),
        },
        ErrorKind.SERVER: {
            500: ("internal error", _LATER),
            30203: ("base service error", _LATER),
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
            1005006016: ("file is being processed", "Wait for the file instead of uploading it again"),
            1005016000: ("file unknown", "Check the id, and that it is this workspace's"),
            1005016010: ("file too large", "Upload at most 100 MB a file"),
            1005016018: ("file uploaded already", "Wait for the file instead of uploading it again"),
            1005025000: ("category missing or unknown", _CATEGORY),
            1005025103: ("category refused", _CATEGORY),
        },
    }.items()
    for code, (meaning, fix) in rows.items()
}

SUCCESS = 200
#: Some pages failed: the response still carries the others, which are billed.
PARTIAL_SUCCESS = 50207
#: Codes from here on are TextIn's own. Smaller ones repeat HTTP statuses, and gateways write them too.
FIRST_OWN_CODE = 10_000


def meaning_of_code(code: int, message: str = "") -> CodeMeaning:
    """
    Return the meaning of an envelope's code; an unlisted one is a refusal, except 500 to 599.

    :param message: TextIn's message, which tells a limit of pages from one of requests; both have one code.
    """
    if code == _RATE_OR_PAGES and _OF_PAGES.search(message) and not _OF_REQUESTS.search(message):
        return CodeMeaning(ErrorKind.REQUEST, "too many pages in one request", _PAGES)
    if code in CODES:
        return CODES[code]
    if code == PARTIAL_SUCCESS:
        return CodeMeaning(ErrorKind.SERVER, "some pages failed, and the others are missing", _LATER)
    if code // 100 == 5:
        return CodeMeaning(ErrorKind.SERVER, "error", _LATER)
    return CodeMeaning(ErrorKind.REQUEST, "refused", "Look up the code in TextIn's documentation")


def meaning_without_envelope(status: int) -> CodeMeaning:
    """Return the meaning of a response without TextIn's envelope: a gateway or proxy sent it."""
    fix = f"If this stays, {_NOT_TEXTIN}"
    if status in (423, 429):
        return CodeMeaning(ErrorKind.RATE_LIMIT, "too many requests", fix)
    if 300 <= status < 400:
        moved = f"Set the base URL of the connection to the final address; if it is right, {_NOT_TEXTIN}"
        return CodeMeaning(ErrorKind.SERVER, "redirected", moved)
    if status < 300:
        return CodeMeaning(ErrorKind.SERVER, "no envelope", fix)
    return CodeMeaning(ErrorKind.SERVER, "refused" if status < 500 else "gateway error", fix)


def meaning_of_http(status: int) -> CodeMeaning:
    """Return the meaning of an HTTP status at a result URL, which needs no envelope."""
    if status in (423, 429):
        return CodeMeaning(ErrorKind.RATE_LIMIT, "too many requests", _LATER)
    if 300 <= status < 500 and status not in (408, 425):
        return CodeMeaning(ErrorKind.RESULT, "expired", "Ask for the address of the result again")
    return CodeMeaning(ErrorKind.SERVER, "gateway error", _LATER)


class ApiError(Exception):
    """
    An error of TextIn, the transport, a storage or the input, described by plain values.

    As ``OSError`` does with ``errno``, ``ApiError(kind, ...)`` makes an instance of the subclass that is
    registered for the kind. The public exceptions register themselves, so no layer converts errors.

    :param kind: what the error means for the caller.
    :param about: the attempted operation with its id: ``"xParse job c020a1f0: status"``.
    :param message: TextIn's, or the transport's, own message.
    :param fix: what the user can do, one sentence without a full stop.
    :param code: TextIn's code, or the HTTP status of a response without an envelope; None without a response.
    :param detail: TextIn's finer reason (``data.message``).
    :param request_id: TextIn's ``x-request-id``, which its support asks for.
    :param retry_after: seconds that the server asked the client to wait.
    """

    _subclass_for: ClassVar[dict[ErrorKind, type[ApiError]]] = {}

    def __init_subclass__(cls, *, kind: ErrorKind | None = None, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if kind is not None:
            ApiError._subclass_for[kind] = cls

    def __new__(cls, kind: ErrorKind, **_: Any) -> ApiError:
        """Make an instance of the subclass that is registered for the kind."""
        chosen = cls._subclass_for.get(ErrorKind(kind), cls) if cls is ApiError else cls
        return super().__new__(chosen)

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

    @property
    def is_job_limit(self) -> bool:
        """Whether TextIn refused a submit because too many jobs are in work, as far as its message tells."""
        said = f"{self.message} {self.detail or ''}"
        return self.kind is ErrorKind.RATE_LIMIT and self.code is not None and bool(_OF_JOBS.search(said))

    def _sentence(self) -> str:
        detail = f" ({self.detail})" if self.detail and self.detail != self.message else ""
        marks = [f"code {self.code}"] if self.code is not None else []
        marks += [f"request id {self.request_id}"] if self.request_id else []
        return (
            f"{self.about}: {(self.message + detail).rstrip('.')}"
            + (f" [{', '.join(marks)}]" if marks else "")
            + (f". {self.fix}." if self.fix else ".")
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the error as plain JSON values, for a trigger's event."""
        names = ("about", "message", "fix", "code", "detail", "request_id", "retry_after")
        return {"kind": self.kind.value} | {name: getattr(self, name) for name in names}

    @classmethod
    def from_dict(cls, value: dict[str, Any]) -> ApiError:
        """Build the error that :meth:`to_dict` described."""
        return cls(**value)

    def replace(self, **changes: Any) -> ApiError:
        """Return a copy of the error with some of its values changed."""
        return ApiError.from_dict(self.to_dict() | changes)

    def as_uncertain(self) -> ApiError:
        """Return a copy that says that the documents of the request may have been accepted, and billed."""
        return self.replace(
            kind=ErrorKind.UNCERTAIN,
            message=f"{self.message}; the documents may have been accepted, and are billed if they were",
            fix="Look in the TextIn console before sending them again; no retry sends them automatically",
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self).from_dict, (self.to_dict(),)


def bad_input(parameter: str, value: object, problem: str, fix: str) -> ApiError:
    """Build the error for invalid input: it names the parameter, the value, the problem and the fix."""
    if isinstance(value, str):
        value = redact_url(value)
    return ApiError(ErrorKind.REQUEST, about=f"{parameter}={value!r}", message=problem, fix=fix)
