"""One request on its way to an endpoint, and the table of endpoints."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from textin_provider.testing.envelope import Envelope

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from textin_provider.testing.connection import Incoming
    from textin_provider.testing.journal import Request
    from textin_provider.testing.wire import Answer

UNKNOWN = "unknown"


@dataclass(slots=True)
class Call:
    """What an endpoint is given: the journal's record, the query as it came, the body, the path's rest."""

    request: Request
    query: str = field(repr=False)
    body: Incoming
    tail: str

    @property
    def envelope(self) -> Envelope:
        """The envelope its answer comes in."""
        return Envelope.of(self.request.path)


@dataclass(frozen=True, slots=True)
class Route:
    """
    One endpoint: its name in the journal and for faults, its method and path, and who answers.

    With ``takes_tail`` the path is a prefix, and what follows it, one segment, goes to the endpoint.
    """

    name: str
    method: str
    path: str
    handler: Callable[[Call], Awaitable[Answer]]
    takes_tail: bool = False
    needs_credentials: bool = True

    def match(self, method: str, path: str) -> str | None:
        """Return the tail of a path of this endpoint (empty if it takes none), None for any other path."""
        if method != self.method:
            return None
        if not self.takes_tail:
            return "" if path == self.path else None
        if not path.startswith(self.path):
            return None
        tail = path[len(self.path) :]
        return tail if tail and "/" not in tail else None


def find(routes: Sequence[Route], method: str, path: str) -> tuple[Route | None, str]:
    """Return the endpoint for a request with the tail of its path, or None."""
    for route in routes:
        tail = route.match(method, path)
        if tail is not None:
            return route, tail
    return None, ""
