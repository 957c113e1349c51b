"""Background work of the server: asyncio tasks, reader threads, downloads and webhooks."""

from __future__ import annotations

import asyncio
import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import unquote, urlsplit

from textin_provider.testing.responses import CHUNK_BYTES
from textin_provider.testing.uploads import Upload, spool_path

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from pathlib import Path

    import aiohttp

T = TypeVar("T")

TIMEOUT = 30.0


@dataclass(frozen=True, slots=True)
class Delivery:
    """One delivery of a webhook; ``outcome`` is the HTTP status, e.g. ``"HTTP 200"``, or the error."""

    url: str
    payload: dict[str, Any]
    outcome: str


class DownloadError(Exception):
    """Raised if a document cannot be downloaded from its URL."""


class Background:
    """
    Runs tasks, reader threads and outgoing HTTP requests; belongs to the server's event loop.

    ``spool`` is the directory of the documents.
    """

    def __init__(self, spool: Path) -> None:
        self.spool = spool
        self._threads = ThreadPoolExecutor(max_workers=2, thread_name_prefix="local-textin-reader")
        self._tasks: set[asyncio.Task[None]] = set()
        self._session: aiohttp.ClientSession | None = None

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Run ``work`` as a task; it is cancelled when the server stops."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def run_in_thread(self, function: Callable[..., T], *args: Any) -> T:
        """Run a blocking function in a reader thread."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, function, *args)

    async def close(self) -> None:
        """End the threads and the HTTP client; the tasks are cancelled already."""
        if self._session is not None:
            await self._session.close()
        self._threads.shutdown(wait=True, cancel_futures=True)

    async def download(self, url: str, max_bytes: int) -> Upload:
        """
        Download ``url`` into the spool directory, at most one byte more than ``max_bytes``.

        :raises DownloadError: if the host cannot be reached or responds with HTTP 400 or above.
        """
        import aiohttp

        path = spool_path(self.spool)
        try:
            async with self._client().get(url) as response:
                if response.status >= 400:
                    raise DownloadError(f"returned HTTP {response.status}")
                return await _store(response.content, path, filename_of(url), max_bytes)
        except (aiohttp.ClientError, TimeoutError, ValueError) as exc:
            path.unlink(missing_ok=True)
            raise DownloadError(f"could not be fetched: {type(exc).__name__}") from exc

    async def deliver(self, url: str, payload: dict[str, Any]) -> Delivery:
        """POST ``payload`` to ``url`` once; a failure is recorded in the delivery, not raised."""
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
        async for chunk in content.iter_chunked(CHUNK_BYTES):
            size += len(chunk)
            if size > max_bytes:
                break
            digest.update(chunk)
            file.write(chunk)
    return Upload(path, filename, size, digest.hexdigest())


def is_http_url(url: str) -> bool:
    """Return whether ``url`` is an http or https URL with a host."""
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        return False


def filename_of(url: str) -> str:
    """Return the filename of the document at ``url``."""
    return PurePosixPath(unquote(urlsplit(url).path)).name or "document"
