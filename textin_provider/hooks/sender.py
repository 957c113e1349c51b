"""Sends requests from a worker: within the rate limit of the credential, repeated where that is safe."""

from __future__ import annotations

import os
import time
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, TypeVar

from airflow.providers.common.compat.sdk import BaseHook

import textin_provider.exceptions  # noqa: F401  # errors become public exceptions by being registered
from textin_provider.api.errors import ApiError, ErrorKind
from textin_provider.api.pause_log import is_new_pause
from textin_provider.api.protocol import Request, Response
from textin_provider.api.rate_limit import flow_within_limit, send_within_limit
from textin_provider.api.retry import backoff
from textin_provider.hooks.connection import DEFAULT_CONN_ID, TextInConnection, lookup_errors, read_connection
from textin_provider.hooks.guard import GuardedPost, NoRecord, PostRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    import requests

    from textin_provider.api.protocol import Flow

T = TypeVar("T")

#: How often a read is tried outside of a wait, and the longest delay between two tries, in seconds.
READ_ATTEMPTS = 4
_LONGEST_DELAY = 30.0


class Sender(BaseHook):
    """The connection, the session and the requests of a hook."""

    def __init__(self, textin_conn_id: str = DEFAULT_CONN_ID, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.textin_conn_id = textin_conn_id
        self._session: requests.Session | None = None
        self._session_pid: int | None = None

    @cached_property
    def connection(self) -> TextInConnection:
        """The checked connection, looked up at first use."""
        with lookup_errors(self.textin_conn_id):
            connection = self.get_connection(self.textin_conn_id)
        return read_connection(connection, connection.extra_dejson)

    def get_conn(self) -> requests.Session:
        """
        Return a session that sends the credentials to TextIn's hosts and to no other.

        The hook keeps it, and makes a new one in a forked process.
        """
        if self._session is None or self._session_pid != os.getpid():
            from textin_provider.hooks.requests_transport import TextInSession

            self._session = TextInSession(self.connection)
            self._session_pid = os.getpid()
        return self._session

    def sleep(self, seconds: float) -> None:
        """Let some seconds pass between two requests."""
        time.sleep(seconds)

    def send(
        self, request: Request[T], *, attempts: int = READ_ATTEMPTS, record: PostRecord[T] | None = None
    ) -> T:
        """
        Send one request and return its value. A POST is repeated only if no connection was made.

        :param record: where a POST is written down, before it is sent and after it was accepted.
        :raises TextInUncertainSubmitError: for any exception between the first byte of a POST and the end
            of ``record.accepted``, unless it proves that nothing was accepted.
        """
        if request.is_read:
            value: T = self.retry(
                partial(self._drive, send_within_limit, request, self._exchange), attempts=attempts
            )
            return value
        return self._post(GuardedPost(request, record or NoRecord()), attempts)

    def _post(self, post: GuardedPost[T], attempts: int) -> T:
        """Send a POST, and hand over its value before anything can get lost."""

        def exchange(request: Request[Any]) -> Response:
            # Preparing a session may fail, which must not look as if something was sent.
            self.get_conn()
            post.sending()
            return self._exchange(request, post.on_first_bytes)

        def attempt() -> T:
            try:
                value: T = self._drive(send_within_limit, post.request, exchange)
                return value
            except ApiError as error:
                post.attempt_failed(error)
                raise

        try:
            self.retry(attempt, attempts=attempts, is_read=False)
            return post.hand_over()
        except BaseException as error:  # of any class: a timeout or a signal must not lead to a second POST
            final = post.final_error(error)
            if final is error:
                raise
            raise final from error

    def run(self, new_flow: Callable[[], Flow[T]], *, attempts: int) -> T:
        """Send the reads of a flow and return its result; after an error the flow starts again."""
        result: T = self.retry(
            lambda: self._drive(flow_within_limit, new_flow(), self._exchange), attempts=attempts
        )
        return result

    def retry(self, action: Callable[[], T], *, attempts: int = READ_ATTEMPTS, is_read: bool = True) -> T:
        """Repeat an action after a transient error; other actions than reads only if nothing was sent."""
        for attempt in range(1, attempts + 1):
            try:
                return action()
            except ApiError as error:
                is_limited = error.kind is ErrorKind.RATE_LIMIT
                if is_limited:  # also of a download, which does not go through the pipeline
                    self.connection.limiter.on_limit(error.retry_after, now=time.monotonic())
                is_repeatable = error.kind.is_transient if is_read else error.kind is ErrorKind.TRANSPORT
                pause = self.connection.limiter.pause_left(time.monotonic()) if is_limited else 0.0
                if not is_repeatable or attempt == attempts or pause > _LONGEST_DELAY:
                    raise
                if not is_limited or is_new_pause(self.connection.limiter, time.monotonic()):
                    self.log.warning("%s Retrying (attempt %d of %d).", error, attempt + 1, attempts)
                # After a rate limit the next attempt waits for the end of the shared pause instead.
                if not is_limited:
                    time.sleep(min(max(backoff(attempt), error.retry_after or 0.0), _LONGEST_DELAY))
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _exchange(self, request: Request[Any], on_first_bytes: Callable[[], None] | None = None) -> Response:
        """Send one request once and return the response."""
        from textin_provider.hooks.requests_transport import send

        return send(self.get_conn(), request, self.connection, on_first_bytes)

    def _drive(
        self,
        pipeline: Callable[..., Generator[float | Request[Any], Any, T]],
        work: Any,
        exchange: Callable[[Request[Any]], Response],
    ) -> T:
        """Sleep and send as the pipeline for a request or a flow says."""
        steps = pipeline(work, self.connection.limiter, clock=time.monotonic, max_wait=_LONGEST_DELAY)
        response: Response | None = None
        while True:
            try:
                step = steps.send(response)
            except StopIteration as end:
                value: T = end.value
                return value
            if isinstance(step, Request):
                response = exchange(step)
            else:
                time.sleep(step)
                response = None
