"""What goes on behind the answers: reader threads, tasks, and the requests the server itself makes."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

from textin_provider.testing.outbound import Outbound

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from pathlib import Path

T = TypeVar("T")


class Background:
    """Works on the server's loop; documents lie in the directory ``spool``."""

    def __init__(self, spool: Path) -> None:
        self.spool = spool
        self.outbound = Outbound()
        self._threads = ThreadPoolExecutor(max_workers=2, thread_name_prefix="local-textin-reader")
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Let ``work`` go on by itself; it is cancelled when the server stops."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def call(self, function: Callable[..., T], *args: Any) -> T:
        """Run a blocking function in one of the reader threads."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, function, *args)

    async def close(self) -> None:
        """Leave no thread behind; the tasks are cancelled already."""
        await self.outbound.close()
        self._threads.shutdown(wait=True, cancel_futures=True)
