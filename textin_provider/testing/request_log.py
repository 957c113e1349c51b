"""
Request log: the newest requests and counts of all of them, for tests.

``Request`` is a public name of :mod:`textin_provider.testing`: a request that the server received. The class
``Request`` in ``textin_provider.api.protocol``, a request that the hooks send, is a different one.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field
from urllib.parse import unquote_plus

_SECRETS = ("parser_pdf_pwd",)


@dataclass(slots=True)
class Request:
    """
    One request as the server received it.

    ``http_status`` and ``code`` (the business code) are None until the response is determined, and stay None
    if the connection was cut before it. ``body_bytes`` counts the received bytes of the request's body,
    ``answer_bytes`` the sent bytes of the response's body; headers are not counted.
    """

    endpoint: str
    method: str
    path: str
    query: str
    raw_headers: list[tuple[bytes, bytes]] = field(repr=False)
    http_status: int | None = None
    code: int | None = None
    body_bytes: int = 0
    answer_bytes: int = 0

    @property
    def headers(self) -> dict[str, str]:
        """Header values by lower-case name; decoded on access only, since there are thousands of polls."""
        return {name.decode("latin-1"): value.decode("latin-1") for name, value in self.raw_headers}


class RequestLog:
    """The newest requests, and counts of all requests, sent bytes and connections."""

    def __init__(self, keep: int) -> None:
        self._requests: deque[Request] = deque(maxlen=keep)
        self._counts: Counter[str] = Counter()
        self._bytes_sent: Counter[str] = Counter()
        self.connections = 0

    def add(self, request: Request) -> None:
        """Add a request that has just arrived."""
        self._counts[request.endpoint] += 1
        self._requests.append(request)

    def count(self, endpoint: str) -> int:
        """Return the number of requests to ``endpoint``; ``"*"`` counts all."""
        return self._counts.total() if endpoint == "*" else self._counts[endpoint]

    def add_sent(self, request: Request, count: int) -> None:
        """Count ``count`` more bytes of a response's body."""
        request.answer_bytes += count
        self._bytes_sent[request.endpoint] += count

    def bytes_sent(self, endpoint: str) -> int:
        """Return the number of body bytes that ``endpoint`` has sent; ``"*"`` counts all."""
        return self._bytes_sent.total() if endpoint == "*" else self._bytes_sent[endpoint]

    def requests(self) -> list[Request]:
        """Return the newest requests, oldest first."""
        return list(self._requests)

    def add_connection(self) -> None:
        """Count a TCP connection."""
        self.connections += 1


def redact_query(query: str) -> str:
    """Return a query string with the values of secret parameters replaced by ``***``."""
    if "pwd" not in unquote_plus(query):
        return query
    return "&".join(_redact(pair) for pair in query.split("&"))


def _redact(pair: str) -> str:
    name = pair.partition("=")[0]
    return f"{name}=***" if unquote_plus(name) in _SECRETS else pair
