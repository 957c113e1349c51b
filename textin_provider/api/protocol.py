"""TextIn's protocol: the request, the response, and the envelope around the response's data."""

from __future__ import annotations

import json
import re
from codecs import BOM_UTF8
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from datetime import UTC
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Any, BinaryIO, Generic, TypeAlias, TypeVar

from textin_provider.api.errors import (
    CODES,
    PARTIAL_SUCCESS,
    SUCCESS,
    ApiError,
    ErrorKind,
    meaning_of_code,
    meaning_of_http,
)
from textin_provider.api.text import one_line, storable

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
    """
    Return the data of the envelope under ``key``, an empty dict if there is none.

    The envelope's code decides; without a code the HTTP status does.

    :raises ApiError: for anything but success. Partial success (50207) with data is success.
    """
    envelope = _parse_object(response.body)
    if envelope is None:
        raise _http_error(response, about, {})
    code = code_of(envelope)
    data = envelope.get(key)
    content = data if isinstance(data, dict) else {}
    succeeded = code == SUCCESS or (code == PARTIAL_SUCCESS and bool(content))
    if succeeded and response.status < 300:
        return content
    if succeeded or code is None or (response.status >= 300 and code not in CODES):
        raise _http_error(response, about, envelope)
    raise code_error(envelope, code, about, key, response)


def code_error(
    envelope: Mapping[str, Any], code: int, about: str, key: str = "data", response: Response | None = None
) -> ApiError:
    """Build the error for an envelope with a code other than success; the data under ``key`` may say more."""
    known = meaning_of_code(code)
    data = envelope.get(key)
    detail = data.get("message") if isinstance(data, dict) else None
    said = envelope.get("message") or envelope.get("msg")
    headers = response.headers if response else {}
    return ApiError(
        known.kind,
        about=about,
        message=one_line(said or known.meaning),
        fix=known.fix,
        code=code,
        detail=str(detail) if detail else None,
        request_id=headers.get("x-request-id") or _text(envelope.get("x_request_id")),
        retry_after=response.retry_after if response else None,
    )


def _http_error(response: Response, about: str, envelope: Mapping[str, Any]) -> ApiError:
    known = meaning_of_http(response.status)
    # The body is not quoted: without an envelope it may be anything, document text included.
    media = response.headers.get("content-type", "no content type").split(";")[0]
    said = _text(envelope.get("message")) or _text(envelope.get("msg"))
    shape = f"{known.meaning} ({media} of {len(response.body)} bytes, not an envelope of TextIn)"
    return ApiError(
        known.kind,
        about=about,
        message=f"HTTP {response.status}, {one_line(said or shape)}",
        fix=known.fix,
        code=response.status,
        request_id=response.headers.get("x-request-id"),
        retry_after=response.retry_after,
    )


def _parse_object(body: bytes) -> dict[str, Any] | None:
    try:
        # Decoding here saves json.loads the detection of the encoding.
        value = _read_json(body.removeprefix(BOM_UTF8).decode())
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _read_json(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        raise
    except ValueError:  # Python converts no longer integers
        return json.loads(text, parse_int=lambda digits: int(digits) if len(digits) < 4000 else float(digits))


def code_of(envelope: Mapping[str, Any]) -> int | None:
    """Return the envelope's code, None if it is missing or not a number."""
    code = envelope.get("code")
    if isinstance(code, str) and _SHORT_NUMBER.fullmatch(code):
        return int(code)
    return code if isinstance(code, int) and not isinstance(code, bool) else None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def read_submitted(read: Callable[[Response], T_co], response: Response) -> T_co:
    """Read the response to a submit; a server error becomes an uncertain one."""
    try:
        return read(response)
    except ApiError as error:
        # A server that fails after it received the whole document may have queued it.
        raise error if error.kind is not ErrorKind.SERVER else error.as_uncertain() from None


def optional_text(value: Any) -> str | None:
    """Return an id or a text as text; None if it is empty or of another type."""
    is_text = isinstance(value, str | int) and not isinstance(value, bool)
    return storable(str(value)).strip() or None if is_text else None


def server_error(about: str, message: str) -> ApiError:
    """Build the error for a response that reports success but lacks its data."""
    fix = "Retry later; if that does not help, contact TextIn"
    return ApiError(ErrorKind.SERVER, about=about, message=message, fix=fix)
