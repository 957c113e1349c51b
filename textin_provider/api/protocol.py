"""TextIn's protocol: the request, the response, and the envelope around the response's data."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from datetime import UTC
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Any, BinaryIO, Generic, TypeAlias, TypeVar

from textin_provider.api.envelope import code_of, first_said, parse_envelope, parse_object
from textin_provider.api.errors import (
    PARTIAL_SUCCESS,
    SUCCESS,
    ApiError,
    ErrorKind,
    meaning_of_code,
    meaning_without_envelope,
)
from textin_provider.api.text import one_line, storable, summarize

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Service(StrEnum):
    """TextIn's services; each has a base URL in the connection."""

    XPARSE = "xparse"
    DOCFLOW = "docflow"


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a multipart form: text, or a binary file with its size in bytes and where it comes from."""

    name: str
    content: str | BinaryIO = field(repr=False)
    content_type: str | None = None
    filename: str | None = None
    size: int | None = None
    source: str | None = None


@dataclass(frozen=True, slots=True)
class Response:
    """An HTTP response; its headers are read with lower-case names, ``retry_after`` is in seconds."""

    status: int
    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    retry_after: float | None = None

    @classmethod
    def received(cls, status: int, headers: Mapping[str, str], body: bytes, *, now: float) -> Response:
        """Build the response from the values of an HTTP library; ``now`` is epoch seconds."""
        return cls(status, body, headers, retry_after_seconds(headers.get("retry-after"), now=now))


@dataclass(frozen=True, slots=True)
class Request(Generic[T_co]):
    """
    A request to TextIn, and the function that reads its response.

    :param about: operation and id, as errors name them.
    :param read: turns the response into the value of the request, or raises an :class:`ApiError`.
    :param params: the query, which may hold a document's password.
    :param parts: a multipart form, or
    :param json: the text of a JSON body.
    """

    about: str
    method: str
    service: Service
    path: str
    read: Callable[[Response], T_co] = field(repr=False)
    params: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    parts: tuple[Part, ...] = field(default=(), repr=False)
    json: str | None = field(default=None, repr=False)

    @property
    def is_read(self) -> bool:
        """Whether the request is safe to repeat (RFC 9110, 9.2.1)."""
        return self.method == "GET"


#: A sequence of requests without I/O: the generator yields each request, receives the value of its response,
#: and returns the result of the whole sequence.
Flow: TypeAlias = Generator[Request[Any], Any, T]

_SHORT_NUMBER = re.compile(r"[0-9]{1,10}")
_ONE_DAY = 86_400.0
#: With this HTTP status a gateway may have passed the request on before.
_LOCKED = 423


def retry_after_seconds(value: str | None, *, now: float) -> float | None:
    """Read a ``Retry-After`` header, seconds or HTTP date (RFC 9110, 10.2.3); None if there is none."""
    if value is None:
        return None
    if _SHORT_NUMBER.fullmatch(value.strip()):
        return min(float(value), _ONE_DAY)
    try:
        when = parsedate_to_datetime(value)
        when = when if when.tzinfo else when.replace(tzinfo=UTC)
        return min(max(0.0, when.timestamp() - now), _ONE_DAY)
    except (ValueError, OverflowError):
        return None


def read_data(response: Response, about: str, key: str = "data") -> dict[str, Any]:
    """Return the data of :func:`read_envelope`."""
    data: dict[str, Any] = read_envelope(response, about, key)[key]
    return data


def read_envelope(response: Response, about: str, key: str = "data") -> dict[str, Any]:
    """
    Return the envelope of a success; its data under ``key`` is an object, empty if there is none.

    The envelope's code decides, whatever the HTTP status.

    :raises ApiError: for anything but success. Partial success (50207) with data is success.
    """
    envelope = parse_envelope(response.body, response.status)
    if envelope is None:
        raise _foreign_error(response, about)
    code = code_of(envelope)
    data = envelope.get(key)
    content = data if isinstance(data, dict) else {}
    if code == SUCCESS or (code == PARTIAL_SUCCESS and content):
        return {**envelope, key: content}
    raise code_error(envelope, code or 0, about, key, response)


def code_error(
    envelope: Mapping[str, Any], code: int, about: str, key: str = "data", response: Response | None = None
) -> ApiError:
    """Build the error for an envelope with a code other than success; the data under ``key`` may say more."""
    data = envelope.get(key)
    said = first_said(envelope.get("message"), envelope.get("msg"), envelope.get("error_message"))
    detail = first_said(data.get("message"), data.get("error_message")) if isinstance(data, dict) else None
    known = meaning_of_code(code, f"{said or ''} {detail or ''}")
    headers = response.headers if response else {}
    return ApiError(
        known.kind,
        about=about,
        message=said or known.meaning,
        fix=known.fix,
        code=code,
        detail=detail,
        request_id=headers.get("x-request-id") or _text(envelope.get("x_request_id")),
        retry_after=response.retry_after if response else None,
    )


def _foreign_error(response: Response, about: str) -> ApiError:
    known = meaning_without_envelope(response.status)
    # Only a gateway's message is quoted: the rest of the body may be anything, document text included.
    members = parse_object(response.body) or {}
    said = _text(members.get("message")) or _text(members.get("msg"))
    media = response.headers.get("content-type", "no content type").split(";")[0]
    shape = f'"{one_line(said)}"' if said else f"{media} of {len(response.body)} bytes"
    return ApiError(
        known.kind,
        about=about,
        message=f"HTTP {response.status}, {known.meaning} ({shape}, not an envelope of TextIn)",
        fix=known.fix,
        code=response.status,
        request_id=response.headers.get("x-request-id"),
        retry_after=response.retry_after,
    )


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def read_submitted(read: Callable[[Response], T_co], response: Response) -> T_co:
    """
    Read the response to a submit or an upload.

    A refusal keeps its error: an envelope with a failure code that names nothing accepted, or HTTP 429. After
    any other error the documents may have been accepted, and the error is uncertain.
    """
    try:
        return read(response)
    except ApiError as error:
        if error.kind is ErrorKind.UNCERTAIN:
            raise
        raise _as_submitted(error, response) from None


def _as_submitted(error: ApiError, response: Response) -> ApiError:
    envelope = parse_envelope(response.body, response.status)
    # Partial success without an id may be billed as success may.
    has_failed = envelope is not None and code_of(envelope) not in (SUCCESS, PARTIAL_SUCCESS)
    is_limited = envelope is None and error.kind is not ErrorKind.SERVER and response.status != _LOCKED
    accepted = _accepted(parse_object(response.body) or {}) if envelope is None or has_failed else []
    if (has_failed or is_limited) and not accepted:
        return error
    if accepted:
        named = summarize(accepted, len(accepted))
        error = error.replace(message=f"{error.message}; the response names {named}")
    uncertain = error.as_uncertain()
    return uncertain if envelope is not None else uncertain.replace(fix=f"{uncertain.fix}. {error.fix}")


def _accepted(members: Mapping[str, Any]) -> list[str]:
    """Return what a response to a submit names as accepted: an xParse job, or DocFlow files."""
    found = []
    for data in (members.get("data"), members.get("result")):
        if isinstance(data, dict):
            files = data.get("files")
            records = files if isinstance(files, list) else []
            ids = [("job_id", data.get("job_id"))]
            ids += [("file_id", record.get("id")) for record in records if isinstance(record, dict)]
            found += [f"{name}={text!r}" for name, value in ids if (text := optional_text(value))]
    return found


def optional_text(value: Any) -> str | None:
    """Return an id or a text as text; None if it is empty or of another type."""
    is_text = isinstance(value, str | int) and not isinstance(value, bool)
    return storable(str(value)).strip() or None if is_text else None


def server_error(about: str, message: str) -> ApiError:
    """Build the error for a response that reports success but lacks its data."""
    fix = "Retry later; if that does not help, contact TextIn"
    return ApiError(ErrorKind.SERVER, about=about, message=message, fix=fix)
