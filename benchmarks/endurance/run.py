"""
A thousand waits in one triggerer for half an hour, while TextIn fails in all the ways it can.

Run: `make bench ARGS=endurance`. It ends with an error if a wait did not end as it had to, or if memory,
tasks or sockets grew.
"""

from __future__ import annotations

import argparse
import random
import time
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.endurance.record import Record, Sample
from benchmarks.endurance.textin import Weather, endless_textin, environment
from benchmarks.endurance.triggerer import triggerer
from benchmarks.endurance.waits import Wait, draw
from benchmarks.harness import child, say

if TYPE_CHECKING:
    from collections.abc import Sequence
    from multiprocessing.connection import Connection

    from benchmarks.endurance.triggerer import Report
    from benchmarks.textin import LocalTextIn

WAITS = 1000
FULL_MINUTES = 30.0
#: How many waits begin at once, and the seconds until more do.
BEGIN_AT_ONCE, STEP = 60, 0.2
#: Seconds to go on when all waits have ended, for a last look at what the process holds.
AFTERWARDS = 12.0
HERE = Path(__file__).parents[1]


def main(arguments: Sequence[str]) -> int:
    """Run it as the command line says and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks endurance", description=__doc__)
    parser.add_argument("--minutes", type=float, default=FULL_MINUTES, help="default: %(default)g")
    parser.add_argument("--seed", type=int, help="of an earlier run, to have the same waits and faults again")
    parser.add_argument("--write", action="store_true", help="write the report of a shorter run, too")
    options = parser.parse_args(arguments)
    seed = random.SystemRandom().randrange(10**6) if options.seed is None else options.seed
    say(f"endurance: {options.minutes:g} minutes, --seed {seed}")
    record = run(60 * options.minutes, seed)

    from benchmarks.endurance.report import drawing, markdown

    report = markdown(record)
    print(report)
    if options.write or options.minutes >= FULL_MINUTES:
        (HERE / "ENDURANCE.md").write_text(report)
        (HERE / "endurance.svg").write_text(drawing(record))
    return 0 if record.is_fine else 1


def run(seconds: float, seed: int) -> Record:
    """Let a thousand waits come and go for so many seconds, and the last of them end."""
    with endless_textin() as textin:
        variables = environment(textin("connection"))
        with child(triggerer, variables, seed) as pipe:
            return _Run(Record(seed, seconds), textin, pipe).go()


class _Run:
    def __init__(self, record: Record, textin: LocalTextIn, pipe: Connection) -> None:
        self._record, self._textin, self._pipe = record, textin, pipe
        self._workspace_id = textin("workspace_id")
        self._weather = Weather(record.seed, record.seconds, textin, self._connect)
        self._take(pipe.recv(), 0.0)  # what it holds before the first wait
        self._begun = time.monotonic()

    def go(self) -> Record:
        record, told, over_at = self._record, 0.0, 0.0
        record.spells = self._weather.spells
        while not over_at or time.monotonic() < over_at + AFTERWARDS:
            now = time.monotonic()
            since = now - self._begun
            self._weather.blow(since)
            while self._pipe.poll():
                self._take(self._pipe.recv(), since)
            record.forget(now)
            if since < record.seconds:
                self._begin(min(WAITS - len(record.waiting), BEGIN_AT_ONCE))
            elif not record.waiting:
                over_at = over_at or now
            self._clear(now)
            if since >= told + 60:
                told = since
                self._tell(since)
            time.sleep(STEP)
        return record

    def _take(self, report: Report, since: float) -> None:
        record = self._record
        for ended in report.ended:
            record.end(ended)
        record.complain(report.complaints)
        if report.held:
            ended_so_far = record.started - len(record.waiting)
            seen = self._textin("figures")
            record.samples.append(Sample(since, report.held, len(record.waiting), ended_so_far, seen))

    def _connect(self, connections: dict[str, str]) -> None:
        """Let the triggerer take over connections, and wait until it has: a busy machine may make it late."""
        self._pipe.send(("connect", connections))
        is_connected = False
        while not is_connected:
            report = self._pipe.recv()
            self._take(report, time.monotonic() - self._begun)
            is_connected = report.connected

    def _begin(self, count: int) -> None:
        """Begin as many waits as are missing; while TextIn is stopped there is nothing to wait for."""
        if count == 0 or self._weather.is_down:
            return
        first = self._record.started
        plans = [draw(number, self._record.seed) for number in range(first, first + count)]
        begun = time.monotonic()
        ids = self._textin("begin", plans)
        pairs = enumerate(zip(plans, ids, strict=True), start=first)
        waits = [Wait(number, *pair, begun) for number, pair in pairs]
        self._pipe.send(("start", [(wait.number, wait.stored(self._workspace_id)) for wait in waits]))
        for wait in waits:
            self._record.start(wait)

    def _clear(self, now: float) -> None:
        """Cancel those whose task is cleared, as the triggerer does when a task is."""
        cleared = [
            wait
            for wait in self._record.waiting.values()
            if wait.plan.cancel_after is not None
            and wait.cleared_at is None
            and now >= wait.begun + wait.plan.cancel_after
        ]
        for wait in cleared:
            wait.cleared_at = now
        if cleared:
            self._pipe.send(("clear", [wait.number for wait in cleared]))

    def _tell(self, since: float) -> None:
        record, held = self._record, self._record.samples[-1].held
        say(
            f"  {since / 60:.0f} min: {len(record.waiting)} wait, {dict(record.endings)}, "
            f"{held.memory:.1f} MiB, "
            f"{held.tasks} tasks, {held.sockets} sockets, {len(record.objections)} objections"
        )
