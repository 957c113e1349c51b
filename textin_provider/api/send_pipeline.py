"""The pipeline of one request, without I/O, for workers and triggerers: reserve, sleep, send, report."""

from __future__ import annotations

from collections.abc import Callable, Generator
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, TypeVar

from textin_provider.api.errors import ApiError, ErrorKind

if TYPE_CHECKING:
    from textin_provider.api.protocol import Flow, Request
    from textin_provider.api.rate_limit import Booking, RateLimiter

T = TypeVar("T")


class PaceCall(NamedTuple):
    """A blocking call to the shared pace; its result is sent back into the pipeline."""

    run: Callable[[], Booking | None]


#: What a pipeline yields: seconds to sleep, a request to send, or a call to the shared pace.
Step: TypeAlias = "float | Request[Any] | PaceCall"
Steps: TypeAlias = Generator[Step, Any, T]


class Pipeline(NamedTuple):
    """
    How requests are sent within the limit of a credential.

    :param limiter: the rate limiter of the credential.
    :param clock: returns seconds of the monotonic clock.
    :param log: logs the refusals, one line a pause.
    :param max_wait: the longest pause in seconds that a request may wait for.
    """

    limiter: RateLimiter
    clock: Callable[[], float]
    log: Callable[[str], None]
    max_wait: float

    def send(self, request: Request[T]) -> Steps[T]:
        """
        Send one request when its slot has come, report the outcome, and return the value.

        :raises ApiError: for a pause longer than ``max_wait``, and as reading the response does.
        """
        yield from self._wait_for_slot(request.about)
        try:
            value: T = request.read((yield request))
        except ApiError as error:
            yield from self.report(error)
            raise
        return value

    def run(self, flow: Flow[T]) -> Steps[T]:
        """Send all requests of a flow, each as :meth:`send` does, and return the result of the flow."""
        try:
            request = next(flow)
            while True:
                value = yield from self.send(request)
                request = flow.send(value)
        except StopIteration as end:
            result: T = end.value
            return result

    def report(self, error: ApiError) -> Steps[None]:
        """Start a pause if a request was refused for its rate."""
        if error.kind is not ErrorKind.RATE_LIMIT or error.is_job_limit:
            return
        now = self.clock()
        left = self.limiter.pause_left(now)
        refusal = self.limiter.on_limit(error.retry_after, now=now)
        if refusal:
            self.log(str(refusal))
        # Alone, this process knows its own rate, which all processes together must not keep to.
        if self.limiter.shared and not self.limiter.is_alone and self.limiter.pause_left(now) > left:
            pause = self.limiter.pause_left(now) if refusal else 0.0
            yield from self._ask(
                partial(self.limiter.shared.pause, pause, error.retry_after or 0.0, self.limiter.learned)
            )

    def _wait_for_slot(self, about: str) -> Steps[None]:
        while True:
            self._check_pause(about)
            delay = yield from self._reserve()
            self._check_pause(about)
            pauses = self.limiter.pauses
            if delay <= 0:
                return
            yield delay
            if self.limiter.shared:
                yield from self._ask(self.limiter.shared.check)
            # Another request may have hit the limit during the sleep.
            if self.limiter.pauses == pauses:
                return

    def _reserve(self) -> Steps[float]:
        """Reserve a slot, if possible in the shared pace, and return the seconds until then."""
        if self.limiter.shared:
            if self.limiter.is_alone:  # the spacing of this process would be too long for all
                yield from self._ask(self.limiter.shared.check)
            spacing = self.limiter.spacing(self.clock())
            booking = yield from self._ask(partial(self.limiter.shared.reserve, spacing), spacing)
            if booking is not None:
                return booking.delay
        return self.limiter.reserve(self.clock())

    def _ask(self, call: Callable[[], Booking | None], reserved: float = 0.0) -> Steps[Booking | None]:
        booking: Booking | None = yield PaceCall(call)
        if booking is not None:
            self.limiter.adopt(booking, self.clock(), reserved=reserved)
        return booking

    def _check_pause(self, about: str) -> None:
        left = self.limiter.pause_left(self.clock())
        if left > self.max_wait:
            message = f"not sent: TextIn asked this account to pause, for {left:.0f} s more"
            fix = "Retry after the pause"
            raise ApiError(ErrorKind.RATE_LIMIT, about=about, message=message, fix=fix, retry_after=left)
