"""
Sends reads on the triggerer's event loop, with aiohttp.

Imported in a thread with the first wait: importing aiohttp takes a quarter of a second.
"""

from __future__ import annotations

import asyncio
import time
from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast

import aiohttp
from yarl import URL

from textin_provider.api.protocol import Response
from textin_provider.hooks.connection import USER_AGENT, TextInConnection
from textin_provider.hooks.environment import Network, no_response, refused_by_proxy, untrusted_certificate

if TYPE_CHECKING:
    from ssl import SSLCertVerificationError

    from textin_provider.api.errors import ApiError
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

    Each service has one session with its credentials, prepared once for many polls; all sessions share one
    pool. The connection's timeout covers the whole request, connecting included: responses are small, and one
    timer for each request costs less than aiohttp's three.
    """

    def __init__(self, connection: TextInConnection, network: Network) -> None:
        self._connection = connection
        self._pool = aiohttp.TCPConnector(limit=POOL_SIZE, ssl=network.tls, ttl_dns_cache=_DNS_SECONDS)
        self._bases = {service: URL(base_url) for service, base_url in connection.base_urls.items()}
        self._proxies = {service: network.proxies.get(url) for service, url in connection.base_urls.items()}
        self._options = {service: self._through(service) for service in connection.base_urls}
        self._sessions = {service: self._session(service) for service in connection.base_urls}
        self._url_of = lru_cache(maxsize=_KNOWN_URLS)(self._new_url)
        self._in_progress = 0
        self._is_retired = False

    def _session(self, service: Service) -> aiohttp.ClientSession:
        own = {"User-Agent": USER_AGENT, "Accept-Encoding": "identity"}
        # aiohttp sends the headers of a session to a proxy too, in the clear, when it asks for a tunnel.
        is_direct = self._proxies[service] is None
        return aiohttp.ClientSession(
            connector=self._pool,
            connector_owner=False,
            timeout=aiohttp.ClientTimeout(total=None),
            headers=own | (self._credentials(service) if is_direct else {}),
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    def _credentials(self, service: Service) -> dict[str, str]:
        return self._connection.credentials_for(self._connection.base_urls[service])

    def _through(self, service: Service) -> dict[str, Any]:
        """Return the options of each request of a service that goes through a proxy."""
        proxy = self._proxies[service]
        if proxy is None:
            return {}
        headers, has_tunnel = self._credentials(service), self._bases[service].scheme == "https"
        # Without a tunnel, the proxy reads its own header from the request itself.
        headers = headers if has_tunnel else headers | proxy.headers
        return {"proxy": URL(str(proxy)), "proxy_headers": proxy.headers, "headers": headers}

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
        service = request.service
        try:
            async with asyncio.timeout(self._connection.timeout):
                response = await self._sessions[service].get(
                    self._url_of(service, request.path),
                    params=request.params,
                    allow_redirects=False,
                    **self._options[service],
                )
                try:
                    body = await _body_of(response)
                finally:
                    response.release()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise self._meaning_of(error, request) from None
        proxy = self._proxies[service]
        if response.status == 407 and proxy is not None and self._bases[service].scheme == "http":
            raise refused_by_proxy(request.about, proxy, response.status)
        return Response.received(response.status, response.headers, body, now=time.time())

    def _meaning_of(self, error: Exception, request: Request[Any]) -> ApiError:
        proxy = self._proxies[request.service]
        if isinstance(error, aiohttp.ClientConnectorCertificateError):
            return untrusted_certificate(
                request.about, error.host, cast("SSLCertVerificationError", error.certificate_error)
            )
        if isinstance(error, aiohttp.ClientHttpProxyError) and proxy is not None:
            return refused_by_proxy(request.about, proxy, error.status)
        return no_response(request.about, f"{type(error).__name__}: {error}", "triggerer", proxy)


async def _body_of(response: aiohttp.ClientResponse) -> bytes:
    """Read the body, or the beginning of a long one: its first members may be enough."""
    body = b""
    while len(body) < MAX_RESPONSE_BYTES and not response.content.at_eof():
        body += await response.content.readany()
    return body[:MAX_RESPONSE_BYTES]
