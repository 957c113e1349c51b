"""GETs with nothing around them: the floor that aiohttp sets."""

from __future__ import annotations

import asyncio
import json
import os
from collections import deque
from typing import TYPE_CHECKING, Any

from benchmarks.textin import TEXTIN

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

_AT_ONCE = 8


class Gets:
    """Runs like a trigger: asks for a second's worth of the jobs each second."""

    def __init__(self, *, job_ids: list[str], interval: float) -> None:
        self._job_ids = job_ids
        self._batches = max(1, round(interval))

    async def run(self) -> AsyncIterator[Any]:
        """Ask until cancelled."""
        import aiohttp
        from yarl import URL

        connection = json.loads(os.environ[f"AIRFLOW_CONN_{TEXTIN.upper()}"])
        headers = {"x-ti-app-id": connection["login"], "x-ti-secret-code": connection["password"]}
        urls = [URL(f"{connection['host']}/api/v1/xparse/parse/async/{job_id}") for job_id in self._job_ids]
        rounds = [urls[number :: self._batches] for number in range(self._batches)]
        pool = aiohttp.TCPConnector(limit=_AT_ONCE)
        async with aiohttp.ClientSession(connector=pool, headers=headers) as session:
            while True:
                for one in rounds:
                    due = deque(one)
                    senders = (_send(session, due) for _ in range(_AT_ONCE))
                    await asyncio.gather(asyncio.sleep(1), *senders)
        yield  # a trigger is an asynchronous generator


async def _send(session: Any, due: deque[Any]) -> None:
    while due:
        async with session.get(due.popleft()) as response:
            await response.read()
