"""The pace of a fleet in Redis: one hash for each credential, and one Lua script for each method."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.providers.redis.hooks.redis import RedisHook
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.retry import Retry

from textin_provider.api.rate_limit import Booking
from textin_provider.hooks.pace_store import GIVE_UP_AFTER, bounded

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow.providers.common.compat.sdk import Connection

#: Seconds until an unused key expires; a nightly DAG still finds what was learned the night before.
_KEEP = 7 * 86_400

#: Reads the state. Values that are not times count as missing.
_READ = """
local clock = redis.call('TIME')
local now = clock[1] + clock[2] / 1000000
local stored = redis.call('HMGET', KEYS[1], 'seen_at', 'free_at', 'paused_until', 'learned')
local function time(index)
  local value = tonumber(stored[index])
  if value and math.abs(value) < 1e12 then return value end
end
local back = math.max(0, (time(1) or now) - now)
local free_at = (time(2) or now) - back
local paused_until = (time(3) or now) - back
local learned = stored[4] or ''
local length = 0
"""
_RESERVE = """
length = tonumber(ARGV[1])
"""
_PAUSE = """
local seconds, least = tonumber(ARGV[1]), tonumber(ARGV[2])
if now < paused_until then
  paused_until = math.max(paused_until, now + least)
else
  paused_until = now + math.max(seconds, least)
  free_at = paused_until
  learned = ARGV[3]
end
"""
#: Stores the state and returns a booking. Lua itself would write times with 14 digits only.
_WRITE = f"""
local function text(value)
  return string.format('%.6f', value)
end
local first = math.max(now, free_at, paused_until)
free_at = first + length
redis.call('HSET', KEYS[1], 'seen_at', text(now), 'free_at', text(free_at),
  'paused_until', text(paused_until), 'learned', learned)
redis.call('EXPIRE', KEYS[1], math.ceil(free_at - now) + {_KEEP})
return {{text(first - now), text(math.max(0, paused_until - now)), learned,
  text(math.max(0, now - paused_until))}}
"""


class _Hook(RedisHook):
    """Airflow's hook, with a connection that was already looked up."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection.conn_id)
        self._connection = connection

    def get_connection(self, conn_id: str) -> Connection:  # type: ignore[override]
        # A class method of BaseHook, which RedisHook calls on itself.
        return self._connection


class RedisPaceStore:
    """
    Keep a pace in Redis; see :class:`textin_provider.hooks.pace_store.PaceStore` for the methods.

    The client has a pool of connections, which threads may share, and which starts anew after a fork.
    """

    def __init__(self, connection: Connection, credential: str) -> None:
        self._connection = connection
        self._key = f"airflow-provider-textin:pace:{credential}"

    def reserve(self, slots: int, spacing: float) -> Booking:
        """Reserve slots."""
        return self._run("reserve", bounded(slots * spacing))

    def pause(self, seconds: float, least: float, learned: str) -> Booking:
        """Start or extend a pause."""
        return self._run("pause", bounded(seconds), bounded(least), learned)

    def close(self) -> None:
        """Close the connections of this process."""
        if client := self.__dict__.pop("_client", None):
            client.close()
        self.__dict__.pop("_scripts", None)

    def _run(self, method: str, *arguments: float | str) -> Booking:
        delay, pause_left, learned, age = self._scripts[method](keys=[self._key], args=arguments)
        return Booking(float(delay), float(pause_left), learned.decode(), float(age))

    @cached_property
    def _scripts(self) -> Mapping[str, Any]:
        """The scripts by method; calling one loads it if Redis has forgotten it."""
        parts = {"reserve": _RESERVE, "pause": _PAUSE}
        return {name: self._client.register_script(_READ + part + _WRITE) for name, part in parts.items()}

    @cached_property
    def _client(self) -> Any:
        hook: RedisHook = _Hook(self._connection)
        client = hook.get_conn()
        options = {"socket_timeout": GIVE_UP_AFTER, "socket_connect_timeout": GIVE_UP_AFTER}
        given = self._connection.extra_dejson
        client.get_connection_kwargs().update({name: options[name] for name in options if name not in given})
        # Redis may have closed an idle connection. Three retries with backoff, the default, would take long.
        client.set_retry(Retry(NoBackoff(), 1, supported_errors=(RedisConnectionError,)))
        return client
