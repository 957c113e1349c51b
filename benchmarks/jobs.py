"""What one trigger that waits for many jobs costs, against a trigger for each of them."""

from __future__ import annotations

import asyncio
import gc
import json
import time
import tracemalloc
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

from benchmarks.harness import Budget, Line, Section, ask_child, child, in_turns, ratios
from benchmarks.long_list import JOBS as LONG
from benchmarks.long_list import lines as lines_of_a_long_wait
from benchmarks.textin import LocalTextIn, local_textin
from benchmarks.triggerer import Running, Stored, http_waits, our_waits, prepare

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping, Sequence
    from multiprocessing.connection import Connection

TITLE = "Many jobs in one task"
HOW = f"""\
Jobs that never end, each asked for every 5 s, watched for 10 s once all were asked for: by one
`XParseJobTrigger` with a list of ids, by 900 with one id each, and by 900 `HttpSensorTrigger`. The sides
are set up as in the part on polls. Memory is what Python has allocated since before the triggers were
made, counted by `tracemalloc` in runs of their own, after a collection, with another wait of the same kind
under way before: resident memory grows by whole arenas of 1 MiB, and 900 jobs take less than that.

Then a list of {LONG:,} ids is waited for by an `XParseJobSensor(deferrable=True)`, from its first poll to its
value. Each time that it runs on a worker is a fresh process; its triggers, one after the other, run in the
process of a triggerer. Every job shows at the second poll that it has ended, so that each chunk has
to wait. Worker seconds are those of the sensor alone; what Airflow adds to each run is in the part on a
whole Airflow."""
LOADS = (100, 300, 900)
INTERVAL, WINDOW = 5.0, 10.0
PAIRS = 2
#: What is done with triggers in a process of their own.
Measure: TypeAlias = "Callable[[Connection, list[Stored]], Coroutine[Any, Any, None]]"


@dataclass(frozen=True)
class Cost:
    """Milliseconds of CPU per poll, and how many polls there were in the window."""

    ms_per_poll: float
    polls: int


def measure() -> Section:
    """Compare triggers, and follow one long wait."""
    from textin_provider.testing import JobScript

    with local_textin() as textin:
        ids = [textin("add_job", JobScript(status="never")) for _ in range(LOADS[-1])]
        lists = {f"list of {count}": [ids[:count]] for count in LOADS}
        costs = in_turns(
            PAIRS,
            **{name: partial(_cost, textin, our_waits(waits, INTERVAL)) for name, waits in lists.items()},
            singles=partial(_cost, textin, our_waits(ids, INTERVAL)),
            http=partial(_http_cost, textin, http_waits(ids, INTERVAL)),
        )
        memory = in_turns(
            1,
            ours=partial(_bytes_per_job, textin, our_waits([ids], INTERVAL)),
            singles=partial(_bytes_per_job, textin, our_waits(ids, INTERVAL)),
        )
    return Section(TITLE, HOW, [*_lines(costs, memory), *lines_of_a_long_wait()])


def _lines(costs: Mapping[str, Sequence[Cost]], memory: Mapping[str, Sequence[float]]) -> list[Line]:
    ms = {side: [cost.ms_per_poll for cost in found] for side, found in costs.items()}
    least, *_, most = [ms[f"list of {count}"] for count in LOADS]
    one, polls = f"one trigger, {LOADS[-1]} ids", [cost.polls for cost in costs[f"list of {LOADS[-1]}"]]
    return [
        Line(f"{one}: CPU per poll, against a trigger for each id", ratios(most, ms["singles"]), "x"),
        Line(f"{one}: CPU per poll, against HttpSensor", ratios(most, ms["http"]), "x"),
        Line(
            f"{one}: CPU per poll, against one with {LOADS[0]} ids",
            ratios(most, least),
            "x",
            Budget(1.1, words="flat: <= 1.1x"),
        ),
        *(Line(f"one trigger, {count} ids: CPU per poll", ms[f"list of {count}"], "ms") for count in LOADS),
        Line(f"{LOADS[-1]} triggers: CPU per poll", ms["singles"], "ms"),
        Line(f"{LOADS[-1]} triggers: CPU per poll of HttpSensor", ms["http"], "ms"),
        Line(
            f"{one}: seconds between two polls of a job", [LOADS[-1] * WINDOW / count for count in polls], "s"
        ),
        Line(f"{one}: memory per job", memory["ours"], "bytes", Budget(2048, words="< 2 KiB")),
        Line(f"{LOADS[-1]} triggers: memory per job", memory["singles"], "bytes"),
    ]


def _http_cost(textin: LocalTextIn, waits: list[Stored]) -> Cost:
    from textin_provider.testing import ScriptedFault

    textin("fault", "status", ScriptedFault(http_status=404), times=None)
    try:
        return _cost(textin, waits)
    finally:
        textin("clear_faults")


def _cost(textin: LocalTextIn, waits: list[Stored]) -> Cost:
    with child(_run, _watch, textin.environment(), waits) as pipe:
        pipe.recv()
        begin = textin("count", "status")
        cpu = pipe.recv()
        polls = textin("count", "status") - begin
    return Cost(1000 * cpu / polls, polls)


def _bytes_per_job(textin: LocalTextIn, waits: list[Stored]) -> float:
    grown: int = ask_child(_run, _weigh, textin.environment(), waits)
    return grown / LOADS[-1]


def _run(pipe: Connection, measure: Measure, environment: Mapping[str, str], waits: list[Stored]) -> None:
    prepare(environment)
    asyncio.run(measure(pipe, waits))


async def _watch(pipe: Connection, waits: list[Stored]) -> None:
    """Send something when the triggers have settled, and then the CPU seconds of the window."""
    running = Running()
    await running.start(waits, over_seconds=INTERVAL)
    await asyncio.sleep(INTERVAL + 1 if len(waits) == 1 else 1)
    pipe.send("steady")
    cpu = time.process_time()
    await asyncio.sleep(WINDOW)
    pipe.send(time.process_time() - cpu)
    await running.stop()


async def _weigh(pipe: Connection, waits: list[Stored]) -> None:
    """Send by how many bytes the triggers grow a process in which one of their kind is waiting already."""
    running = Running()
    path, arguments = waits[0]
    job_id = arguments["job_id"]
    await running.start([(path, {**arguments, "job_id": job_id if isinstance(job_id, str) else job_id[:1]})])
    await asyncio.sleep(INTERVAL + 1)
    stored = json.dumps(waits)
    gc.collect()
    tracemalloc.start()
    # What the triggers were made from is theirs too, as in the triggerer, which reads it from the database.
    waits = json.loads(stored)
    await running.start(waits)
    await asyncio.sleep(2 * INTERVAL)
    gc.collect()
    pipe.send(tracemalloc.get_traced_memory()[0])
    await running.stop()
