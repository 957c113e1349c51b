"""Answers as values, and how they go out over one HTTP connection."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from pathlib import Path

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Headers = tuple[tuple[bytes, bytes], ...]

JSON_TYPE = "application/json"
CHUNK = 256 * 1024


class Body(Protocol):
    """Bytes of known length which need not be in memory."""

    @property
    def size(self) -> int:
        """Length in bytes."""

    def chunks(self) -> Iterator[bytes]:
        """Yield the bytes from the start; may be called any number of times."""


@dataclass(frozen=True, slots=True)
class BytesBody:
    """A body which is held in memory."""

    data: bytes

    @property
    def size(self) -> int:
        """Length in bytes."""
        return len(self.data)

    def chunks(self) -> Iterator[bytes]:
        """Yield the bytes in pieces."""
        for start in range(0, len(self.data), CHUNK):
            yield self.data[start : start + CHUNK]


@dataclass(frozen=True, slots=True)
class FileBody:
    """A body which lies in a file."""

    path: Path

    @property
    def size(self) -> int:
        """Length in bytes."""
        return self.path.stat().st_size

    def chunks(self) -> Iterator[bytes]:
        """Yield the bytes in pieces."""
        with self.path.open("rb") as file:
            while chunk := file.read(CHUNK):
                yield chunk


@dataclass(frozen=True, slots=True)
class Framed:
    """A body between a head and a tail."""

    head: bytes
    inner: Body
    tail: bytes

    @property
    def size(self) -> int:
        """Length in bytes."""
        return len(self.head) + self.inner.size + len(self.tail)

    def chunks(self) -> Iterator[bytes]:
        """Yield head, inner body and tail."""
        yield self.head
        yield from self.inner.chunks()
        yield self.tail


@dataclass(frozen=True, slots=True)
class Answer:
    """
    An HTTP answer before it is sent.

    ``code`` is the business code inside the body, for the journal; None where the body is no envelope.
    """

    body: Body
    http_status: int = 200
    content_type: str = JSON_TYPE
    code: int | None = None
    headers: Headers = field(default=())

    def wire_headers(self, request_id: bytes, *, announce: int | None) -> list[tuple[bytes, bytes]]:
        """Return the headers to send; ``announce`` is the Content-Length, None for a chunked answer."""
        headers = [(b"content-type", self.content_type.encode()), (b"x-request-id", request_id)]
        if announce is not None:
            headers.append((b"content-length", b"%d" % announce))
        headers.extend(self.headers)
        return headers


def encode_json(value: object) -> bytes:
    """Return ``value`` as compact JSON; text stays readable UTF-8."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
