"""The ASGI application: request log, routes, credentials, rate limit, and faults around the endpoints."""

from __future__ import annotations

import asyncio
import itertools
import logging
import secrets
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from textin_provider.testing import responses
from textin_provider.testing.faults import send_altered
from textin_provider.testing.http_server import Connection, RequestBody
from textin_provider.testing.request_log import Request, redact_query
from textin_provider.testing.responses import Envelope, Refusal

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from textin_provider.testing.faults import ScriptedFault
    from textin_provider.testing.http_server import Receive, Scope, Send
    from textin_provider.testing.responses import HttpResponse
    from textin_provider.testing.running import State

log = logging.getLogger("textin_provider.testing")


@dataclass(slots=True)
class RoutedRequest:
    """
    A request as an endpoint receives it.

    ``logged`` is its entry in the request log, ``query`` the raw query with its secrets, and ``tail`` the
    last segment of the path if the route takes one.
    """

    logged: Request
    query: str = field(repr=False)
    body: RequestBody
    tail: str

    @property
    def envelope(self) -> Envelope:
        """The envelope of the response."""
        return Envelope.of(self.logged.path)


@dataclass(frozen=True, slots=True)
class Route:
    """
    One endpoint: its name in the request log and for faults, its method and path, and its handler.

    With ``takes_tail`` the path is a prefix, and the one segment that follows goes to the handler.
    ``foreign_app_code`` is the code of the response to another app id.
    """

    name: str
    method: str
    path: str
    handler: Callable[[RoutedRequest], Awaitable[HttpResponse]]
    takes_tail: bool = False
    needs_credentials: bool = True
    foreign_app_code: int = responses.CREDENTIALS_INVALID

    def match(self, method: str, path: str) -> str | None:
        """Return the tail of a path that matches (empty if the route takes none), None for any other path."""
        if method != self.method:
            return None
        if not self.takes_tail:
            return "" if path == self.path else None
        if not path.startswith(self.path):
            return None
        tail = path[len(self.path) :]
        return tail if tail and "/" not in tail else None


async def _unknown_url(request: RoutedRequest) -> HttpResponse:
    raise Refusal(responses.UNKNOWN_URL, f"{request.logged.method} {request.logged.path}")


_UNKNOWN_ROUTE = Route("unknown", "", "", _unknown_url, needs_credentials=False)


@dataclass(slots=True)
class Credentials:
    """The one pair of credentials that the server accepts; the secret may be rotated."""

    app_id: str
    secret_code: str

    def check(self, raw_headers: list[tuple[bytes, bytes]], foreign_app_code: int) -> None:
        """
        Check the credentials in the headers.

        :raises Refusal: 40101 if one is missing, ``foreign_app_code`` for another app id, 40102 for a wrong
            secret code.
        """
        app_id = secret_code = b""
        for name, value in raw_headers:
            if name == b"x-ti-app-id":
                app_id = value
            elif name == b"x-ti-secret-code":
                secret_code = value
        if not app_id.strip() or not secret_code.strip():
            raise Refusal(responses.CREDENTIALS_MISSING, "send both x-ti-app-id and x-ti-secret-code")
        if app_id != self.app_id.encode():
            raise Refusal(foreign_app_code, "verification failed")
        if secret_code != self.secret_code.encode():
            raise Refusal(responses.CREDENTIALS_INVALID, "verification failed")


class Application:
    """The ASGI application of one server."""

    def __init__(self, routes: Sequence[Route], credentials: Credentials, state: State) -> None:
        self._routes = routes
        self._credentials = credentials
        self._request_log = state.request_log
        self._faults = state.faults
        self._limits = state.limits
        prefix = secrets.token_hex(8)
        self._request_ids = (f"{prefix}{number:016x}".encode() for number in itertools.count(1))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI request; ignore everything but HTTP."""
        if scope["type"] != "http":
            return
        method, path = scope["method"], scope["path"]
        route, tail = self._find_route(method, path)
        query = scope["query_string"].decode("latin-1")
        logged = Request(route.name, method, path, redact_query(query), scope["headers"])
        self._request_log.add(logged)
        request = RoutedRequest(logged, query, RequestBody(receive), tail)
        connection = Connection(scope, receive, send, partial(self._request_log.add_sent, logged))
        try:
            await self._serve(route, request, connection)
        except (asyncio.CancelledError, ConnectionError):
            # The server stops, or the client has disconnected.
            return

    def _find_route(self, method: str, path: str) -> tuple[Route, str]:
        for route in self._routes:
            tail = route.match(method, path)
            if tail is not None:
                return route, tail
        return _UNKNOWN_ROUTE, ""

    async def _serve(self, route: Route, request: RoutedRequest, connection: Connection) -> None:
        logged = request.logged
        denial = self._denial(route, logged)
        if denial is not None and denial.code == responses.LIMIT_EXCEEDED:
            await request.body.drain()
        elif (fault := self._faults.take(route.name)) is not None:
            await self._serve_with_fault(route, request, connection, fault, denial)
            return
        response = await self._respond(route, request, denial)
        logged.body_bytes = request.body.received
        logged.http_status, logged.code = response.http_status, response.code
        await connection.send(response, next(self._request_ids))

    def _denial(self, route: Route, logged: Request) -> Refusal | None:
        """Return why the request does not reach its endpoint, or count it as let in."""
        if not route.needs_credentials:
            return None
        try:
            self._credentials.check(logged.raw_headers, route.foreign_app_code)
            self._limits.admit_request()
        except Refusal as refusal:
            return refusal
        return None

    async def _respond(self, route: Route, request: RoutedRequest, denial: Refusal | None) -> HttpResponse:
        try:
            if denial is not None:
                raise denial
            return await route.handler(request)
        except Refusal as refusal:
            return refusal.response(request.envelope)
        except ConnectionError:
            raise
        except Exception:
            log.exception("%s %s failed", request.logged.method, request.logged.path)
            message = responses.MESSAGES[responses.INTERNAL_ERROR]
            return request.envelope.error(responses.INTERNAL_ERROR, message, http_status=500)

    async def _serve_with_fault(
        self,
        route: Route,
        request: RoutedRequest,
        connection: Connection,
        fault: ScriptedFault,
        denial: Refusal | None,
    ) -> None:
        if fault.delay:
            await asyncio.sleep(fault.delay)
        real = await self._respond(route, request, denial) if fault.runs_endpoint else None
        if real is None and fault.cut != "in_request":
            await request.body.drain()
        request.logged.body_bytes = request.body.received
        response = fault.apply(real, request.envelope)
        if not fault.sends_nothing:
            request.logged.http_status, request.logged.code = response.http_status, response.code
        request_id = next(self._request_ids)
        if fault.alters_transmission:
            await send_altered(connection, response, request_id, fault)
        else:
            await connection.send(response, request_id)
