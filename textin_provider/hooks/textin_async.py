"""The hook's read side, for triggers."""

from __future__ import annotations

import asyncio
import math
import time
from typing import TYPE_CHECKING, Any, TypeVar

from airflow.providers.common.compat.sdk import AirflowNotFoundException, BaseHook

from textin_provider.api import xparse
from textin_provider.api.errors import ApiError, ErrorKind
from textin_provider.exceptions import error_for, public_errors
from textin_provider.hooks.connection import (
    DEFAULT_CONN_ID,
    TextInConnection,
    missing_connection,
    read_connection,
)
from textin_provider.hooks.loading import load

if TYPE_CHECKING:
    from textin_provider.api.protocol import Request, Flow
    from textin_provider.api.rate_limit import RateLimiter
    from textin_provider.hooks.aiohttp_transport import Client

T = TypeVar("T")


class TextInAsyncHook(BaseHook):
    """
    Flow at TextIn from a trigger: the read side of ``TextInHook``, which never submits or downloads.

    Use as an async context manager: the client lives from entering to leaving. The connection is looked up
    asynchronously, and what would hold the event loop (importing aiohttp, reading certificates) runs in a
    thread.

    :param textin_conn_id: id of the connection.
    :ivar connection: what it says, as the client that is open knows it.
    """

    conn_name_attr = "textin_conn_id"
    default_conn_name = DEFAULT_CONN_ID

    def __init__(self, textin_conn_id: str = DEFAULT_CONN_ID) -> None:
        super().__init__()
        self.textin_conn_id = textin_conn_id
        self.connection: TextInConnection | None = None
        self._client: Client | None = None

    async def __aenter__(self) -> TextInAsyncHook:
        await self.refresh()
        return self

    async def __aexit__(self, *_: object) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def refresh(self) -> bool:
        """
        Flow the connection up and open a client for it, unless it is open already; return whether it is new.

        :raises TextInConfigurationError: if the connection is missing or malformed.
        """
        with public_errors():
            connection = await self._look_up()
        if self._client is not None and connection == self.connection:
            return False
        await load("textin_provider.hooks.aiohttp_transport")
        from textin_provider.hooks.aiohttp_transport import open_client

        former, self._client = self._client, await open_client(connection)
        self.connection = connection
        if former is not None:
            await former.retire()
        return True

    async def get_xparse_job(self, job_id: str) -> xparse.XParseJob:
        """Return how an xParse job is, asking once."""
        try:
            return await self.send(xparse.get_job(job_id))
        except ApiError as fault:
            raise error_for(fault) from None

    async def send(self, call: Request[T], *, max_wait: float = math.inf) -> T:
        """
        Carry one read out, once.

        :param max_wait: seconds that a pause of the account may last at most for the read to be sent at all.
        :raises ApiError: as the answer, or its absence, says.
        """
        if self._client is None or self.connection is None:
            raise RuntimeError("Use the hook inside `async with`.")
        if not call.is_read:
            raise RuntimeError("Triggers only look; submit from a worker.")
        limiter = self.connection.limiter
        delay = limiter.reserve(time.monotonic(), about=call.about, max_wait=max_wait)
        if delay > 0:
            await _await_turn(limiter, call, max_wait, delay)
        try:
            # Looked at only now: the client may have been replaced before it was this call's turn.
            seen = call.read(await self._client.send(call))
        except ApiError as fault:
            if fault.kind is ErrorKind.RATE_LIMIT:
                limiter.on_limit(fault.retry_after, now=time.monotonic())
            raise
        limiter.on_success(now=time.monotonic())
        return seen

    async def look(self, look: Flow[T], *, max_wait: float = math.inf) -> T:
        """
        Take a look, call by call, and return what it saw.

        :raises ApiError: as the answers, or their absence, say.
        """
        try:
            call = next(look)
            while True:
                call = look.send(await self.send(call, max_wait=max_wait))
        except StopIteration as end:
            seen: T = end.value
            return seen

    async def _look_up(self) -> TextInConnection:
        from airflow.providers.common.compat.connection import get_async_connection, get_async_extra_dejson

        try:
            connection = await get_async_connection(self.textin_conn_id, hook=self)
        except AirflowNotFoundException:
            raise missing_connection(self.textin_conn_id) from None
        return read_connection(connection, await get_async_extra_dejson(connection))


async def _await_turn(limiter: RateLimiter, call: Request[Any], max_wait: float, delay: float) -> None:
    """Wait for the moment that was booked, and behind a pause that began meanwhile too."""
    while delay > 0:
        await asyncio.sleep(delay)
        if not limiter.pause_left(time.monotonic()):
            return
        delay = limiter.reserve(time.monotonic(), about=call.about, max_wait=max_wait)
