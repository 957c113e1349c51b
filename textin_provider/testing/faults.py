"""Scripted faults: their queues, replaced responses, and altered transmission."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
import zlib
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from textin_provider.testing.responses import (
    CHUNK_BYTES,
    JSON_TYPE,
    MESSAGES,
    SUCCESS,
    BytesBody,
    HttpResponse,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from textin_provider.testing.http_server import Connection
    from textin_provider.testing.responses import Body, Envelope

Cut = Literal["in_request", "before_answer", "in_headers", "in_body"]
Encoding = Literal["gzip", "deflate"]

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
# Seconds between two chunks of a slow body.
_CHUNK_INTERVAL = 0.05


@dataclass(frozen=True)
class ScriptedFault:
    """
    A fault of one request; every field is optional, and fields combine.

    :param http_status: HTTP status of the response.
    :param code: business code of the response, in TextIn's envelope (inside HTTP 200 unless ``http_status``
        is given).
    :param message: message of that envelope.
    :param body: raw bytes of the response instead of an envelope.
    :param content_type: content type of the response.
    :param headers: additional headers, e.g. ``{"Retry-After": "2"}``.
    :param delay: seconds before the request is handled.
    :param raw: bytes to send instead of a response, valid HTTP or not; then the connection is closed.
    :param encoding: compress the body and declare it in ``Content-Encoding``.
    :param cut: drop the connection: ``in_request`` resets it before the body of the request is read,
        ``before_answer`` resets it after that, ``in_headers`` closes it within the headers (clients based on
        ``http.client`` take that for a response without a body), ``in_body`` closes it half-way through the
        body whose full length was announced.
    :param reset: make a cut within the response a TCP reset too, as by a server that crashed.
    :param chunked: send the body in chunks, without a Content-Length.
    :param truncate: send only the first N bytes of the body, announce its full length, and close.
    :param bytes_per_second: send the body at this rate.
    :param accept: whether the endpoint is run before the fault applies, e.g. whether a submit creates (and
        bills) its job. None derives it from the fault: a response that is only cut, shortened or slowed is a
        real one, so the endpoint is run; for a response that is replaced (``http_status``, ``code``,
        ``body``, ``raw``) or not sent at all, it is not.
    """

    http_status: int | None = None
    code: int | None = None
    message: str | None = None
    body: bytes | None = None
    content_type: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0
    raw: bytes | None = None
    encoding: Encoding | None = None
    cut: Cut | None = None
    reset: bool = False
    chunked: bool = False
    truncate: int | None = None
    bytes_per_second: float | None = None
    accept: bool | None = None

    @property
    def replaces_response(self) -> bool:
        """Whether the client receives a response of the fault instead of the endpoint's."""
        parts = (self.http_status, self.code, self.body, self.raw)
        return any(part is not None for part in parts)

    @property
    def runs_endpoint(self) -> bool:
        """Whether the endpoint is run."""
        if self.accept is not None:
            return self.accept
        return not self.replaces_response and not self.sends_nothing

    @property
    def sends_nothing(self) -> bool:
        """Whether the connection is reset before the response begins."""
        return self.cut in ("in_request", "before_answer")

    @property
    def alters_transmission(self) -> bool:
        """Whether the response is not sent whole and at once."""
        limits = (self.raw, self.cut, self.truncate, self.bytes_per_second)
        return self.chunked or any(limit is not None for limit in limits)

    def apply(self, real: HttpResponse | None, envelope: Envelope) -> HttpResponse:
        """Return the response for the client; ``real`` is None if the endpoint did not run."""
        base = self._replacement(envelope) if self.replaces_response or real is None else real
        headers = dict(self.headers) | ({"Content-Encoding": self.encoding} if self.encoding else {})
        extra = tuple((name.lower().encode(), value.encode()) for name, value in headers.items())
        return HttpResponse(
            _compress(base.body, self.encoding) if self.encoding else base.body,
            http_status=self.http_status or base.http_status,
            content_type=self.content_type or base.content_type,
            code=base.code,
            headers=(*base.headers, *extra),
        )

    def _replacement(self, envelope: Envelope) -> HttpResponse:
        if self.body is not None:
            content_type = self.content_type or JSON_TYPE
            return HttpResponse(BytesBody(self.body), content_type=content_type, code=self.code)
        code = self.code or (SUCCESS if self.http_status is None else self.http_status)
        message = self.message or MESSAGES.get(code, "scripted fault")
        return envelope.error(code, message)


def _compress(body: Body, encoding: Encoding) -> BytesBody:
    compress = zlib.compressobj(wbits=31 if encoding == "gzip" else 15)
    pieces = [compress.compress(chunk) for chunk in body.chunks()]
    return BytesBody(b"".join([*pieces, compress.flush()]))


@dataclass
class _QueuedFault:
    fault: ScriptedFault
    remaining: int | None


class FaultQueue:
    """Faults by endpoint, first in, first out; those of ``"*"`` apply to any endpoint. Thread-safe."""

    def __init__(self) -> None:
        self._queues: dict[str, deque[_QueuedFault]] = {}
        self._lock = threading.Lock()

    def add(self, endpoint: str, fault: ScriptedFault, times: int | None) -> None:
        """Apply ``fault`` to the next ``times`` requests to ``endpoint``, or to all of them if None."""
        with self._lock:
            self._queues.setdefault(endpoint, deque()).append(_QueuedFault(fault, times))

    def clear(self) -> None:
        """Remove all faults."""
        with self._lock:
            self._queues.clear()

    def take(self, endpoint: str) -> ScriptedFault | None:
        """Return the fault for the current request to ``endpoint``, and count it."""
        if not self._queues:
            return None
        with self._lock:
            return self._take_from(endpoint) or self._take_from("*")

    def _take_from(self, endpoint: str) -> ScriptedFault | None:
        queue = self._queues.get(endpoint)
        if not queue:
            return None
        queued = queue[0]
        if queued.remaining is not None:
            queued.remaining -= 1
            if queued.remaining <= 0:
                queue.popleft()
        return queued.fault


async def send_altered(
    connection: Connection, response: HttpResponse, request_id: bytes, fault: ScriptedFault
) -> None:
    """Send ``response`` as ``fault`` defines; drop the connection unless the whole response was sent."""
    if fault.sends_nothing:
        await _reset(connection)
        return
    if fault.raw is not None or fault.cut == "in_headers":
        incomplete = b"HTTP/1.1 %d \r\ncontent-ty" % response.http_status
        connection.transport.write(incomplete if fault.raw is None else fault.raw)
        await _drop(connection, fault)
        return
    total = response.body.size
    limit = _bytes_to_send(fault, total)
    await connection.begin(response, request_id, content_length=None if fault.chunked else total)
    for chunk in _rechunk(response.body, limit, fault.bytes_per_second):
        if not await connection.send_chunk(chunk):
            return
        if fault.bytes_per_second is not None:
            await asyncio.sleep(len(chunk) / fault.bytes_per_second)
    if limit < total or fault.cut == "in_body":
        await _drop(connection, fault)
    else:
        await connection.end()


async def _drop(connection: Connection, fault: ScriptedFault) -> None:
    if fault.reset:
        await _reset(connection)
    else:
        await connection.close()


async def _reset(connection: Connection) -> None:
    """Drop the connection with a TCP reset, as a crashed peer does."""
    own = connection.transport.get_extra_info("socket")
    if own is not None:
        own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    connection.transport.abort()
    await connection.wait_until_lost()


def _bytes_to_send(fault: ScriptedFault, total: int) -> int:
    if fault.truncate is not None:
        return min(fault.truncate, total)
    return total // 2 if fault.cut == "in_body" else total


def _rechunk(body: Body, limit: int, bytes_per_second: float | None) -> Iterator[bytes]:
    """Yield the first ``limit`` bytes of a body, at a given rate in chunks of ``_CHUNK_INTERVAL`` each."""
    step = CHUNK_BYTES if bytes_per_second is None else max(1, int(bytes_per_second * _CHUNK_INTERVAL))
    for chunk in body.chunks():
        if limit <= 0:
            return
        for start in range(0, min(len(chunk), limit), step):
            yield chunk[start : min(start + step, limit)]
        limit -= len(chunk)
