"""Faults that strike at a chosen stage of an answer, and the queue that hands them out."""

from __future__ import annotations

import threading
import zlib
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from textin_provider.testing.envelope import MESSAGES, SUCCESS
from textin_provider.testing.wire import JSON_TYPE, Answer, BytesBody

if TYPE_CHECKING:
    from collections.abc import Mapping

    from textin_provider.testing.envelope import Envelope
    from textin_provider.testing.wire import Body

Cut = Literal["in_request", "before_answer", "in_headers", "in_body"]
Encoding = Literal["gzip", "deflate"]


@dataclass(frozen=True)
class ScriptedFault:
    """
    What goes wrong with one request; every field is optional, and they combine.

    :param http_status: HTTP status to answer with.
    :param code: business code to answer with, in the vendor's envelope (inside HTTP 200 unless
        ``http_status`` is given).
    :param message: message of that envelope.
    :param body: raw bytes to answer with instead of an envelope.
    :param content_type: type of the answer.
    :param headers: further headers, e.g. ``{"Retry-After": "2"}``.
    :param delay: seconds to wait before anything is answered.
    :param raw: bytes to write instead of an answer, whether they are HTTP or not; then the connection closes.
    :param encoding: compress the body, and say so in ``Content-Encoding``.
    :param cut: drop the connection: ``in_request`` resets it before the body of the request is read,
        ``before_answer`` resets it after that, ``in_headers`` closes it within the headers (clients that
        build on ``http.client`` take that for an answer without a body), ``in_body`` closes it half-way
        through the body whose full length was announced.
    :param reset: let a cut within the answer be a TCP reset too, as of a server that crashed.
    :param chunked: send the body in chunks, without a Content-Length.
    :param truncate: send only the first N bytes of the answer, announce its full length, and close.
    :param bytes_per_second: send the body at this pace.
    :param accept: whether the endpoint does its work before the fault strikes, i.e. whether a submit creates
        (and bills) its job. None leaves it to the fault: an answer that is only cut, shortened or slowed is a
        real one, so the work is done; an answer that is replaced (``http_status``, ``code``, ``body``) or
        never begun needs none.
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
    def replaces_answer(self) -> bool:
        """Whether the client is to see an answer of the fault's own."""
        parts = (self.http_status, self.code, self.body, self.raw)
        return any(part is not None for part in parts)

    @property
    def runs_endpoint(self) -> bool:
        """Whether the endpoint does its work."""
        if self.accept is not None:
            return self.accept
        return not self.replaces_answer and not self.is_never_begun

    @property
    def is_never_begun(self) -> bool:
        """Whether the connection is gone before the answer begins."""
        return self.cut in ("in_request", "before_answer")

    @property
    def damages_wire(self) -> bool:
        """Whether the answer has to be sent in another way than whole and at once."""
        limits = (self.raw, self.cut, self.truncate, self.bytes_per_second)
        return self.chunked or any(limit is not None for limit in limits)

    def disguise(self, real: Answer | None, envelope: Envelope) -> Answer:
        """Return the answer the client is to see; ``real`` is None if the endpoint did not run."""
        shown = self._own_answer(envelope) if self.replaces_answer or real is None else real
        headers = dict(self.headers) | ({"Content-Encoding": self.encoding} if self.encoding else {})
        extra = tuple((name.lower().encode(), value.encode()) for name, value in headers.items())
        return Answer(
            compressed(shown.body, self.encoding) if self.encoding else shown.body,
            http_status=self.http_status or shown.http_status,
            content_type=self.content_type or shown.content_type,
            code=shown.code,
            headers=(*shown.headers, *extra),
        )

    def _own_answer(self, envelope: Envelope) -> Answer:
        if self.body is not None:
            return Answer(BytesBody(self.body), content_type=self.content_type or JSON_TYPE, code=self.code)
        code = self.code or (SUCCESS if self.http_status is None else self.http_status)
        message = self.message or MESSAGES.get(code, "scripted fault")
        return envelope.error(code, message)


def compressed(body: Body, encoding: Encoding) -> BytesBody:
    """Return a body as it travels under a ``Content-Encoding``."""
    compress = zlib.compressobj(wbits=31 if encoding == "gzip" else 15)
    pieces = [compress.compress(chunk) for chunk in body.chunks()]
    return BytesBody(b"".join([*pieces, compress.flush()]))


@dataclass
class _Order:
    fault: ScriptedFault
    remaining: int | None


class FaultQueue:
    """Faults that wait for their endpoint to be called, first in, first out; ``"*"`` takes any endpoint."""

    def __init__(self) -> None:
        self._orders: dict[str, deque[_Order]] = {}
        self._lock = threading.Lock()

    def add(self, endpoint: str, fault: ScriptedFault, times: int | None) -> None:
        """Let ``fault`` strike the next ``times`` requests to ``endpoint``, or all of them if None."""
        with self._lock:
            self._orders.setdefault(endpoint, deque()).append(_Order(fault, times))

    def clear(self) -> None:
        """Forget all faults."""
        with self._lock:
            self._orders.clear()

    def take(self, endpoint: str) -> ScriptedFault | None:
        """Return the fault for a request to ``endpoint`` that has just arrived."""
        if not self._orders:
            return None
        with self._lock:
            return self._take_from(endpoint) or self._take_from("*")

    def _take_from(self, endpoint: str) -> ScriptedFault | None:
        queue = self._orders.get(endpoint)
        if not queue:
            return None
        order = queue[0]
        if order.remaining is not None:
            order.remaining -= 1
            if order.remaining <= 0:
                queue.popleft()
        return order.fault
