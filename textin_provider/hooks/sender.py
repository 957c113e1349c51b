"""Sends requests from a worker: within the rate limit of the credential, repeated where that is safe."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from textin_provider.api.errors import ApiError, ErrorKind
from textin_provider.api.protocol import Request
from textin_provider.api.rate_limit import flow_within_limit, send_within_limit
from textin_provider.api.retry import backoff

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    import requests

    from textin_provider.api.protocol import Flow, Response
    from textin_provider.api.rate_limit import RateLimiter
    from textin_provider.hooks.connection import TextInConnection
    from textin_provider.hooks.textin import TextInHook

T = TypeVar("T")

#: How often a read is tried outside of a wait, and the longest delay between two tries, in seconds.
READ_ATTEMPTS = 4
_LONGEST_DELAY = 30.0


class Sender:
    """
    Sends requests with the connection and the session of a hook.

    The connection is looked up when the first request is sent, after its input was checked.
    """

    def __init__(self, hook: TextInHook) -> None:
        self._hook = hook

    @property
    def connection(self) -> TextInConnection:
        """The connection of the hook."""
        return self._hook.connection

    @property
    def session(self) -> requests.Session:
        """The session of the hook."""
        return self._hook.get_conn()

    @property
    def limiter(self) -> RateLimiter:
        """The rate limiter that all requests of the credential in this process share."""
        return self.connection.limiter

    def send(self, request: Request[T], *, attempts: int = READ_ATTEMPTS) -> T:
        """Send one request and return its value. A POST is repeated only if no connection was made."""

        def send_once() -> T:
            limiter = self.limiter
            return self._drive(
                send_within_limit(request, limiter, clock=time.monotonic, max_wait=_LONGEST_DELAY)
            )

        return self.retry(send_once, attempts=attempts, is_read=request.is_read)

    def run(self, new_flow: Callable[[], Flow[T]], *, attempts: int = READ_ATTEMPTS) -> T:
        """Send the requests of a flow of reads and return its result; after an error it starts again."""

        def run_once() -> T:
            flow, limiter = new_flow(), self.limiter
            return self._drive(
                flow_within_limit(flow, limiter, clock=time.monotonic, max_wait=_LONGEST_DELAY)
            )

        return self.retry(run_once, attempts=attempts)

    def retry(self, action: Callable[[], T], *, attempts: int = READ_ATTEMPTS, is_read: bool = True) -> T:
        """Repeat an action after a transient error; other actions than reads only if nothing was sent."""
        for attempt in range(1, attempts + 1):
            try:
                return action()
            except ApiError as error:
                is_repeatable = error.kind.is_transient if is_read else error.kind is ErrorKind.TRANSPORT
                if not is_repeatable or attempt == attempts or self._is_paused_for_long():
                    raise
                self._hook.log.warning("%s Retrying (attempt %d of %d).", error, attempt + 1, attempts)
                # After a rate limit the next attempt waits for the end of the shared pause instead.
                if error.kind is not ErrorKind.RATE_LIMIT:
                    time.sleep(min(max(backoff(attempt), error.retry_after or 0.0), _LONGEST_DELAY))
        raise AssertionError("unreachable: the last attempt returns or raises")

    @contextmanager
    def reporting_limits(self) -> Iterator[None]:
        """Report a rate-limit response in the block to the limiter: downloads bypass the pipeline."""
        try:
            yield
        except ApiError as error:
            if error.kind is ErrorKind.RATE_LIMIT:
                self.limiter.on_limit(error.retry_after, now=time.monotonic())
            raise

    def _is_paused_for_long(self) -> bool:
        return self.limiter.pause_left(time.monotonic()) > _LONGEST_DELAY

    def _drive(self, steps: Generator[float | Request[Any], Response | None, T]) -> T:
        """Sleep and send as the pipeline says."""
        from textin_provider.hooks.requests_transport import send

        try:
            step = next(steps)
            while True:
                if isinstance(step, Request):
                    step = steps.send(send(self.session, step, self.connection))
                else:
                    time.sleep(step)
                    step = next(steps)
        except StopIteration as end:
            value: T = end.value
            return value
