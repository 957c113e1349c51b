"""The triggerer of the long run: Airflow's own runner of triggers, in a process that counts what it holds."""

from __future__ import annotations

import asyncio
import os
import random
import sys
import time
import traceback
import warnings
from collections import defaultdict
from typing import TYPE_CHECKING, Any, NamedTuple

import psutil

from benchmarks.triggerer import prepare

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from multiprocessing.connection import Connection

#: Seconds between two turns of the runner; a triggerer takes one a second.
TURN = 0.5
#: Seconds between two looks at what the process holds.
SAMPLE = 5.0
_MIB = 1024 * 1024


class Ended(NamedTuple):
    """How a wait ended: its number, ``event``, ``cancelled`` or ``crashed``, what was told, and when."""

    number: int
    how: str
    payload: Any
    at: float


class Held(NamedTuple):
    """
    What the process holds.

    :param memory: the resident set, MiB.
    :param blocks: Python's own allocations, thousands.
    :param cpu: the seconds that it has computed so far.
    """

    memory: float
    blocks: float
    tasks: int
    sockets: int
    files: int
    threads: int
    pollers: int
    cpu: float


class Report(NamedTuple):
    """
    What the process tells after a turn; ``held`` now and then, ``complaints`` of the loop so far.

    :param connected: whether it has taken over new connections.
    """

    ended: list[Ended]
    held: Held | None
    complaints: list[str]
    connected: bool


def triggerer(pipe: Connection, environment: Mapping[str, str], seed: int) -> None:
    """
    Run triggers until the other end of ``pipe`` is closed.

    It takes ``("start", [(number, stored), ...])``, ``("clear", [number, ...])`` and ``("connect",
    environment)``, and sends reports.
    """
    prepare(environment)
    random.seed(seed)
    asyncio.run(_Triggerer(pipe).run())


class _Triggerer:
    def __init__(self, pipe: Connection) -> None:
        from airflow.jobs.triggerer_job_runner import TriggerRunner

        self._pipe = pipe
        self._runner = TriggerRunner()
        self._events: dict[int, list[Any]] = defaultdict(list)
        self._process = psutil.Process()
        self._sampled_at = 0.0
        self._complaints: list[str] = []
        self._connected = False

    async def run(self) -> None:
        asyncio.get_running_loop().set_exception_handler(self._complain)
        warnings.simplefilter("always", ResourceWarning)
        warnings.showwarning = lambda message, *_: self._complaints.append(str(message))
        while self._obey():
            finished = await self._runner.cleanup_finished_triggers()
            self._report(list(self._ended(finished)))
            await self._runner.create_triggers()
            await self._runner.cancel_triggers()
            await asyncio.sleep(TURN)

    def _obey(self) -> bool:
        """Do what was ordered, and return whether to go on."""
        while self._pipe.poll():
            try:
                order, what = self._pipe.recv()
            except EOFError:
                return False
            getattr(self, f"_{order}")(what)
        return True

    def _start(self, waits: list[tuple[int, tuple[str, dict[str, Any]]]]) -> None:
        from airflow.executors.workloads import RunTrigger
        from airflow.models.trigger import Trigger

        for number, (path, arguments) in waits:
            stored = Trigger.encrypt_kwargs(arguments)
            self._runner.to_create.append(RunTrigger(id=number, classpath=path, encrypted_kwargs=stored))

    def _clear(self, numbers: list[int]) -> None:
        self._runner.to_cancel.extend(numbers)

    def _connect(self, environment: Mapping[str, str]) -> None:
        os.environ.update(environment)
        self._connected = True

    def _ended(self, finished: list[int]) -> Iterator[Ended]:
        runner, now = self._runner, time.monotonic()
        while runner.events:
            number, event, *_ = runner.events.popleft()
            self._events[number].append(event.payload)
        failed = dict(runner.failed_triggers)
        runner.failed_triggers.clear()
        for number in sorted({*finished, *failed}):
            events = self._events.pop(number, [])
            if number in failed or len(events) > 1:
                trace = "".join(traceback.format_exception(failed.get(number)))
                yield Ended(number, "crashed", f"{events} {trace}", now)
            else:
                yield Ended(number, "event" if events else "cancelled", events[0] if events else None, now)

    def _report(self, ended: list[Ended]) -> None:
        held, now = None, time.monotonic()
        if now >= self._sampled_at + SAMPLE:
            held, self._sampled_at = self._held(), now
        complaints, self._complaints = self._complaints, []
        connected, self._connected = self._connected, False
        if ended or held or complaints or connected:
            self._pipe.send(Report(ended, held, complaints, connected))

    def _held(self) -> Held:
        process, pollers = self._process, sys.modules.get("textin_provider.triggers.poller")
        with process.oneshot():
            return Held(
                memory=process.memory_info().rss / _MIB,
                blocks=sys.getallocatedblocks() / 1000,
                tasks=len(asyncio.all_tasks()),
                sockets=len(process.net_connections("tcp")),
                files=process.num_fds(),
                threads=process.num_threads(),
                pollers=sum(map(len, pollers._pollers.values())) if pollers else 0,
                cpu=time.process_time(),
            )

    def _complain(self, _: asyncio.AbstractEventLoop, context: Mapping[str, Any]) -> None:
        self._complaints.append(f"{context['message']}: {context.get('exception')!r}")
