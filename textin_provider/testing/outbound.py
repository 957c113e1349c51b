"""The two requests the server itself makes: fetch a document, deliver a webhook."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from textin_provider.testing.uploads import Upload, spool_path
from textin_provider.testing.wire import CHUNK

if TYPE_CHECKING:
    import aiohttp

TIMEOUT = 30.0


@dataclass(frozen=True, slots=True)
class Delivery:
    """One delivery of a webhook; ``outcome`` is ``"HTTP 200"`` or the like, or why there was no answer."""

    url: str
    payload: dict[str, Any]
    outcome: str


class FetchError(Exception):
    """A document could not be fetched from its address."""


def is_web_address(url: str) -> bool:
    """Whether ``url`` is an http or https address with a host."""
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        return False


class Outbound:
    """An HTTP client that is opened at its first use; lives on the server's loop."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Close the client if it was ever used."""
        if self._session is not None:
            await self._session.close()

    async def fetch(self, url: str, spool: Path, max_bytes: int) -> Upload:
        """
        Fetch ``url`` into the directory ``spool``; one byte more than ``max_bytes`` is read at most.

        :raises FetchError: if the address cannot be reached or answers anything but a success.
        """
        import aiohttp

        path = spool_path(spool)
        try:
            async with self._client().get(url) as response:
                if response.status >= 400:
                    raise FetchError(f"answered HTTP {response.status}")
                return await _store(response.content, path, name_of(url), max_bytes)
        except (aiohttp.ClientError, TimeoutError, ValueError) as exc:
            path.unlink(missing_ok=True)
            raise FetchError(f"could not be fetched: {type(exc).__name__}") from exc

    async def deliver(self, url: str, payload: dict[str, Any]) -> Delivery:
        """POST ``payload`` to ``url`` once; a failure is an outcome, not an error."""
        import aiohttp

        try:
            async with self._client().post(url, json=payload) as response:
                return Delivery(url, payload, f"HTTP {response.status}")
        except (aiohttp.ClientError, TimeoutError, ValueError) as exc:
            return Delivery(url, payload, f"{type(exc).__name__}: {exc}")

    def _client(self) -> aiohttp.ClientSession:
        import aiohttp

        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT))
        return self._session


async def _store(content: aiohttp.StreamReader, path: Path, filename: str, max_bytes: int) -> Upload:
    digest = hashlib.sha256()
    size = 0
    with path.open("wb") as file:
        async for chunk in content.iter_chunked(CHUNK):
            size += len(chunk)
            if size > max_bytes:
                break
            digest.update(chunk)
            file.write(chunk)
    return Upload(path, filename, size, digest.hexdigest())


def name_of(url: str) -> str:
    """Return what the document at ``url`` is called."""
    return PurePosixPath(unquote(urlsplit(url).path)).name or "document"
