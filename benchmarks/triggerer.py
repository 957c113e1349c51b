"""An event loop that runs triggers as the triggerer does, in a process of its own."""

from __future__ import annotations

import asyncio
import os
import time
from importlib import import_module
from typing import TYPE_CHECKING, Any

from benchmarks.textin import HTTP, TEXTIN

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

#: A wait as it is stored: class path and arguments of its trigger.
Stored = tuple[str, dict[str, Any]]
_NEVER = 3600.0


def our_waits(job_ids: Sequence[str | Sequence[str]], interval: float) -> list[Stored]:
    """Return the triggers that deferred XParseJobSensors leave behind, each for an id or a list of ids."""
    shared = {"textin_conn_id": TEXTIN, "poll_interval": interval, "timeout": _NEVER}
    path = "textin_provider.triggers.xparse.XParseJobTrigger"
    return [(path, {"job_id": job_id, "deadline": time.time() + _NEVER, **shared}) for job_id in job_ids]


def http_waits(job_ids: Sequence[str], interval: float) -> list[Stored]:
    """Return the triggers that deferred HttpSensors for the same endpoint leave behind."""
    shared = {"http_conn_id": HTTP, "method": "GET", "poke_interval": interval}
    path = "airflow.providers.http.triggers.http.HttpSensorTrigger"
    return [(path, {"endpoint": f"api/v1/xparse/parse/async/{job_id}", **shared}) for job_id in job_ids]


def bare_gets(job_ids: Sequence[str], interval: float) -> list[Stored]:
    """Return the one thing that asks for all jobs once an interval, and does nothing with the answers."""
    return [("benchmarks.bare.Gets", {"job_ids": list(job_ids), "interval": interval})]


def batch_wait(batch_number: str, workspace_id: str, interval: float) -> Stored:
    """Return the trigger that a deferred DocFlowBatchSensor leaves behind."""
    return "textin_provider.triggers.docflow.DocFlowBatchTrigger", {
        "selector": "batch_number",
        "value": batch_number,
        "workspace_id": workspace_id,
        "textin_conn_id": TEXTIN,
        "poll_interval": interval,
        "deadline": time.time() + _NEVER,
        "timeout": _NEVER,
    }


def prepare(environment: Mapping[str, str]) -> None:
    """Give this process its connections, before it imports Airflow."""
    os.environ.update(environment)


def load(wait: Stored) -> Any:
    """Import the class of a trigger and make one, on the loop, as the triggerer does."""
    path, arguments = wait
    module, _, name = path.rpartition(".")
    return getattr(import_module(module), name)(**arguments)


class Running:
    """The triggers that run on this loop."""

    def __init__(self) -> None:
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self, waits: Sequence[Stored], *, over_seconds: float = 0.0) -> None:
        """Start triggers one after the other, all at once or evenly over some seconds."""
        begin = time.monotonic()
        for number, wait in enumerate(waits):
            delay = begin + over_seconds * number / len(waits) - time.monotonic()
            await asyncio.sleep(max(0.0, delay))
            self._tasks.append(asyncio.create_task(_watch(load(wait))))

    async def stop(self, count: int | None = None) -> None:
        """Cancel the oldest triggers, all of them by default."""
        ending, self._tasks = self._tasks[:count], self._tasks[len(self._tasks[:count]) :]
        for task in ending:
            task.cancel()
        results = await asyncio.gather(*ending, return_exceptions=True)
        if any(not isinstance(result, asyncio.CancelledError) for result in results):
            raise RuntimeError(f"a trigger ended that should go on waiting: {results[0]!r}")


async def _watch(trigger: Any) -> None:
    async for event in trigger.run():
        raise RuntimeError(f"{trigger!r} ended with {event!r}")
