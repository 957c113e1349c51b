"""Sends requests from a worker: within the rate limit of the credential, repeated where that is safe."""

from __future__ import annotations

import os
import time
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from airflow.providers.common.compat.sdk import BaseHook

import textin_provider.exceptions  # noqa: F401  # errors become public exceptions by being registered
from textin_provider.api.errors import ApiError, ErrorKind
from textin_provider.api.protocol import Request, Response
from textin_provider.api.retry import backoff, timing
from textin_provider.api.send_pipeline import PaceCall, Pipeline, Steps
from textin_provider.hooks.connection import (
    DEFAULT_CONN_ID,
    TextInConnection,
    lookup_errors,
    pace_lookup_errors,
    read_connection,
)
from textin_provider.hooks.guard import GuardedPost, NoRecord, PostRecord
from textin_provider.hooks.metrics import count
from textin_provider.hooks.rate_limit_wait import RateLimitWait

if TYPE_CHECKING:
    from collections.abc import Callable

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
            found = self.get_connection(self.textin_conn_id)
        connection = read_connection(found, found.extra_dejson)
        if connection.pace_conn_id is None:
            return connection
        with pace_lookup_errors(connection.pace_conn_id):
            store = self.get_connection(connection.pace_conn_id)
        return connection.with_pace(store)

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

    def now(self) -> float:
        """Return the seconds of the monotonic clock."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Let some seconds pass between two requests."""
        time.sleep(seconds)

    def send(
        self,
        request: Request[T],
        *,
        attempts: int = READ_ATTEMPTS,
        record: PostRecord[T] | None = None,
        turn: RateLimitWait | None = None,
    ) -> T:
        """
        Send one request and return its value. A POST is repeated only if nothing can have been accepted.

        :param attempts: how often it is sent at most. A refusal for the rate does not count.
        :param record: where a POST is written down, before it is sent and after it was accepted.
        :param turn: waits out refusals for the rate; by default for an hour, and not for a single attempt.
        :raises TextInUncertainSubmitError: for any exception between the first byte of a POST and the end
            of ``record.accepted``, unless it proves that nothing was accepted.
        """
        turn = turn or self._turn(attempts)
        if request.is_read:
            value: T = self.retry(
                lambda: self._drive(self._pipeline().send(request), self._exchange),
                attempts=attempts,
                turn=turn,
            )
            return value
        return self._post(GuardedPost(request, record or NoRecord()), attempts, turn)

    def _post(self, post: GuardedPost[T], attempts: int, turn: RateLimitWait) -> T:
        """Send a POST, and hand over its value before anything can get lost."""

        def exchange(request: Request[Any]) -> Response:
            # Preparing a session may fail, which must not look as if something was sent.
            self.get_conn()
            post.sending()
            return self._exchange(request, post.on_first_bytes)

        def attempt() -> T:
            try:
                value: T = self._drive(self._pipeline().send(post.request), exchange)
                return value
            except ApiError as error:
                post.attempt_failed(error)
                raise

        try:
            self.retry(attempt, attempts=attempts, turn=turn, is_read=False)
            return post.hand_over()
        except BaseException as error:  # of any class: a timeout or a signal must not lead to a second POST
            final = post.final_error(error)
            if final is error:
                raise
            raise final from error

    def run(self, new_flow: Callable[[], Flow[T]], *, attempts: int) -> T:
        """Send the reads of a flow and return its result; after an error the flow starts again."""
        result: T = self.retry(
            lambda: self._drive(self._pipeline().run(new_flow()), self._exchange), attempts=attempts
        )
        return result

    def retry(
        self,
        action: Callable[[], T],
        *,
        attempts: int = READ_ATTEMPTS,
        turn: RateLimitWait | None = None,
        is_read: bool = True,
    ) -> T:
        """
        Repeat an action after a transient error; other actions than reads only if nothing was sent.

        :param turn: waits out refusals for the rate, which do not count as attempts.
        """
        turn = turn or self._turn(attempts)
        attempt = 1
        while True:
            try:
                value = action()
            except ApiError as error:
                if error.kind is ErrorKind.RATE_LIMIT and turn.timeout:
                    turn.wait(error)
                    continue
                is_repeatable = error.kind.is_transient if is_read else error.kind is ErrorKind.TRANSPORT
                if not is_repeatable or attempt >= attempts:
                    raise
                attempt += 1
                self.log.warning("%s Retrying (attempt %d of %d).", error, attempt, attempts)
                self.sleep(min(max(backoff(attempt - 1), error.retry_after or 0.0), _LONGEST_DELAY))
            else:
                turn.end()
                return value

    def report_limit(self, error: ApiError) -> None:
        """Start a pause of the account if a download, which needs no slot, was refused for its rate."""
        self._drive(self._pipeline().report(error), self._exchange)

    def _turn(self, attempts: int) -> RateLimitWait:
        return RateLimitWait(self, timing().rate_limit_timeout if attempts > 1 else 0.0)

    def pause_left(self) -> float:
        """Return the seconds until the common pause of the account ends, 0 without one."""
        return self.connection.limiter.pause_left(self.now())

    def _exchange(self, request: Request[Any], on_first_bytes: Callable[[], None] | None = None) -> Response:
        """Send one request once and return the response."""
        from textin_provider.hooks.requests_transport import send

        return send(self.get_conn(), request, self.connection, on_first_bytes)

    def _pipeline(self) -> Pipeline:
        return Pipeline(self.connection.limiter, self.now, self._log_pause, _LONGEST_DELAY)

    def _log_pause(self, pause: str) -> None:
        count("rate_limited")
        self.log.warning("%s", pause)

    def _drive(self, steps: Steps[T], exchange: Callable[[Request[Any]], Response]) -> T:
        """Sleep, send and ask the shared pace as the pipeline says."""
        result: Any = None
        while True:
            try:
                step = steps.send(result)
            except StopIteration as end:
                value: T = end.value
                return value
            if isinstance(step, Request):
                result = exchange(step)
            elif isinstance(step, PaceCall):
                result = step.run()
            else:
                self.sleep(step)
                result = None
