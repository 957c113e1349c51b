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
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from textin_provider.api.envelope import Answer, Call
from textin_provider.api.faults import Fault, FaultKind
from textin_provider.hooks.connection import USER_AGENT, TextInConnection

#: aiohttp walks its idle connections at each request, so a small pool is a fast one.
POOL_SIZE = 16
_DNS_SECONDS = 300
#: A status answer has a few hundred bytes. Parsing more than this would hold the loop for everybody.
MAX_ANSWER_BYTES = 512 * 1024


async def open_client(connection: TextInConnection) -> aiohttp.ClientSession:
    """Open a client for one connection on the running loop. Whoever opens it closes it."""
    tls = await asyncio.to_thread(_tls_context)
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=POOL_SIZE, ssl=tls, ttl_dns_cache=_DNS_SECONDS),
        timeout=aiohttp.ClientTimeout(
            total=3 * connection.timeout, sock_connect=connection.timeout, sock_read=connection.timeout
        ),
        headers={"User-Agent": USER_AGENT, "Accept-Encoding": "identity"},
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=True,
    )


@lru_cache(maxsize=1)
def _tls_context() -> ssl.SSLContext:
    return ssl.create_default_context()


@lru_cache(maxsize=16)
def _proxy_for(base_url: str) -> str | None:
    """Return the proxy that the environment names for a base URL, as requests finds it on workers."""
    parts = urlsplit(base_url)
    if urllib.request.proxy_bypass(parts.netloc):
        return None
    return urllib.request.getproxies().get(parts.scheme)


async def carry_out(client: aiohttp.ClientSession, call: Call[Any], connection: TextInConnection) -> Answer:
    """
    Send one read once and return what came back.

    :raises Fault: if nothing came back.
    """
    try:
        async with client.get(
            connection.url_of(call),
            params=call.params,
            headers=connection.credentials_of(call),
            allow_redirects=False,
            proxy=_proxy_for(connection.base_urls[call.service]),
        ) as response:
            body = await _body_of(response)
            return Answer.received(response.status, response.headers, body, now=time.time())
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise Fault(
            FaultKind.TRANSPORT,
            about=call.about,
            message=f"no answer, {type(error).__name__}: {error}".rstrip(": "),
            fix="Check the network between triggerer and TextIn, and the connection's timeout",
        ) from None


async def _body_of(response: aiohttp.ClientResponse) -> bytes:
    """Read the body, or as much of it as may be parsed here: the head of a long answer may do."""
    body = b""
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > MAX_ANSWER_BYTES:
            return body[:MAX_ANSWER_BYTES]
    return body
