"""The read side of the hook, for triggers."""

from __future__ import annotations

import asyncio
import math
import time
from typing import TYPE_CHECKING, TypeVar

from airflow.providers.common.compat.sdk import BaseHook

import textin_provider.exceptions  # noqa: F401  # errors become public exceptions by being registered
from textin_provider.api.errors import ApiError, ErrorKind
from textin_provider.api.protocol import Request
from textin_provider.api.retry import RATE_LIMIT_TIMEOUT
from textin_provider.api.send_pipeline import PaceCall, Pipeline, Steps
from textin_provider.api.xparse.endpoints import get_job
from textin_provider.hooks.connection import (
    DEFAULT_CONN_ID,
    TextInConnection,
    lookup_errors,
    pace_lookup_errors,
    read_connection,
)
from textin_provider.hooks.loading import load
from textin_provider.hooks.metrics import count
from textin_provider.hooks.rate_limit_wait import rate_limit_seconds

if TYPE_CHECKING:
    from datetime import timedelta

    from textin_provider.api.protocol import Flow
    from textin_provider.api.xparse import XParseJob
    from textin_provider.hooks.aiohttp_transport import Client
    from textin_provider.hooks.environment import Network

T = TypeVar("T")


class TextInAsyncHook(BaseHook):
    """
    Read from TextIn in a trigger: the read side of ``TextInHook``, without submits and downloads.

    Use it as an async context manager, which opens and closes its client. The connection is looked up
    asynchronously; importing aiohttp and reading certificates, which would block the event loop, run in a
    thread.

    All methods raise a :class:`~textin_provider.exceptions.TextInError`.

    :param textin_conn_id: id of the connection.
    :ivar connection: the connection of the open client, None before it is opened.
    """

    conn_name_attr = "textin_conn_id"
    default_conn_name = DEFAULT_CONN_ID

    def __init__(self, textin_conn_id: str = DEFAULT_CONN_ID) -> None:
        super().__init__()
        self.textin_conn_id = textin_conn_id
        self.connection: TextInConnection | None = None
        self._client: Client | None = None
        self._network: Network | None = None

    async def __aenter__(self) -> TextInAsyncHook:
        await self.refresh()
        return self

    async def __aexit__(self, *_: object) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def refresh(self) -> bool:
        """
        Look up the connection, open a client if it or the network has changed, and return whether one has.

        :raises TextInConfigurationError: if the connection is missing or malformed, or a variable of the
            environment for certificates and proxies is.
        :raises TextInTransportError: if Airflow could not read it.
        """
        connection = await self._look_up()
        await load("textin_provider.hooks.aiohttp_transport")
        from textin_provider.hooks.aiohttp_transport import Client
        from textin_provider.hooks.environment import Network

        network = await asyncio.to_thread(Network.of, connection.base_urls.values())
        if self._client is not None and (connection, network) == (self.connection, self._network):
            return False
        former, self._client = self._client, Client(connection, network)
        self.connection, self._network = connection, network
        if former is not None:
            await former.retire()
        return True

    async def get_xparse_job(
        self, job_id: str, *, rate_limit_timeout: float | timedelta = RATE_LIMIT_TIMEOUT
    ) -> XParseJob:
        """
        Return the state of an xParse job, without retries.

        :param rate_limit_timeout: seconds for which the request waits for its turn while TextIn refuses it
            for the account's rate.
        """
        count("polls")
        seconds = rate_limit_seconds(rate_limit_timeout)
        deadline = time.monotonic() + seconds
        while True:
            try:
                return await self.send(get_job(job_id), max_wait=max(0.0, deadline - time.monotonic()))
            except ApiError as error:
                # The next request waits for the end of the pause, unless that is too late.
                if error.kind is not ErrorKind.RATE_LIMIT or error.code is None or not seconds:
                    raise

    async def send(self, request: Request[T], *, max_wait: float = math.inf) -> T:
        """
        Send one read once and return its value.

        :param max_wait: the longest pause of the account in seconds that the read may wait for.
        """
        return await self._drive(self._pipeline(max_wait).send(request))

    async def run(self, flow: Flow[T], *, max_wait: float = math.inf) -> T:
        """Send the reads of a flow, which poll a job or a batch, and return the result of the flow."""
        count("polls")
        return await self._drive(self._pipeline(max_wait).run(flow))

    def _pipeline(self, max_wait: float) -> Pipeline:
        if self._client is None or self.connection is None:
            raise RuntimeError("Use the hook inside `async with`.")
        return Pipeline(self.connection.limiter, time.monotonic, self._log_pause, max_wait)

    def _log_pause(self, pause: str) -> None:
        count("rate_limited")
        self.log.warning("%s", pause)

    async def _drive(self, steps: Steps[T]) -> T:
        """Sleep, send and ask the shared pace as the pipeline says."""
        try:
            step = next(steps)
            while True:
                if isinstance(step, Request):
                    if not step.is_read:
                        raise RuntimeError("Triggers only read; submit from a worker.")
                    # Read after the sleep, during which the client may have been replaced.
                    client = self._client
                    if client is None:
                        raise RuntimeError("The hook was closed.")
                    step = steps.send(await client.send(step))
                elif isinstance(step, PaceCall):
                    step = steps.send(await asyncio.to_thread(step.run))
                else:
                    await asyncio.sleep(step)
                    step = next(steps)
        except StopIteration as end:
            value: T = end.value
            return value

    async def _look_up(self) -> TextInConnection:
        from airflow.providers.common.compat.connection import get_async_connection, get_async_extra_dejson

        with lookup_errors(self.textin_conn_id):
            found = await get_async_connection(self.textin_conn_id, hook=self)
        connection = read_connection(found, await get_async_extra_dejson(found))
        if connection.pace_conn_id is None:
            return connection
        with pace_lookup_errors(connection.pace_conn_id):
            store = await get_async_connection(connection.pace_conn_id, hook=self)
        return connection.with_pace(store)
