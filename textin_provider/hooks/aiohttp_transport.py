"""
Carries reads out on the triggerer's event loop, with aiohttp.

Imported, in a thread, when the first wait begins: importing aiohttp takes a quarter of a second.
"""

from __future__ import annotations

import asyncio
import ssl
import time
import urllib.request
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import aiohttp
from yarl import URL

from textin_provider.api.protocol import Response
from textin_provider.api.errors import ApiError, ErrorKind
from textin_provider.hooks.connection import USER_AGENT, TextInConnection

if TYPE_CHECKING:
    from textin_provider.api.protocol import Request, Service

#: aiohttp walks its idle connections at each request, so a small pool is a fast one.
POOL_SIZE = 16
_DNS_SECONDS = 300
#: Addresses whose parts are kept: aiohttp takes an address apart once, if it gets the same object again.
_KNOWN_URLS = 1024
#: A status answer has a few hundred bytes. Parsing more than this would hold the loop for everybody.
MAX_ANSWER_BYTES = 512 * 1024


async def open_client(connection: TextInConnection) -> Client:
    """Open a client for one connection on the running loop. Whoever opens it closes it."""
    return Client(connection, await asyncio.to_thread(_tls_context))


class Client:
    """
    Sends the reads of one connection.

    Polls are many, so what they have in common is worked out once: each service has a session that knows its
    credentials and its proxy, over one pool. All of an answer, connecting included, has to come within the
    connection's timeout: answers are small, and one timer a request is less work than aiohttp's own three.
    """

    def __init__(self, connection: TextInConnection, tls: ssl.SSLContext) -> None:
        self._connection = connection
        self._pool = aiohttp.TCPConnector(limit=POOL_SIZE, ssl=tls, ttl_dns_cache=_DNS_SECONDS)
        self._bases = {service: URL(base_url) for service, base_url in connection.base_urls.items()}
        self._sessions = {service: self._session(url) for service, url in connection.base_urls.items()}
        self._url_of = lru_cache(maxsize=_KNOWN_URLS)(self._new_url)
        self._under_way = 0
        self._is_retired = False

    def _session(self, base_url: str) -> aiohttp.ClientSession:
        own = {"User-Agent": USER_AGENT, "Accept-Encoding": "identity"}
        return aiohttp.ClientSession(
            connector=self._pool,
            connector_owner=False,
            timeout=aiohttp.ClientTimeout(total=None),
            headers=own | self._connection.credentials_for(base_url),
            proxy=_proxy_for(base_url),
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    def _new_url(self, service: Service, path: str) -> URL:
        # Paths are made of ids that were checked: yarl need not look for what to quote.
        base = self._bases[service]
        return base.with_path(base.raw_path.rstrip("/") + path, encoded=True)

    async def close(self) -> None:
        """Close what is open."""
        for session in self._sessions.values():
            await session.close()
        await self._pool.close()

    async def retire(self) -> None:
        """Close as soon as no request is under way any more: aiohttp trips over what is cut off."""
        self._is_retired = True
        if not self._under_way:
            await self.close()

    async def send(self, call: Request[Any]) -> Response:
        """
        Send one read once and return what came back.

        :raises ApiError: if nothing came back.
        """
        self._under_way += 1
        try:
            return await self._send(call)
        finally:
            self._under_way -= 1
            if self._is_retired and not self._under_way:
                await self.close()

    async def _send(self, call: Request[Any]) -> Response:
        try:
            async with asyncio.timeout(self._connection.timeout):
                session = self._sessions[call.service]
                url = self._url_of(call.service, call.path)
                response = await session.get(url, params=call.params, allow_redirects=False)
                try:
                    body = await _body_of(response)
                finally:
                    response.release()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise ApiError(
                ErrorKind.TRANSPORT,
                about=call.about,
                message=f"no answer, {type(error).__name__}: {error}".rstrip(": "),
                fix="Check the network between triggerer and TextIn, and the connection's timeout",
            ) from None
        return Response.received(response.status, response.headers, body, now=time.time())


@lru_cache(maxsize=1)
def _tls_context() -> ssl.SSLContext:
    return ssl.create_default_context()


def _proxy_for(base_url: str) -> str | None:
    """Return the proxy that the environment names for a base URL, as requests finds it on workers."""
    parts = urlsplit(base_url)
    if urllib.request.proxy_bypass(parts.netloc):
        return None
    return urllib.request.getproxies().get(parts.scheme)


async def _body_of(response: aiohttp.ClientResponse) -> bytes:
    """Read the body, or as much of it as may be parsed here: the head of a long answer may do."""
    body = b""
    while len(body) < MAX_ANSWER_BYTES and not response.content.at_eof():
        body += await response.content.readany()
    return body[:MAX_ANSWER_BYTES]
