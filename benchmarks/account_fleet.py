"""A fleet of processes on one account: without a store, with Redis, with PostgreSQL, and after a crash."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import partial
from threading import Thread
from typing import TYPE_CHECKING, Any, NamedTuple

from benchmarks.account_alone import IMPORTED, NINETY, submits
from benchmarks.harness import Budget, Line, child, say
from benchmarks.textin import LocalTextIn, local_textin
from benchmarks.triggerer import Running, our_waits, prepare
from scripts.local_airflow import HOST
from tests.postgres import PostgresServer
from tests.redis_server import RedisServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from multiprocessing.connection import Connection

    from textin_provider.testing import Usage

WORKERS, TRIGGERERS, WAITS, INTERVAL = 12, 2, 20, 5.0
RATE = 20.0
#: The part of the ceiling that requests use.
USED = 0.9
#: Seconds in which all processes are at work before the window begins, and the window.
SETTLING, WINDOW = 10.0, 50.0
#: Seconds before, during and after the outage of Redis.
PHASES = {"before the kill": 20.0, "while Redis is away": 20.0, "after its return": 30.0}
PACE = "bench_pace"
HOW = f"""\
*A fleet* is {WORKERS} worker processes, each of which submits documents through `TextInHook`, one after
the other, and {TRIGGERERS} triggerer processes with {WAITS} `XParseJobTrigger`s each, which ask every
{INTERVAL:g} s for jobs that never end. The account allows {RATE:g} requests a second, which is the ceiling
of the connection too. The fleet runs without a store, with Redis and with PostgreSQL, and is watched for
{WINDOW:g} s when all processes have been at work for {SETTLING:g} s. Fairness is the fewest over the most
documents that a worker process submitted. In one more run Redis, which keeps nothing on disk, is killed
(SIGKILL), and started again after {PHASES["while Redis is away"]:g} s."""


class Share(NamedTuple):
    """What a worker process did in the window: accepted documents, and CPU seconds."""

    accepted: int
    cpu: float


class Phase(NamedTuple):
    """What the local TextIn counted in some seconds."""

    seconds: float
    let_in: int
    refused: int

    @property
    def percent_of_account(self) -> float:
        """What was let in, of what the account allows."""
        return 100 * self.let_in / self.seconds / RATE

    @property
    def percent_refused(self) -> float:
        """The share of all requests that was refused."""
        return 100 * self.refused / (self.let_in + self.refused)


@dataclass(frozen=True)
class Outcome:
    """
    What a fleet reached.

    :param shares: of the worker processes; None of one that failed.
    :param failed: processes of any kind that failed.
    """

    phases: Sequence[Phase]
    shares: Sequence[Share | None]
    failed: int


def lines() -> list[Line]:
    """Run the fleets, one after the other."""
    found = [*_lines("fleet without a store", _run({}, [WINDOW]), is_budgeted=False)]
    with RedisServer() as redis:
        connection = {"conn_type": "redis", "host": HOST, "port": redis.port}
        found += _lines("fleet with Redis", _run(connection, [WINDOW]))
        actions = [lambda: None, redis.crash, redis.start]
        found += _lines_of_kill(_run(connection, list(PHASES.values()), actions))
    with PostgresServer() as postgres:
        connection = {
            "conn_type": "postgres",
            "host": HOST,
            "port": postgres.port,
            "login": "airflow",
            "schema": "postgres",
        }
        found += _lines("fleet with PostgreSQL", _run(connection, [WINDOW]))
    return found


def _lines(name: str, outcome: Outcome, *, is_budgeted: bool = True) -> Iterator[Line]:
    [phase] = outcome.phases
    shares = [share or Share(0, 0.0) for share in outcome.shares]
    accepted = [share.accepted for share in shares]
    one, fair = Budget(1), Budget(0.8, is_least=True)
    of_account = phase.percent_of_account
    yield Line(f"{name}: let in, of {RATE:g}/s", [of_account], "%", NINETY if is_budgeted else None)
    yield Line(f"{name}: let in, of the {USED * RATE:g}/s that are used", [of_account / USED], "%")
    yield Line(f"{name}: refused", [phase.percent_refused], "%", one if is_budgeted else None)
    yield Line(
        f"{name}: fairness of the workers", [min(accepted) / max(accepted)], "", fair if is_budgeted else None
    )
    yield Line(
        f"{name}: CPU of the workers per document", [1000 * sum(s.cpu for s in shares) / sum(accepted)], "ms"
    )
    yield Line(f"{name}: processes that failed", [outcome.failed], "", Budget(0))


def _lines_of_kill(outcome: Outcome) -> Iterator[Line]:
    for when, phase in zip(PHASES, outcome.phases, strict=True):
        yield Line(f"Redis killed: let in {when}, of {RATE:g}/s", [phase.percent_of_account], "%")
        yield Line(f"Redis killed: refused {when}", [phase.percent_refused], "%")
    yield Line("Redis killed: processes that failed", [outcome.failed], "", Budget(0))


def _run(
    store: Mapping[str, Any], phases: Sequence[float], actions: Sequence[Callable[[], None]] = ()
) -> Outcome:
    """
    Run a fleet.

    :param store: the Airflow connection of the store, empty for none.
    :param phases: seconds of each phase of the window.
    :param actions: what is done at the beginning of each.
    """
    from textin_provider.testing import Account, JobScript

    say(f"  a fleet with {store.get('conn_type', 'no store')}, {sum(phases):g} s")
    with local_textin(account=Account(RATE)) as textin, ExitStack() as stack:
        extra = {"pace_conn_id": PACE} if store else {}
        environment = textin.environment(**extra) | {f"AIRFLOW_CONN_{PACE.upper()}": json.dumps(store)}
        jobs = [textin("add_job", JobScript(status="never")) for _ in range(TRIGGERERS * WAITS)]
        start = partial(child, imported=IMPORTED)
        workers = [stack.enter_context(start(_work, environment)) for _ in range(WORKERS)]
        triggerers = [
            stack.enter_context(start(_poll, environment, jobs[number::TRIGGERERS]))
            for number in range(TRIGGERERS)
        ]
        for pipe in [*workers, *triggerers]:
            pipe.recv()
        begin = time.monotonic() + SETTLING
        for pipe in [*workers, *triggerers]:
            pipe.send((begin, begin + sum(phases)))
        counted = _count(textin, begin, phases, actions)
        results = [_result(pipe) for pipe in [*workers, *triggerers]]
    return Outcome(counted, results[:WORKERS], results.count(None))


def _count(
    textin: LocalTextIn, begin: float, phases: Sequence[float], actions: Sequence[Callable[[], None]]
) -> list[Phase]:
    """Count what TextIn lets in and refuses in each phase."""
    _sleep_until(begin)
    usage: Usage = textin("usage")
    found = []
    for number, seconds in enumerate(phases):
        if actions:
            actions[number]()
        _sleep_until(begin + sum(phases[: number + 1]))
        now: Usage = textin("usage")
        refused = now.rate_refusals - usage.rate_refusals
        found.append(Phase(seconds, now.requests - usage.requests, refused))
        usage = now
    return found


def _sleep_until(moment: float) -> None:
    time.sleep(max(0.0, moment - time.monotonic()))


def _result(pipe: Connection) -> Share | None:
    """Return what a process sends at its end, None if it has failed."""
    with suppress(EOFError):
        share: Share = pipe.recv()
        return share
    return None


def _work(pipe: Connection, environment: Mapping[str, str]) -> None:
    """Submit documents until the window ends, and send the share of the window."""
    prepare(environment)
    jobs = submits()
    # Airflow does much at the first use of a hook in a process.
    job_ids = [next(jobs)]

    def submit() -> None:
        for job_id in jobs:
            job_ids.append(job_id)

    # A thread, so that a submit that waits out a pause does not prolong the window.
    thread = Thread(target=submit, daemon=True)
    pipe.send("ready")
    begin, end = pipe.recv()
    thread.start()
    _sleep_until(begin)
    before, cpu = len(job_ids), time.process_time()
    _sleep_until(end)
    if not thread.is_alive():
        raise RuntimeError("A submit has failed.")
    pipe.send(Share(len(job_ids) - before, time.process_time() - cpu))


def _poll(pipe: Connection, environment: Mapping[str, str], job_ids: Sequence[str]) -> None:
    """Wait for jobs that never end, until the window ends."""
    prepare(environment)
    pipe.send("ready")
    _, end = pipe.recv()
    asyncio.run(_run_triggers(job_ids, end))
    pipe.send(Share(0, time.process_time()))


async def _run_triggers(job_ids: Sequence[str], end: float) -> None:
    running = Running()
    await running.start(our_waits(job_ids, INTERVAL), over_seconds=INTERVAL)
    await asyncio.sleep(end - time.monotonic())
    await running.stop()
