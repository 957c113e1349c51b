"""What every use of a ``textin`` connection on a worker needs: the session, the tries, the form."""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from airflow.providers.common.compat.sdk import AirflowNotFoundException, BaseHook

from textin_provider.api.errors import ApiError, ErrorKind
from textin_provider.api.waiting import backoff
from textin_provider.exceptions import TextInError, public_errors
from textin_provider.hooks.connection import (
    CONN_TYPE,
    DEFAULT_CONN_ID,
    TextInConnection,
    missing_connection,
    read_connection,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import requests

    from textin_provider.api.protocol import Request, Flow
    from textin_provider.api.rate_limit import RateLimiter

S = TypeVar("S")
T = TypeVar("T")

#: How often a read is tried outside of a wait, and the longest pause between two tries, in seconds.
READ_ATTEMPTS = 4
_LONGEST_PAUSE = 30.0
#: How many things are done at the same time where there are many to do.
_AT_ONCE = 8


def map_in_threads(action: Callable[[S], T], items: Sequence[S]) -> Iterator[T | TextInError]:
    """
    Do something with each of the items, a few at the same time, and yield what came of it in their order.

    The first goes alone: it opens for the others what they share, such as connections that Airflow looks up.
    """

    def attempt(item: S) -> T | TextInError:
        try:
            return action(item)
        except TextInError as error:
            return error

    yield from map(attempt, items[:1])
    if len(items) > 1:
        pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="textin")
        try:
            yield from pool.map(attempt, items[1:])
        finally:
            pool.shutdown(cancel_futures=True)


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

    def _send(self, call: Request[T], *, attempts: int = READ_ATTEMPTS) -> T:
        from textin_provider.hooks.requests_transport import send

        limiter = self.connection.limiter

        def once() -> T:
            self._poll_one(limiter, call)
            seen = call.read(send(self.get_conn(), call, self.connection))
            limiter.on_success(now=time.monotonic())
            return seen

        return self._try_often(once, attempts, is_read=call.is_read)

    def _poll_one(self, limiter: RateLimiter, call: Request[Any]) -> None:
        """Wait until this credential may ask; a long pause is left to the task's retries."""
        if (delay := limiter.reserve(time.monotonic(), about=call.about, max_wait=_LONGEST_PAUSE)) > 0:
            time.sleep(delay)

    def _look(self, look: Flow[T], *, attempts: int) -> T:
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
            except ApiError as fault:
                if fault.kind is ErrorKind.RATE_LIMIT:
                    self.connection.limiter.on_limit(fault.retry_after, now=time.monotonic())
                repeatable = fault.kind.is_transient if is_read else fault.kind is ErrorKind.TRANSPORT
                if not repeatable or attempt == attempts:
                    raise
                self.log.warning("%s Trying again (%d of %d).", fault, attempt + 1, attempts)
                # A rate limit needs no pause of its own: the next turn comes after the pause of them all.
                if fault.kind is not ErrorKind.RATE_LIMIT:
                    time.sleep(min(max(backoff(attempt), fault.retry_after or 0.0), _LONGEST_PAUSE))
        raise AssertionError("unreachable: the last attempt returns or raises")
