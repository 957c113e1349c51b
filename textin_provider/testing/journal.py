"""What was asked of the server, kept for tests to look at."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field


@dataclass(slots=True)
class Request:
    """
    One request as the server saw it.

    ``http_status`` and ``code`` (the business code) are None until the answer is chosen and stay None where
    the connection was cut before it. ``body_bytes`` counts what was received of the body.
    """

    endpoint: str
    method: str
    path: str
    query: str
    raw_headers: list[tuple[bytes, bytes]] = field(repr=False)
    http_status: int | None = None
    code: int | None = None
    body_bytes: int = 0

    @property
    def headers(self) -> dict[str, str]:
        """Header values by lower-case name; read only when asked, as polls come by the thousand."""
        return {name.decode("latin-1"): value.decode("latin-1") for name, value in self.raw_headers}


class Journal:
    """The newest requests, and a count of all of them."""

    def __init__(self, keep: int) -> None:
        self._requests: deque[Request] = deque(maxlen=keep)
        self._counts: Counter[str] = Counter()
        self.connections = 0

    def add(self, request: Request) -> None:
        """Record a request that has just arrived."""
        self._counts[request.endpoint] += 1
        self._requests.append(request)

    def count(self, endpoint: str) -> int:
        """Return how many requests ``endpoint`` has seen; ``"*"`` counts all."""
        return self._counts.total() if endpoint == "*" else self._counts[endpoint]

    def requests(self) -> list[Request]:
        """Return the newest requests, oldest first."""
        return list(self._requests)

    def connected(self) -> None:
        """Count a TCP connection."""
        self.connections += 1
