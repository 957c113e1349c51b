"""The pace of a fleet in PostgreSQL: one row for each credential, and one statement for each call."""

from __future__ import annotations

import json
import os
from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING, Any

from airflow.providers.postgres.hooks.postgres import PostgresHook

from textin_provider.api.rate_limit import Booking
from textin_provider.hooks.pace_store import GIVE_UP_AFTER, bounded

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from airflow.providers.common.compat.sdk import Connection

_MILLISECONDS = int(GIVE_UP_AFTER * 1000)
_LIMITS = ("lock_timeout", "statement_timeout")
_UNDEFINED_TABLE = "42P01"
#: What the loser of a race gets from CREATE TABLE IF NOT EXISTS: the table, its type or its index exists.
_EXISTS = ("42P07", "42710", "23505")

#: Unlogged: commits need not wait for the disk, and a crash of the server may empty the table.
_CREATE = """
CREATE UNLOGGED TABLE IF NOT EXISTS textin_provider_pace (
  credential text PRIMARY KEY,
  free_at double precision NOT NULL,
  paused_until double precision NOT NULL,
  learned text NOT NULL,
  seen_at double precision NOT NULL
)
"""
_NOW = "(SELECT extract(epoch FROM clock_timestamp())::double precision AS now) AS clock"
#: ``back`` is how far the clock was set back. PostgreSQL evaluates it after it has locked the row.
_SHIFTED = f"(SELECT now, greatest(pace.seen_at - now, 0) AS back FROM {_NOW}) AS shifted"  # noqa: S608
_RETURNING = """
RETURNING greatest(free_at - %(length)s - seen_at, 0), greatest(paused_until - seen_at, 0), learned,
  greatest(seen_at - paused_until, 0)
"""
_RESERVE = f"""
INSERT INTO textin_provider_pace AS pace (credential, free_at, paused_until, learned, seen_at)
SELECT %(credential)s, now + %(length)s, now, '', now FROM {_NOW}
ON CONFLICT (credential) DO UPDATE SET (free_at, paused_until, seen_at) = (
  SELECT greatest(now, pace.free_at - back, pace.paused_until - back) + %(length)s,
    pace.paused_until - back, now
  FROM {_SHIFTED}
) {_RETURNING}
"""  # noqa: S608
_PAUSE = f"""
INSERT INTO textin_provider_pace AS pace (credential, free_at, paused_until, learned, seen_at)
SELECT %(credential)s, now + %(pause)s, now + %(pause)s, %(learned)s, now FROM {_NOW}
ON CONFLICT (credential) DO UPDATE SET (free_at, paused_until, learned, seen_at) = (
  SELECT CASE WHEN is_paused THEN greatest(pace.free_at - back, until) ELSE until END, until,
    CASE WHEN is_paused THEN pace.learned ELSE %(learned)s END, now
  FROM (
    SELECT now, back, is_paused, CASE WHEN is_paused
      THEN greatest(pace.paused_until - back, now + %(least)s) ELSE now + %(pause)s END AS until
    FROM (SELECT now, back, now < pace.paused_until - back AS is_paused FROM {_SHIFTED}) AS before
  ) AS after
) {_RETURNING}
"""  # noqa: S608


class _Session:
    """The connection of one process; its threads use it one after the other."""

    def __init__(self) -> None:
        self.connection: Any = None
        self._lock = Lock()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Keep other threads out of the block, and drop the connection if the block fails."""
        if not self._lock.acquire(timeout=GIVE_UP_AFTER):
            raise TimeoutError("PostgreSQL is busy with calls of other threads")
        try:
            yield
        except BaseException:
            # A signal may have interrupted the call: its response would be read as that of the next one.
            self.drop()
            raise
        finally:
            self._lock.release()

    def drop(self) -> None:
        """Close the connection."""
        connection, self.connection = self.connection, None
        if connection is not None:
            connection.close()


class PostgresPaceStore:
    """Keep a pace in PostgreSQL; see :class:`textin_provider.hooks.pace_store.PaceStore` for the methods."""

    def __init__(self, connection: Connection, credential: str) -> None:
        self._connection, self._limits = _with_limits(connection)
        self._credential = credential
        # By process: after a fork, a lock may be held for ever, and the connection is still the parent's.
        self._sessions: dict[int, _Session] = {}

    def reserve(self, slots: int, spacing: float) -> Booking:
        """Reserve slots."""
        return self._run(_RESERVE, {"length": bounded(slots * spacing)})

    def pause(self, seconds: float, least: float, learned: str) -> Booking:
        """Start or extend a pause."""
        least = bounded(least)
        values = {"pause": max(bounded(seconds), least), "least": least, "learned": learned, "length": 0.0}
        return self._run(_PAUSE, values)

    def close(self) -> None:
        """Close the connection of this process."""
        session = self._session()
        with session.turn():
            session.drop()

    def _session(self) -> _Session:
        # setdefault is atomic, also between threads.
        return self._sessions.get(os.getpid()) or self._sessions.setdefault(os.getpid(), _Session())

    def _run(self, statement: str, values: Mapping[str, Any]) -> Booking:
        values = {"credential": self._credential, **values}
        session = self._session()
        with session.turn():
            if (connection := session.connection) is not None:
                try:
                    return self._book(connection, statement, values)
                except connection.Error:
                    # The server, or a network in between, may have closed an idle connection.
                    if not connection.closed:
                        raise
            session.connection = self._connect()
            return self._book(session.connection, statement, values)

    def _connect(self) -> Any:
        connection: Any = PostgresHook(connection=self._connection).get_conn()
        connection.autocommit = True
        if _is_psycopg_3(connection):
            from psycopg import ClientCursor

            # Sends several statements in one round trip, and prepares none, which poolers would not know.
            connection.cursor_factory = ClientCursor
        return connection

    def _book(self, connection: Any, statement: str, values: Mapping[str, Any]) -> Booking:
        try:
            return Booking(*self._execute(connection, statement, values))
        except connection.Error as error:
            if error.diag.sqlstate != _UNDEFINED_TABLE:
                raise
        try:
            self._execute(connection, _CREATE)
        except connection.Error as error:
            if error.diag.sqlstate not in _EXISTS:
                raise
        return Booking(*self._execute(connection, statement, values))

    def _execute(self, connection: Any, statement: str, values: Mapping[str, Any] | None = None) -> Any:
        with connection.cursor() as cursor:
            cursor.execute(self._limits + statement, values)
            # psycopg 3 starts at the result of the first statement, psycopg2 has that of the last only.
            while _is_psycopg_3(connection) and cursor.nextset():
                pass
            return cursor.fetchone() if cursor.description else None


def _is_psycopg_3(connection: Any) -> bool:
    return type(connection).__module__.partition(".")[0] == "psycopg"


def _with_limits(connection: Connection) -> tuple[Connection, str]:
    """
    Return a copy of the connection with limits that it does not set itself, and statements for the others.

    As options of the connection, a pooler such as PgBouncer would refuse those others; as settings of the
    session, it would pass them on to other clients.
    """
    extra = {"connect_timeout": int(GIVE_UP_AFTER), "tcp_user_timeout": _MILLISECONDS}
    extra |= connection.extra_dejson
    # Rows are read by position.
    extra.pop("cursor", None)
    copy = type(connection)(
        conn_id=connection.conn_id,
        conn_type=connection.conn_type,
        host=connection.host,
        login=connection.login,
        password=connection.password,
        schema=connection.schema,
        port=connection.port,
        extra=json.dumps(extra),
    )
    options = str(extra.get("options", ""))
    return copy, "".join(f"SET LOCAL {name} = {_MILLISECONDS}; " for name in _LIMITS if name not in options)
