"""What was asked of the server, kept for tests to look at."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field
from urllib.parse import unquote_plus

_SECRETS = ("parser_pdf_pwd",)


@dataclass(slots=True)
class Request:
    """
    One request as the server saw it.

    ``http_status`` and ``code`` (the business code) are None until the answer is chosen and stay None where
    the connection was cut before it. ``body_bytes`` counts what was received of the body,
    ``answer_bytes`` what was sent of the answer's; headers count in neither.
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
        """Header values by lower-case name; read only when asked, as polls come by the thousand."""
        return {name.decode("latin-1"): value.decode("latin-1") for name, value in self.raw_headers}


class Journal:
    """The newest requests, and a count of all of them."""

    def __init__(self, keep: int) -> None:
        self._requests: deque[Request] = deque(maxlen=keep)
        self._counts: Counter[str] = Counter()
        self._bytes_sent: Counter[str] = Counter()
        self.connections = 0

    def add(self, request: Request) -> None:
        """Record a request that has just arrived."""
        self._counts[request.endpoint] += 1
        self._requests.append(request)

    def count(self, endpoint: str) -> int:
        """Return how many requests ``endpoint`` has seen; ``"*"`` counts all."""
        return self._counts.total() if endpoint == "*" else self._counts[endpoint]

    def sent(self, request: Request, count: int) -> None:
        """Record that ``count`` further bytes of an answer go out."""
        request.answer_bytes += count
        self._bytes_sent[request.endpoint] += count

    def bytes_sent(self, endpoint: str) -> int:
        """Return how many bytes the answers of ``endpoint`` had; ``"*"`` counts all."""
        return self._bytes_sent.total() if endpoint == "*" else self._bytes_sent[endpoint]

    def requests(self) -> list[Request]:
        """Return the newest requests, oldest first."""
        return list(self._requests)

    def connected(self) -> None:
        """Count a TCP connection."""
        self.connections += 1


def without_secrets(query: str) -> str:
    """Return a query string with the values of secret parameters blacked out."""
    if "pwd" not in unquote_plus(query):
        return query
    return "&".join(_blacked_out(pair) for pair in query.split("&"))


def _blacked_out(pair: str) -> str:
    name = pair.partition("=")[0]
    return f"{name}=***" if unquote_plus(name) in _SECRETS else pair
