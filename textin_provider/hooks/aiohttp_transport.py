"""
Sends reads on the triggerer's event loop, with aiohttp.

Imported in a thread with the first wait: importing aiohttp takes a quarter of a second.
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

from textin_provider.api.errors import ApiError, ErrorKind
from textin_provider.api.protocol import Response
from textin_provider.hooks.connection import USER_AGENT, TextInConnection

if TYPE_CHECKING:
    from textin_provider.api.protocol import Request, Service

#: aiohttp searches its idle connections with each request, so a small pool is faster.
POOL_SIZE = 16
_DNS_SECONDS = 300
#: Number of cached URL objects: aiohttp parses each object once.
_KNOWN_URLS = 1024
#: A status response has a few hundred bytes. Parsing more than this would block the event loop.
MAX_RESPONSE_BYTES = 512 * 1024


class Client:
    """
    Sends the reads of one connection on the running loop. Its owner closes it.

    Each service has one session with its credentials and its proxy, prepared once for many polls; all
    sessions share one pool. The connection's timeout covers the whole request, connecting included: responses
    are small, and one timer for each request costs less than aiohttp's three.
    """

    def __init__(self, connection: TextInConnection, tls: ssl.SSLContext) -> None:
        self._connection = connection
        self._pool = aiohttp.TCPConnector(limit=POOL_SIZE, ssl=tls, ttl_dns_cache=_DNS_SECONDS)
        self._bases = {service: URL(base_url) for service, base_url in connection.base_urls.items()}
        self._sessions = {service: self._session(url) for service, url in connection.base_urls.items()}
        self._url_of = lru_cache(maxsize=_KNOWN_URLS)(self._new_url)
        self._in_progress = 0
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
        # Paths consist of checked ids, so nothing in them needs quoting.
        base = self._bases[service]
        return base.with_path(base.raw_path.rstrip("/") + path, encoded=True)

    async def close(self) -> None:
        """Close all sessions and connections."""
        for session in self._sessions.values():
            await session.close()
        await self._pool.close()

    async def retire(self) -> None:
        """Close after the last request in progress: aiohttp does not handle a pool that is closed earlier."""
        self._is_retired = True
        if not self._in_progress:
            await self.close()

    async def send(self, request: Request[Any]) -> Response:
        """Send one read once and return the response; none is an error."""
        self._in_progress += 1
        try:
            return await self._get(request)
        finally:
            self._in_progress -= 1
            if self._is_retired and not self._in_progress:
                await self.close()

    async def _get(self, request: Request[Any]) -> Response:
        try:
            async with asyncio.timeout(self._connection.timeout):
                session = self._sessions[request.service]
                url = self._url_of(request.service, request.path)
                response = await session.get(url, params=request.params, allow_redirects=False)
                try:
                    body = await _body_of(response)
                finally:
                    response.release()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            message = f"no response, {type(error).__name__}: {error}".rstrip(": ")
            fix = "Check the network between triggerer and TextIn, and the connection's timeout"
            raise ApiError(ErrorKind.TRANSPORT, about=request.about, message=message, fix=fix) from None
        return Response.received(response.status, response.headers, body, now=time.time())


@lru_cache(maxsize=1)
def tls_context() -> ssl.SSLContext:
    """Return the certificates of this process; reading them takes long, so call it in a thread."""
    return ssl.create_default_context()


def _proxy_for(base_url: str) -> str | None:
    """Return the proxy for a base URL from the environment, as requests does on workers."""
    parts = urlsplit(base_url)
    if urllib.request.proxy_bypass(parts.netloc):
        return None
    return urllib.request.getproxies().get(parts.scheme)


async def _body_of(response: aiohttp.ClientResponse) -> bytes:
    """Read the body, or the beginning of a long one: its first members may be enough."""
    body = b""
    while len(body) < MAX_RESPONSE_BYTES and not response.content.at_eof():
        body += await response.content.readany()
    return body[:MAX_RESPONSE_BYTES]
