"""
HTTP server: a thread with its own event loop, the connections, and the ASGI messages of one exchange.

It uses the HTTP protocol classes of uvicorn without uvicorn's server, which installs signal handlers,
configures logging and takes fractions of a second to stop.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import Future
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from textin_provider.testing.responses import BytesBody, HttpResponse

if TYPE_CHECKING:
    import socket
    from collections.abc import AsyncIterator

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

KEEP_ALIVE_SECONDS = 75


class RequestBody:
    """The body of a request, read as it arrives."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._ended = False
        self.received = 0

    async def chunks(self) -> AsyncIterator[bytes]:
        """
        Yield the chunks that have not been read yet.

        :raises ConnectionResetError: if the client disconnects before the end.
        """
        while not self._ended:
            message = await self._receive()
            if message["type"] != "http.request":
                raise ConnectionResetError("the client disconnected while it sent its request")
            self._ended = not message.get("more_body", False)
            chunk: bytes = message.get("body", b"")
            self.received += len(chunk)
            yield chunk

    async def drain(self) -> None:
        """Read and discard the rest."""
        async for _ in self.chunks():
            pass


class Connection:
    """
    The connection of one request, for sending its response.

    ``on_sent`` is called with the number of body bytes before they are sent.
    """

    def __init__(self, scope: Scope, receive: Receive, send: Send, on_sent: Callable[[int], None]) -> None:
        self._send = send
        self._on_sent = on_sent
        self._state = scope["state"]
        self._receive = receive

    @property
    def transport(self) -> asyncio.Transport:
        """The TCP connection."""
        transport: asyncio.Transport = self._state["transport"]
        return transport

    async def send(self, response: HttpResponse, request_id: bytes) -> None:
        """Send the whole response, or as much as the client receives before it disconnects."""
        body = response.body
        await self.begin(response, request_id, content_length=body.size)
        if isinstance(body, BytesBody):
            self._on_sent(len(body.data))
            await self._send({"type": "http.response.body", "body": body.data})
            return
        for chunk in body.chunks():
            if not await self.send_chunk(chunk):
                return
        await self.end()

    async def begin(self, response: HttpResponse, request_id: bytes, *, content_length: int | None) -> None:
        """Send the headers; without a ``content_length`` the body is chunked."""
        headers = response.header_list(request_id, content_length=content_length)
        await self._send({"type": "http.response.start", "status": response.http_status, "headers": headers})

    async def send_chunk(self, data: bytes) -> bool:
        """Send a chunk of the body and return whether the client is still connected."""
        if self.transport.is_closing():
            # Otherwise the rest of an aborted download would still be produced, and block the event loop.
            await self.wait_until_lost()
            return False
        self._on_sent(len(data))
        await self._send({"type": "http.response.body", "body": data, "more_body": True})
        return True

    async def end(self) -> None:
        """End the body."""
        await self._send({"type": "http.response.body", "body": b""})

    async def close(self) -> None:
        """Close the connection once the buffered bytes are sent."""
        self.transport.close()
        await self.wait_until_lost()

    async def wait_until_lost(self) -> None:
        """Wait for the end of the connection, so that uvicorn does not report an incomplete response."""
        while (await self._receive())["type"] != "http.disconnect":
            pass


class HttpServer:
    """
    A thread that serves the ASGI application ``app`` on a bound socket until it is stopped.

    ``on_connection`` is called for each TCP connection; ``on_stop`` runs on the event loop after the last
    connection is closed.
    """

    def __init__(
        self,
        app: Callable[..., Any],
        listener: socket.socket,
        on_connection: Callable[[], None],
        on_stop: Callable[[], Awaitable[None]],
    ) -> None:
        self._app = app
        self._listener = listener
        self._on_connection = on_connection
        self._on_stop = on_stop
        self._ready: Future[asyncio.AbstractEventLoop] = Future()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="local-textin", daemon=True)

    def start(self) -> None:
        """Start the thread and return when connections are accepted; raise an error of the start."""
        self._thread.start()
        self._ready.result()

    def call_soon(self, callback: Callable[..., object], *args: object) -> None:
        """Schedule ``callback`` on the event loop; thread-safe."""
        self._ready.result().call_soon_threadsafe(callback, *args)

    def stop(self) -> None:
        """Abort all connections and return when the thread has ended."""
        self.call_soon(self._stop.set)
        self._thread.join()

    def _run(self) -> None:
        try:
            with asyncio.Runner(loop_factory=_loop_factory()) as runner:
                runner.run(self._serve())
        except BaseException as exc:
            if self._ready.done():
                raise
            self._ready.set_exception(exc)

    async def _serve(self) -> None:
        loop = asyncio.get_running_loop()
        connections: set[asyncio.Transport] = set()
        factory = protocol_factory(self._app, loop, connections, self._on_connection)
        server = await loop.create_server(factory, sock=self._listener, backlog=4096)
        self._ready.set_result(loop)
        await self._stop.wait()
        server.close()
        for transport in list(connections):
            transport.abort()
        await _cancel_requests()
        await self._on_stop()


def protocol_factory(
    app: Callable[..., Any],
    loop: asyncio.AbstractEventLoop,
    connections: set[asyncio.Transport],
    on_connection: Callable[[], None],
) -> Callable[[], asyncio.Protocol]:
    """Return a factory of HTTP protocols that pass their transport to ``app`` as ``state["transport"]``."""
    from uvicorn.config import Config
    from uvicorn.server import ServerState

    class Protocol(protocol_class()):  # type: ignore[misc]
        def connection_made(self, transport: asyncio.Transport) -> None:
            on_connection()
            connections.add(transport)
            self.app_state = {"transport": transport}
            # An access log line contains the whole query, passwords included.
            self.access_log = False
            super().connection_made(transport)

        def connection_lost(self, exc: Exception | None) -> None:
            connections.discard(self.transport)
            super().connection_lost(exc)

    config = Config(
        app,
        lifespan="off",
        ws="none",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
    )
    config.load()
    state = ServerState()
    return lambda: Protocol(config=config, server_state=state, app_state={}, _loop=loop)


def protocol_class() -> Any:
    """Return uvicorn's protocol class on httptools, or the one on h11 where httptools is not installed."""
    if find_spec("httptools") is not None:
        from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

        return HttpToolsProtocol
    from uvicorn.protocols.http.h11_impl import H11Protocol

    return H11Protocol


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return uvloop's event loop where installed: it serves twice as many polls a second."""
    if find_spec("uvloop") is None:
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = import_module("uvloop").new_event_loop
    return factory


async def _cancel_requests() -> None:
    await asyncio.sleep(0)
    tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in tasks:
        task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.gather(*tasks, return_exceptions=True)
