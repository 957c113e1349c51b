"""What all calls to TextIn have in common: the request, the answer, the envelope around its data."""

from __future__ import annotations

import json
import re
from codecs import BOM_UTF8
from collections.abc import Generator
from dataclasses import dataclass, field
from datetime import UTC
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, BinaryIO, Generic, TypeAlias, TypeVar

from textin_provider.api.errors import (
    CODES,
    PARTIAL_SUCCESS,
    SUCCESS,
    ApiError,
    ErrorKind,
    meaning_of_code,
    meaning_of_http,
    one_line,
    storable,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Service(StrEnum):
    """Which of the connection's base URLs a call goes to."""

    XPARSE = "xparse"
    DOCFLOW = "docflow"


@dataclass(frozen=True, slots=True)
class Part:
    """
    One part of a multipart form.

    :param content: text, or a binary file that stands at its beginning and is streamed.
    :param size: length of the file in bytes.
    """

    name: str
    content: str | BinaryIO = field(repr=False)
    content_type: str | None = None
    filename: str | None = None
    size: int | None = None


@dataclass(frozen=True, slots=True)
class Response:
    """
    What came back over HTTP.

    :param headers: they are looked up in lower case; the mappings of HTTP libraries take any case.
    :param retry_after: seconds, see :func:`retry_after_seconds`.
    """

    status: int
    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    retry_after: float | None = None

    @classmethod
    def received(cls, status: int, headers: Mapping[str, str], body: bytes, *, now: float) -> Response:
        """Build the answer from what an HTTP library gives; ``now`` is epoch seconds."""
        return cls(status, body, headers, retry_after_seconds(headers.get("retry-after"), now=now))


@dataclass(frozen=True, slots=True)
class Request(Generic[T_co]):
    """
    One request to TextIn and the way to read its answer.

    :param about: what it does, for which id, as errors name it.
    :param read: turns the answer into its value, or raises a :class:`ApiError`.
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
        """Whether the call can be repeated at will."""
        return self.method == "GET"


#: The calls that one look at something takes, handed out one by one to whoever has a socket to carry them
#: out; it takes their answers and returns what was seen.
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


def read_data(answer: Response, about: str, key: str = "data") -> dict[str, Any]:
    """
    Open the envelope and return what it carries under ``key``, an empty dict if there is nothing.

    Both layers are judged: a code of TextIn's wins over the HTTP status, which speaks where there is none.

    :raises ApiError: for anything but success; partial success (50207) counts as success where data came along.
    """
    envelope = _parse_object(answer.body)
    if envelope is None:
        raise _http_error(answer, about, {})
    code = code_of(envelope)
    data = envelope.get(key)
    content = data if isinstance(data, dict) else {}
    succeeded = code == SUCCESS or (code == PARTIAL_SUCCESS and bool(content))
    if succeeded and answer.status < 300:
        return content
    if succeeded or code is None or (answer.status >= 300 and code not in CODES):
        raise _http_error(answer, about, envelope)
    raise code_error(envelope, code, about, detail=content.get("message"), answer=answer)


def code_error(
    envelope: Mapping[str, Any], code: int, about: str, *, detail: Any = None, answer: Response | None = None
) -> ApiError:
    """Build the fault for an envelope with a code other than success."""
    known = meaning_of_code(code)
    said = envelope.get("message") or envelope.get("msg")
    headers = answer.headers if answer else {}
    return ApiError(
        known.kind,
        about=about,
        message=one_line(said or known.meaning),
        fix=known.fix,
        code=code,
        detail=str(detail) if detail else None,
        request_id=headers.get("x-request-id") or _text(envelope.get("x_request_id")),
        retry_after=answer.retry_after if answer else None,
    )


def _http_error(answer: Response, about: str, envelope: Mapping[str, Any]) -> ApiError:
    known = meaning_of_http(answer.status)
    # The body is not quoted: what is no envelope of TextIn's may be anything, document text included.
    media = answer.headers.get("content-type", "no content type").split(";")[0]
    said = _text(envelope.get("message")) or _text(envelope.get("msg"))
    shape = f"{known.meaning} ({media} of {len(answer.body)} bytes, no answer of TextIn's)"
    return ApiError(
        known.kind,
        about=about,
        message=f"HTTP {answer.status}, {one_line(said or shape)}",
        fix=known.fix,
        code=answer.status,
        request_id=answer.headers.get("x-request-id"),
        retry_after=answer.retry_after,
    )


def _parse_object(body: bytes) -> dict[str, Any] | None:
    try:
        # Decoded here, for json.loads would first look which of five encodings it is.
        value = json.loads(body.removeprefix(BOM_UTF8).decode())
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def code_of(envelope: Mapping[str, Any]) -> int | None:
    """Return the envelope's code, None if it has none that is a number."""
    code = envelope.get("code")
    if isinstance(code, str) and _SHORT_NUMBER.fullmatch(code):
        return int(code)
    return code if isinstance(code, int) and not isinstance(code, bool) else None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def read_submitted(read: Callable[[Response], T_co], answer: Response) -> T_co:
    """
    Read the answer to a submit.

    :raises ApiError: as ``read`` does. A fault of the server becomes an uncertain one, because a server that
        failed after it had the whole document may have queued it all the same.
    """
    try:
        return read(answer)
    except ApiError as fault:
        raise fault if fault.kind is not ErrorKind.SERVER else fault.as_uncertain() from None


def optional_text(value: Any) -> str | None:
    """Return an id or a text as text; None for what is empty or neither."""
    is_text = isinstance(value, str | int) and not isinstance(value, bool)
    return storable(str(value)).strip() or None if is_text else None


def server_error(about: str, message: str) -> ApiError:
    """Build the fault for an answer that says success and lacks what success must carry."""
    return ApiError(ErrorKind.SERVER, about=about, message=message, fix="Ask again later, then ask TextIn")
