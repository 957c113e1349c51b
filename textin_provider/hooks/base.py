"""What every use of a ``textin`` connection on a worker needs: the session, the tries, the form."""

from __future__ import annotations

import os
import time
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from airflow.providers.common.compat.sdk import AirflowNotFoundException, BaseHook

from textin_provider.api.faults import Fault, FaultKind
from textin_provider.api.waiting import backoff
from textin_provider.exceptions import public_errors
from textin_provider.hooks.connection import (
    CONN_TYPE,
    DEFAULT_CONN_ID,
    TextInConnection,
    missing_connection,
    read_connection,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    import requests

    from textin_provider.api.envelope import Call, Look

T = TypeVar("T")

#: How often a read is tried outside of a wait, and the longest pause between two tries, in seconds.
READ_ATTEMPTS = 4
_LONGEST_PAUSE = 30.0


class TextInConnectionHook(BaseHook):
    """
    Carry calls out with the credentials of an Airflow connection.

    :param textin_conn_id: id of the connection.
    """

    conn_name_attr = "textin_conn_id"
    default_conn_name = DEFAULT_CONN_ID
    conn_type = CONN_TYPE
    hook_name = "TextIn"

    def __init__(self, textin_conn_id: str = DEFAULT_CONN_ID, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.textin_conn_id = textin_conn_id
        self._session: requests.Session | None = None
        self._session_pid: int | None = None

    @cached_property
    @public_errors()
    def connection(self) -> TextInConnection:
        """The connection, looked up at first use and checked."""
        try:
            connection = self.get_connection(self.textin_conn_id)
        except AirflowNotFoundException:
            raise missing_connection(self.textin_conn_id) from None
        return read_connection(connection, connection.extra_dejson)

    def get_conn(self) -> requests.Session:
        """
        Return a session that sends the credentials to TextIn's hosts and to no other.

        It is kept for the life of the hook, and made anew in a forked process.
        """
        if self._session is None or self._session_pid != os.getpid():
            from textin_provider.hooks.requests_transport import TextInSession

            self._session = TextInSession(self.connection)
            self._session_pid = os.getpid()
        return self._session

    def _send(self, call: Call[T], *, attempts: int = READ_ATTEMPTS) -> T:
        from textin_provider.hooks.requests_transport import carry_out

        def once() -> T:
            return call.read(carry_out(self.get_conn(), call, self.connection))

        return self._try_often(once, attempts, is_read=call.is_read)

    def _look(self, look: Look[T], *, attempts: int) -> T:
        """Take a look, call by call, and return what it saw."""
        try:
            call = next(look)
            while True:
                call = look.send(self._send(call, attempts=attempts))
        except StopIteration as end:
            seen: T = end.value
            return seen

    def _try_often(self, action: Callable[[], T], attempts: int, *, is_read: bool = True) -> T:
        """Repeat an action after a transient fault; what is no read, only if it never left this machine."""
        for attempt in range(1, attempts + 1):
            try:
                return action()
            except Fault as fault:
                repeatable = fault.kind.is_transient if is_read else fault.kind is FaultKind.TRANSPORT
                if not repeatable or attempt == attempts:
                    raise
                pause = min(max(backoff(attempt), fault.retry_after or 0.0), _LONGEST_PAUSE)
                self.log.warning("%s Trying again in %.1f s (%d/%d).", fault, pause, attempt, attempts)
                time.sleep(pause)
        raise AssertionError("unreachable: the last attempt returns or raises")
