"""One task that waits for 5,000 jobs: its runs on workers, its triggers, and what lies between them."""

from __future__ import annotations

import asyncio
import json
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.harness import Budget, Line, ask_child, child, say
from benchmarks.textin import TEXTIN, LocalTextIn, local_textin
from benchmarks.triggerer import Stored, load, our_waits, prepare

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from multiprocessing.connection import Connection

JOBS = 5000
REPEATS = 1
INTERVAL, TIMEOUT = 5.0, 3600.0


@dataclass(frozen=True)
class Leg:
    """
    One run of the sensor on a worker.

    :param waits: what it deferred with, None if it ended.
    :param method: what Airflow calls when the trigger has ended, and with what.
    :param values: how many jobs its value has.
    :param stored_bytes: of the trigger's arguments, encrypted as they lie in Airflow's database.
    """

    seconds: float
    growth_kib: float
    waits: Stored | None = None
    method: tuple[str, dict[str, Any]] | None = None
    values: int = 0
    stored_bytes: int = 0


@dataclass
class Story:
    """One wait from its first poll to its value; CPU in seconds."""

    legs: list[Leg]
    worker_polls: int = 0
    polls: int = 0
    cpu: float = 0.0
    next_bytes: int = 0


def lines() -> list[Line]:
    """Follow the wait from its first poll to its value."""
    stories = []
    for number in range(1, REPEATS + 1):
        say(f"  {JOBS:,} ids {number}/{REPEATS}")
        with local_textin() as textin:
            stories.append(_follow(textin, _make_jobs(textin)))
    name = f"one task, {JOBS:,} ids"
    bytes_kept = [max(leg.stored_bytes for leg in story.legs) for story in stories]
    return [
        Line(f"{name}: triggers, one at a time", [len(story.legs) - 1 for story in stories], ""),
        Line(
            f"{name}: a trigger's arguments, encrypted", bytes_kept, "bytes", Budget(65_535, words="< 64 KB")
        ),
        Line(f"{name}: what the task resumes with", [story.next_bytes for story in stories], "bytes"),
        Line(
            f"{name}: requests per job", [(story.polls + story.worker_polls) / JOBS for story in stories], ""
        ),
        Line(f"{name}: of them, by workers", [story.worker_polls / JOBS for story in stories], ""),
        Line(f"{name}: CPU of the triggerer per poll", [1000 * s.cpu / s.polls for s in stories], "ms"),
        Line(f"{name}: worker seconds", [sum(leg.seconds for leg in s.legs) for s in stories], "s"),
        Line(f"{name}: of them, the last run", [story.legs[-1].seconds for story in stories], "s"),
        Line(
            f"{name}: memory of the worker per job",
            [1024 * max(leg.growth_kib for leg in story.legs) / JOBS for story in stories],
            "bytes",
        ),
    ]


def _make_jobs(textin: LocalTextIn) -> list[str]:
    from textin_provider.testing import JobScript

    script = JobScript(states=("in_progress", "completed"), result={"elements": []})
    return [textin("add_job", script) for _ in range(JOBS)]


def _follow(textin: LocalTextIn, job_ids: list[str]) -> Story:
    environment = textin.environment()
    story = Story([])
    with child(_triggerer, environment) as triggerer:
        first = textin("add_job")
        triggerer.send(our_waits([[first]], 0.1)[0])
        triggerer.recv()
        resume = None
        while True:
            begin = textin("count", "status")
            leg: Leg = ask_child(_work, environment, job_ids, first, resume)
            story.legs.append(leg)
            polled = textin("count", "status")
            story.worker_polls += polled - begin - 1
            if leg.waits is None or leg.method is None:
                break
            triggerer.send(leg.waits)
            event, cpu = triggerer.recv()
            story.cpu += cpu
            story.polls += textin("count", "status") - polled
            method, kwargs = leg.method
            resume = method, {**kwargs, "event": event}
            story.next_bytes = max(story.next_bytes, len(json.dumps(resume[1])))
    if leg.values != JOBS:
        raise RuntimeError(f"The value has {leg.values} jobs, not {JOBS}.")
    return story


def _work(
    pipe: Connection,
    environment: Mapping[str, str],
    job_ids: Sequence[str],
    first: str,
    resume: tuple[str, dict[str, Any]] | None,
) -> None:
    prepare(environment)
    from airflow.providers.common.compat.sdk import TaskDeferred

    from textin_provider.sensors.xparse import XParseJobSensor

    sensor = XParseJobSensor(
        task_id="wait",
        job_id=job_ids,
        textin_conn_id=TEXTIN,
        deferrable=True,
        poke_interval=INTERVAL,
        timeout=TIMEOUT,
    )
    # Its imports are those of any task that asks TextIn.
    sensor.hook.get_xparse_job(first)
    before, begin = _peak_kib(), time.perf_counter()
    try:
        value = sensor.resume_execution(*resume, {}) if resume else sensor.execute({})
    except TaskDeferred as deferred:
        seconds, growth = time.perf_counter() - begin, _peak_kib() - before
        waits = deferred.trigger.serialize()
        method = deferred.method_name, json.loads(json.dumps(deferred.kwargs or {}))
        leg = Leg(seconds, growth, waits, method, stored_bytes=_stored_bytes(waits[1]))
    else:
        leg = Leg(time.perf_counter() - begin, _peak_kib() - before, values=len(value))
    pipe.send(leg)


def _stored_bytes(arguments: dict[str, Any]) -> int:
    """Return how much Airflow's database keeps of a trigger's arguments."""
    from airflow.models.trigger import Trigger
    from cryptography.fernet import Fernet

    os.environ["AIRFLOW__CORE__FERNET_KEY"] = Fernet.generate_key().decode()
    return len(Trigger.encrypt_kwargs(arguments))


def _triggerer(pipe: Connection, environment: Mapping[str, str]) -> None:
    prepare(environment)
    asyncio.run(_run_triggers(pipe))


async def _run_triggers(pipe: Connection) -> None:
    """Run the triggers that come, one after the other, and send the event of each with its CPU seconds."""
    while True:
        try:
            wait: Stored = await asyncio.to_thread(pipe.recv)
        except EOFError:
            return
        cpu = time.process_time()
        [event] = [event.payload async for event in load(wait).run()]
        pipe.send((json.loads(json.dumps(event)), time.process_time() - cpu))


def _peak_kib() -> int:
    """Return the peak of this process's resident set."""
    status = Path("/proc/self/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1])
