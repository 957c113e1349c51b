"""How long a triggerer's loop stands still: at the start, in steady state, while a batch is watched."""

from __future__ import annotations

import asyncio
import gc
import time
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from benchmarks.harness import Budget, Line, Section, ask_child, in_turns
from benchmarks.textin import OTHER, local_textin
from benchmarks.triggerer import Running, Stored, batch_wait, http_waits, load, our_waits, prepare

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence
    from multiprocessing.connection import Connection

TITLE = "Longest stall of the loop"
HOW = """\
A task on the loop sleeps for 1 ms and notes how much later it wakes. Each repetition is a fresh process
that has imported Airflow's triggerer and looked up an unrelated connection, and goes through the phases
in this order: nothing at all; loading the class of the trigger, which the triggerer does on its loop;
the first wait (importing aiohttp, TLS, the connection); 1,000 triggers started at once, and their first
round; 500 of them in steady state, each polling every 5 s; a DocFlow batch of 1,000 files with 10 kB of
data each, polled every second.

*Longest stall* is wall time, so it also holds what other processes on this machine did meanwhile. *Of
that, on the CPU* is the part of one stall that this process spent computing, in whatever thread; the
budget is held against it. *Without garbage collections* leaves out full collections, which go through
all of Airflow's objects and take the longer the more there are. CPython starts one when what is new has
grown to a quarter of what is old, whoever made it. So each phase begins just after one, and another that
falls into it was brought on by what the phase itself made. In a triggerer at work the next is somewhere
ahead, and each trigger, whoever's, brings it nearer by the *objects* that it keeps; for comparison, 1,000 and
2,000 of Airflow's own `DateTimeTrigger`, which do nothing but sleep, go through the same phases."""
REPEATS = 3
INTERVAL = 5.0
TICK = 0.001


@dataclass
class Stall:
    """The longest stalls of one phase, in milliseconds, and how many objects more there were at its end."""

    wall: float = 0.0
    cpu: float = 0.0
    ours: float = 0.0
    objects: int = 0

    def take(self, late: float, cpu: float, collecting: float) -> None:
        """Take one sample, in seconds."""
        computed = max(0.0, min(late, cpu))
        self.wall = max(self.wall, 1000 * late)
        self.cpu = max(self.cpu, 1000 * computed)
        self.ours = max(self.ours, 1000 * max(0.0, computed - collecting))


Phases = dict[str, Stall]


def measure() -> Section:
    """Take both triggers through the phases."""
    from textin_provider.testing import FileScript, JobScript, ScriptedFault

    with local_textin() as textin:
        job_ids = [textin("add_job", JobScript(status="never")) for _ in range(1000)]
        scripts = [FileScript(status="never")]
        batch_number = textin("add_batch", files=scripts, count=999, data_bytes=10_000)
        batch = batch_wait(batch_number, textin("workspace_id"), 1.0)

        def ours() -> Phases:
            found: Phases = ask_child(_triggerer, textin.environment(), our_waits(job_ids, INTERVAL), batch)
            return found

        def http() -> Phases:
            textin("fault", "status", ScriptedFault(http_status=404), times=None)
            waits = http_waits(job_ids, INTERVAL)
            found: Phases = ask_child(_triggerer, textin.environment(), waits, None)
            textin("clear_faults")
            return found

        def airflow(count: int) -> Phases:
            found: Phases = ask_child(_triggerer, textin.environment(), _moment_waits(count), None)
            return {phase: stall for phase, stall in found.items() if phase.endswith(_AT_ONCE)}

        found = in_turns(
            REPEATS,
            ours=ours,
            http=http,
            thousand=partial(airflow, 1000),
            two_thousand=partial(airflow, 2000),
        )
    return Section(
        TITLE,
        HOW,
        [
            *_lines("", found["ours"], is_budgeted=True),
            *_lines("HttpSensor, ", found["http"]),
            *_lines("DateTimeTrigger, ", found["thousand"]),
            *_lines("DateTimeTrigger, ", found["two_thousand"]),
        ],
    )


def _moment_waits(count: int) -> list[Stored]:
    """Return triggers of Airflow's own that sleep until a moment far away."""
    path = "airflow.providers.standard.triggers.temporal.DateTimeTrigger"
    return [(path, {"moment": datetime(2100, 1, 1, tzinfo=UTC)})] * count


def _lines(side: str, found: Sequence[Phases], *, is_budgeted: bool = False) -> list[Line]:
    lines = []
    for phase in found[0]:
        stalls = [phases[phase] for phases in found]
        name = f"{side}{phase}"
        budget = Budget(10, words="< 10 ms") if is_budgeted and phase != _IDLE else None
        lines.append(Line(f"{name}: longest stall", [stall.wall for stall in stalls], "ms"))
        lines.append(Line(f"{name}: of that, on the CPU", [stall.cpu for stall in stalls], "ms", budget))
        lines.append(Line(f"{name}: without garbage collections", [stall.ours for stall in stalls], "ms"))
        if phase.endswith(_AT_ONCE):
            lines.append(Line(f"{name}: objects", [stall.objects for stall in stalls], ""))
    return lines


_IDLE = "idle"
_AT_ONCE = "triggers at once"


def _triggerer(
    pipe: Connection, environment: Mapping[str, str], waits: list[Stored], batch: Stored | None
) -> None:
    prepare(environment)
    # What a triggerer has imported; the size of its heap counts too.
    import airflow.jobs.triggerer_job_runner  # noqa: F401

    pipe.send(asyncio.run(_phases(waits, batch)))


async def _phases(waits: list[Stored], batch: Stored | None) -> Phases:
    await _look_up(OTHER)
    found: Phases = {}
    running = Running()
    async with _watched(found, _IDLE):
        await asyncio.sleep(2)
    async with _watched(found, "loading the trigger"):
        load(waits[0])
    async with _watched(found, "first wait"):
        await running.start(waits[:1])
        await asyncio.sleep(1.5)
    async with _watched(found, f"{len(waits):,} {_AT_ONCE}"):
        await running.start(waits)
        await asyncio.sleep(INTERVAL)
    await running.stop(501)
    async with _watched(found, "500 waits, steady"):
        await asyncio.sleep(INTERVAL)
    await running.stop()
    if batch:
        async with _watched(found, "batch of 1,000 files"):
            await running.start([batch])
            await asyncio.sleep(INTERVAL)
        await running.stop()
    return found


async def _look_up(conn_id: str) -> None:
    """Look a connection up, as others in a running triggerer have."""
    from airflow.providers.common.compat.connection import get_async_connection

    await get_async_connection(conn_id)


@asynccontextmanager
async def _watched(found: Phases, phase: str) -> AsyncIterator[None]:
    """Note the longest stall of the block, and what it leaves."""
    gc.collect()
    before = len(gc.get_objects())
    stall = found[phase] = Stall()
    sampler = asyncio.create_task(_sample(stall))
    await asyncio.sleep(0.02)
    try:
        yield
        await asyncio.sleep(0.02)
    finally:
        sampler.cancel()
        with suppress(asyncio.CancelledError):
            await sampler
    gc.collect()
    stall.objects = len(gc.get_objects()) - before


async def _sample(stall: Stall) -> None:
    collector = _Collector()
    gc.callbacks.append(collector)
    try:
        while True:
            begin, cpu, collected = time.perf_counter(), time.process_time(), collector.seconds
            await asyncio.sleep(TICK)
            late = time.perf_counter() - begin - TICK
            stall.take(late, time.process_time() - cpu, collector.seconds - collected)
    finally:
        gc.callbacks.remove(collector)


class _Collector:
    """Adds up the seconds of full garbage collections."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._begin = 0.0

    def __call__(self, phase: str, info: Mapping[str, int]) -> None:
        if phase == "start":
            self._begin = time.perf_counter()
        elif info["generation"] == 2:
            self.seconds += time.perf_counter() - self._begin
