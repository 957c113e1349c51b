"""The ASGI application: journal each request, check its credentials, answer it, damage it if scripted."""

from __future__ import annotations

import asyncio
import itertools
import logging
import secrets
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from textin_provider.testing import envelope
from textin_provider.testing.call import UNKNOWN, Call, Route, find
from textin_provider.testing.connection import Connection, Incoming
from textin_provider.testing.damage import send_damaged
from textin_provider.testing.envelope import Refusal
from textin_provider.testing.journal import Journal, Request, without_secrets

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textin_provider.testing.faults import FaultQueue, ScriptedFault
    from textin_provider.testing.wire import Answer, Receive, Scope, Send

log = logging.getLogger("textin_provider.testing")


@dataclass(slots=True)
class Credentials:
    """The one pair of credentials the server takes; the secret may be rotated."""

    app_id: str
    secret_code: str

    def check(self, raw_headers: list[tuple[bytes, bytes]]) -> None:
        """Raise the vendor's refusal unless the headers carry these credentials."""
        app_id = secret_code = b""
        for name, value in raw_headers:
            if name == b"x-ti-app-id":
                app_id = value
            elif name == b"x-ti-secret-code":
                secret_code = value
        if not app_id.strip() or not secret_code.strip():
            raise Refusal(envelope.CREDENTIALS_MISSING, "send both x-ti-app-id and x-ti-secret-code")
        if app_id != self.app_id.encode() or secret_code != self.secret_code.encode():
            raise Refusal(envelope.CREDENTIALS_INVALID, "verification failed")


class Application:
    """Answers HTTP requests for one server; ``routes`` is what it knows."""

    def __init__(
        self, routes: Sequence[Route], credentials: Credentials, journal: Journal, faults: FaultQueue
    ) -> None:
        self._routes = routes
        self._credentials = credentials
        self._journal = journal
        self._faults = faults
        run = secrets.token_hex(8)
        self._request_ids = (f"{run}{number:016x}".encode() for number in itertools.count(1))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI request; anything but HTTP is ignored."""
        if scope["type"] != "http":
            return
        method, path = scope["method"], scope["path"]
        route, tail = find(self._routes, method, path)
        name = route.name if route else UNKNOWN
        query = scope["query_string"].decode("latin-1")
        request = Request(name, method, path, without_secrets(query), scope["headers"])
        self._journal.add(request)
        call = Call(request, query, Incoming(receive), tail)
        connection = Connection(scope, receive, send, partial(self._journal.sent, request))
        try:
            fault = self._faults.take(name)
            if fault is not None:
                await self._answer_with_fault(route, call, connection, fault)
            else:
                answer = await self._answer(route, call)
                request.body_bytes = call.body.received
                request.http_status, request.code = answer.http_status, answer.code
                await connection.answer(answer, next(self._request_ids))
        except (asyncio.CancelledError, ConnectionError):
            # The server is being stopped, or the client has gone: there is nobody to answer.
            return

    async def _answer(self, route: Route | None, call: Call) -> Answer:
        try:
            if route is None:
                raise Refusal(envelope.UNKNOWN_URL, f"{call.request.method} {call.request.path}")
            if route.needs_credentials:
                self._credentials.check(call.request.raw_headers)
            return await route.handler(call)
        except Refusal as refusal:
            return refusal.answer(call.envelope)
        except ConnectionError:
            raise
        except Exception:
            log.exception("%s %s", call.request.method, call.request.path)
            return call.envelope.error(envelope.INTERNAL_ERROR, envelope.MESSAGES[500], http_status=500)

    async def _answer_with_fault(
        self, route: Route | None, call: Call, connection: Connection, fault: ScriptedFault
    ) -> None:
        if fault.delay:
            await asyncio.sleep(fault.delay)
        real = await self._answer(route, call) if fault.runs_endpoint else None
        if real is None and fault.cut != "in_request":
            await call.body.drain()
        call.request.body_bytes = call.body.received
        answer = fault.disguise(real, call.envelope)
        if not fault.is_never_begun:
            call.request.http_status, call.request.code = answer.http_status, answer.code
        request_id = next(self._request_ids)
        if fault.damages_wire:
            await send_damaged(connection, answer, request_id, fault)
        else:
            await connection.answer(answer, request_id)
