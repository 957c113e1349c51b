"""What one poll of the triggerer costs, with 100 to 10,000 waits."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from benchmarks.harness import Budget, Line, Section, child, in_turns, ratios, say
from benchmarks.textin import LocalTextIn, local_textin
from benchmarks.triggerer import Running, Stored, bare_gets, http_waits, our_waits, prepare

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from multiprocessing.connection import Connection

TITLE = "CPU and TCP connections per poll"
HOW = """\
Waits for jobs that never end: `XParseJobTrigger` and, for the same status endpoint, `HttpSensorTrigger`
(what a deferred `HttpSensor` runs), each in a process of its own with one event loop; TextIn runs in a
third. Both start evenly over one interval, settle for a second, and are then watched for a window:
CPU of the process, all threads, over the polls that TextIn counted in it. The intervals are 1 s for 100
waits, 5 s for 500 and 1,000, and for 10,000 a minute, the default `poke_interval`; those are run once.

`HttpSensorTrigger` goes on for one reason alone, HTTP 404 (after any other error it asks again without
a pause), so TextIn answers it with 404 and an error envelope; ours gets the state of the job and reads
it. Neither side's log lines are formatted, though `HttpSensorTrigger` writes one for each poll. No
ceiling of requests is set.

*Bare aiohttp* is what no client that uses it can go below: as many GETs of the same addresses over one
session, a second's worth together, eight at a time, their answers read and thrown away."""


@dataclass(frozen=True)
class Load:
    """So many waits, each asking once an interval, watched for a window of seconds, so many times."""

    waits: int
    interval: float
    window: float
    pairs: int = 3


LOADS = (
    Load(100, 1.0, 10.0),
    Load(500, 5.0, 10.0),
    Load(1000, 5.0, 5.0),
    Load(10_000, 60.0, 20.0, pairs=1),
)
#: The load that the budget is about.
BUDGETED = 500


@dataclass(frozen=True)
class Cost:
    """What one side cost: milliseconds of CPU per poll, connections per 1,000 polls since the start."""

    ms_per_poll: float
    connections: float
    polls: int


def measure() -> Section:
    """Compare the two triggers under each load."""
    from textin_provider.testing import JobScript, ScriptedFault

    lines: list[Line] = []
    with local_textin() as textin:
        job_ids = [textin("add_job", JobScript(status="never")) for _ in range(LOADS[-1].waits)]

        def http(load: Load) -> Cost:
            textin("fault", "status", ScriptedFault(http_status=404), times=None)
            try:
                return _cost(textin, http_waits, job_ids, load)
            finally:
                textin("clear_faults")

        for load in LOADS:
            say(f"  {load.waits:,} waits")
            sides = {"ours": partial(_cost, textin, our_waits, job_ids, load), "http": partial(http, load)}
            if load.waits == BUDGETED:
                sides["bare"] = partial(_cost, textin, bare_gets, job_ids, load)
            found = in_turns(load.pairs, **sides)
            lines += _lines(load, found["ours"], found["http"])
            if "bare" in found:
                lines += _floor(load, found["bare"], found["http"])
    return Section(TITLE, HOW, lines)


def _lines(load: Load, ours: Sequence[Cost], http: Sequence[Cost]) -> list[Line]:
    mine, theirs = [cost.ms_per_poll for cost in ours], [cost.ms_per_poll for cost in http]
    is_budgeted = load.waits == BUDGETED
    fifth = Budget(0.2, words="<= 1/5, aim 1/8") if is_budgeted else None
    twenty = Budget(20) if is_budgeted else None
    name = f"{load.waits:,} waits"
    return [
        Line(f"{name}: CPU per poll, against HttpSensor", ratios(mine, theirs), "x", fifth),
        Line(f"{name}: CPU per poll", mine, "ms"),
        Line(f"{name}: CPU per poll of HttpSensor", theirs, "ms"),
        Line(f"{name}: connections per 1,000 polls", [cost.connections for cost in ours], "", twenty),
        Line(f"{name}: the same of HttpSensor", [cost.connections for cost in http], ""),
        Line(f"{name}: polls in the window", [cost.polls for cost in [*ours, *http]], ""),
    ]


def _floor(load: Load, bare: Sequence[Cost], http: Sequence[Cost]) -> list[Line]:
    floor, theirs = [cost.ms_per_poll for cost in bare], [cost.ms_per_poll for cost in http]
    return [
        Line(f"{load.waits:,} waits: CPU per GET of bare aiohttp", floor, "ms"),
        Line(f"{load.waits:,} waits: the same, against HttpSensor", ratios(floor, theirs), "x"),
    ]


def _cost(
    textin: LocalTextIn, make: Callable[[Sequence[str], float], list[Stored]], jobs: Sequence[str], load: Load
) -> Cost:
    connections, first = textin("connections"), textin("count", "status")
    waits = make(jobs[: load.waits], load.interval)
    with child(_triggerer, textin.environment(), waits, load) as pipe:
        pipe.recv()
        begin = textin("count", "status")
        cpu = pipe.recv()
        end = textin("count", "status")
        opened = textin("connections") - connections
    return Cost(1000 * cpu / (end - begin), 1000 * opened / (end - first), end - begin)


def _triggerer(pipe: Connection, environment: Mapping[str, str], waits: list[Stored], load: Load) -> None:
    prepare(environment)
    asyncio.run(_wait(pipe, waits, load))


async def _wait(pipe: Connection, waits: list[Stored], load: Load) -> None:
    running = Running()
    await running.start(waits, over_seconds=load.interval)
    await asyncio.sleep(1)
    pipe.send("steady")
    cpu = time.process_time()
    await asyncio.sleep(load.window)
    pipe.send(time.process_time() - cpu)
    await running.stop()
