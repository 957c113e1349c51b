"""
Serve an ASGI application over HTTP from a thread with a loop of its own.

Only uvicorn's HTTP protocol is used, not its server: that one installs signal handlers, configures logging
and takes fractions of a second to stop.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from concurrent.futures import Future
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import socket
    from collections.abc import Awaitable, Callable

KEEP_ALIVE_SECONDS = 75


class Host:
    """
    A thread that serves ``app`` on a bound socket until it is stopped.

    ``on_connection`` is called for each TCP connection, ``on_stop`` runs on the loop after the last one is
    closed.
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
        """Return when connections are accepted; an error at the start is raised here."""
        self._thread.start()
        self._ready.result()

    def call_soon(self, callback: Callable[..., object], *args: object) -> None:
        """Call ``callback`` on the loop, from any thread."""
        self._ready.result().call_soon_threadsafe(callback, *args)

    def stop(self) -> None:
        """Drop all connections and return when the thread is gone."""
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
        await _others_end()
        await self._on_stop()


def protocol_factory(
    app: Callable[..., Any],
    loop: asyncio.AbstractEventLoop,
    connections: set[asyncio.Transport],
    on_connection: Callable[[], None],
) -> Callable[[], asyncio.Protocol]:
    """Return a factory of HTTP protocols whose transport the application finds as ``state["transport"]``."""
    from uvicorn.config import Config
    from uvicorn.server import ServerState

    class Protocol(_protocol_class()):  # type: ignore[misc]
        def connection_made(self, transport: asyncio.Transport) -> None:
            on_connection()
            connections.add(transport)
            self.app_state = {"transport": transport}
            # Its lines would hold the whole query, passwords included, wherever logging is set up.
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


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return uvloop's loop where it is installed: it answers twice as many polls a second."""
    if find_spec("uvloop") is None:
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = import_module("uvloop").new_event_loop
    return factory


def _protocol_class() -> Any:
    """Return uvicorn's protocol: the one in C where it is installed, the one in Python elsewhere."""
    if find_spec("httptools") is not None:
        from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

        return HttpToolsProtocol
    from uvicorn.protocols.http.h11_impl import H11Protocol

    return H11Protocol


async def _others_end() -> None:
    """Cancel the requests that are still being answered."""
    await asyncio.sleep(0)
    tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in tasks:
        task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.gather(*tasks, return_exceptions=True)
