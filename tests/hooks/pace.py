"""The servers behind the stores of a pace: what they have stored, and what may happen to them."""

from __future__ import annotations

import json
import os
import signal
import time
from abc import abstractmethod
from contextlib import contextmanager
from multiprocessing import get_context
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import psycopg2
import pytest
import redis
from airflow.providers.common.compat.sdk import Connection

from scripts.local_airflow import HOST
from tests.local_server import LocalServer
from tests.postgres import PostgresServer
from tests.redis_server import RedisServer
from tests.running import GUARD_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from textin_provider.hooks.pace_store import PaceStore

T = TypeVar("T")
#: Seconds that a busy machine may take for what the tests do; what they expect is far apart.
TOLERANCE = 60.0
SPACING = 300.0
TIMES = ("seen_at", "free_at", "paused_until")


def near(seconds: float) -> Any:
    return pytest.approx(seconds, abs=TOLERANCE)


class Slots:
    """Numbers the slots of a store by the time they are at."""

    def __init__(self, store: PaceStore) -> None:
        self._store = store
        self._start = time.monotonic()
        assert self.take() == 0

    def take(self) -> int:
        """Reserve a slot and return its number."""
        delay = self._store.reserve(1, SPACING).delay
        return round((time.monotonic() + delay - self._start) / SPACING)


class PaceServer(LocalServer):
    """A server with what the tests of the stores ask of it."""

    #: The ways in which it forgets a pace.
    ways_to_forget: ClassVar[tuple[str, ...]]

    @abstractmethod
    def connection(self, **extra: Any) -> Connection:
        """Return the Airflow connection."""

    @abstractmethod
    def stored(self, credential: str) -> dict[str, Any]:
        """Return what is stored."""

    @abstractmethod
    def change(self, credential: str, values: dict[str, float]) -> None:
        """Change what is stored."""

    @abstractmethod
    def forget(self, way: str) -> None:
        """Forget everything."""

    @abstractmethod
    def hang(self) -> Any:
        """Let calls get no response within a block."""

    def set_clock(self, credential: str, seconds: float) -> None:
        """Let the clock of the server jump, seen from what is stored."""
        stored = self.stored(credential)
        times = {name: stored[name] for name in TIMES if stored.get(name)}
        self.change(credential, {name: float(value) - seconds for name, value in times.items()})


class RedisOfTest(PaceServer, RedisServer):
    """Redis."""

    ways_to_forget = ("FLUSHALL", "SCRIPT FLUSH")

    def admin(self) -> redis.Redis:
        return redis.Redis(port=self.port, decode_responses=True)

    def connection(self, **extra: Any) -> Connection:
        return Connection(
            conn_id="pace", conn_type="redis", host=HOST, port=self.port, extra=json.dumps(extra)
        )

    def stored(self, credential: str) -> dict[str, Any]:
        with self.admin() as admin:
            return dict(admin.hgetall(self.key(credential)))

    def change(self, credential: str, values: dict[str, Any]) -> None:
        with self.admin() as admin:
            admin.hset(self.key(credential), mapping=values)

    def forget(self, way: str) -> None:
        with self.admin() as admin:
            admin.flushall()
            if way == "SCRIPT FLUSH":
                admin.script_flush()

    @contextmanager
    def hang(self) -> Iterator[None]:
        os.kill(self.process.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self.process.pid, signal.SIGCONT)

    def key(self, credential: str) -> str:
        return f"airflow-provider-textin:pace:{credential}"


class PostgresOfTest(PaceServer, PostgresServer):
    """PostgreSQL."""

    ways_to_forget = ("TRUNCATE", "DROP TABLE")

    def connection(self, login: str = "airflow", **extra: Any) -> Connection:
        return Connection(
            conn_id="pace",
            conn_type="postgres",
            host=HOST,
            port=self.port,
            login=login,
            schema="postgres",
            extra=json.dumps(extra),
        )

    @contextmanager
    def admin(self) -> Iterator[Any]:
        """Open a cursor, and commit after the block."""
        connection = psycopg2.connect(host=HOST, port=self.port, user="airflow", dbname="postgres")
        try:
            with connection, connection.cursor() as cursor:
                yield cursor
        finally:
            connection.close()

    def stored(self, credential: str) -> dict[str, Any]:
        with self.admin() as admin:
            admin.execute("SELECT * FROM textin_provider_pace WHERE credential = %s", [credential])
            return dict(zip([column.name for column in admin.description], admin.fetchone(), strict=True))

    def change(self, credential: str, values: dict[str, float]) -> None:
        with self.admin() as admin:
            for name, value in values.items():
                statement = f"UPDATE textin_provider_pace SET {name} = %s WHERE credential = %s"
                admin.execute(statement, [value, credential])

    def forget(self, way: str) -> None:
        with self.admin() as admin:
            admin.execute("TRUNCATE textin_provider_pace" if way == "TRUNCATE" else self.drop)

    drop = "DROP TABLE IF EXISTS textin_provider_pace"

    @contextmanager
    def hang(self) -> Iterator[None]:
        with self.admin() as admin:
            admin.execute("LOCK TABLE textin_provider_pace")
            yield


def in_processes(count: int, work: Callable[[], T]) -> list[T]:
    """Run the same function in forked processes at the same time, and return their results."""
    context = get_context("fork")
    running = []
    for _ in range(count):
        receiver, sender = context.Pipe(duplex=False)
        process = context.Process(target=lambda sender=sender: sender.send(work()))
        process.start()
        # The end of the process then ends the pipe.
        sender.close()
        running.append((process, receiver))
    results = []
    for process, receiver in running:
        assert receiver.poll(GUARD_SECONDS), "A process hangs."
        results.append(receiver.recv())
        process.join()
    return results
