"""The store that all processes of a fleet share their pace in: its interface, and how it is opened."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from textin_provider.api.errors import ApiError, ErrorKind

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Connection

    from textin_provider.api.rate_limit import Booking

#: Seconds after which connecting, and each call, give up.
GIVE_UP_AFTER = 2.0
#: Seconds that a store keeps at most: a year. Longer values count as this.
_LONGEST = 366 * 86_400.0


class PaceStore(Protocol):
    """
    The pace of one credential in a shared store. Each method is one round trip, atomic, and thread-safe.

    The store keeps ``free_at``, ``paused_until``, ``learned`` and ``seen_at``, by its own clock. If that
    clock was set back (now < seen_at), the times are shifted back by the same amount.

    The methods block for some seconds at most, and raise what the client library raises: the store is out of
    reach, or refuses. The next call connects again. A store may be used after a fork.
    """

    def reserve(self, slots: int, spacing: float) -> Booking:
        """
        Reserve slots: the first at ``max(now, free_at, paused_until)``, each next one ``spacing`` later.

        ``slots=0`` reserves nothing and returns the state; ``delay`` is that of the next free slot.

        :raises ValueError: if a number is negative or NaN.
        """

    def pause(self, seconds: float, least: float, learned: str) -> Booking:
        """
        Start a pause of ``max(seconds, least)``, after which all slots are free, and store what was learned.

        During a pause, only extend it to ``least`` from now at least, and keep ``learned`` as it is. Return
        what ``reserve(0, 0.0)`` would return.

        :raises ValueError: if a number is negative or NaN.
        """

    def close(self) -> None:
        """Close the connections of this process; a later call connects again."""


def open_store(connection: Connection, credential: str) -> PaceStore:
    """
    Return the store behind an Airflow connection; the first call connects.

    :param connection: of type ``redis`` or ``postgres``, already looked up.
    :param credential: names the pace in the store: a hash of the credential, never the credential itself.
    :raises ApiError: if the connection has another type, or its extra is not installed.
    """
    about = f"Connection {connection.conn_id!r}, named in field pace_conn_id"
    conn_type = connection.conn_type
    # The clients are imported here, for they are optional and take a while.
    try:
        if conn_type == "redis":
            from textin_provider.hooks.pace_redis import RedisPaceStore

            return RedisPaceStore(connection, credential)
        if conn_type == "postgres":
            from textin_provider.hooks.pace_postgres import PostgresPaceStore

            return PostgresPaceStore(connection, credential)
    except ImportError as error:
        message = f"type {conn_type!r} needs a package that is not installed ({error})"
        fix = f"pip install 'airflow-provider-textin[{conn_type}]'"
        raise ApiError(ErrorKind.CONFIGURATION, about=about, message=message, fix=fix) from None
    message = f"it is of type {conn_type!r}"
    fix = "Name a connection of type 'redis' or 'postgres'"
    raise ApiError(ErrorKind.CONFIGURATION, about=about, message=message, fix=fix)


def bounded(seconds: float) -> float:
    """Return seconds that a store can keep, a year at most; ValueError if they are negative or NaN."""
    if not seconds >= 0:
        raise ValueError(f"{seconds!r} is not a number of seconds")
    return min(float(seconds), _LONGEST)
