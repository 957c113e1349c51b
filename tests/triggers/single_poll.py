"""A single poll through a poller, as the shortest of waits."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from textin_provider.api.xparse.endpoints import poll_job
from textin_provider.polling.decision import Decision, done
from textin_provider.polling.policy import PollPolicy
from textin_provider.polling.wait import Wait
from textin_provider.triggers.poller import PollTask

if TYPE_CHECKING:
    from collections.abc import Callable

    from textin_provider.api.errors import ApiError
    from textin_provider.api.protocol import Flow
    from textin_provider.triggers.poller import Poller


class _SinglePoll(Wait):
    """Ends with the state that the first poll brings, or raises its error."""

    def __init__(self, job_id: str, delay: float) -> None:
        super().__init__([job_id], PollPolicy(0.0, time.time() + 3600, 3600))
        self._single_delay = delay

    def first_delay(self, *, now: float) -> float:
        return self._single_delay

    def on_state(self, key: str, state: Any, *, now: float) -> Decision:
        return done(state=state)

    def on_error(self, key: str, error: ApiError, *, now: float) -> Decision:
        raise error


async def poll_once(
    poller: Poller, job_id: str, delay: float = 0.0, poll: Callable[[str], Flow[Any]] = poll_job
) -> Any:
    """Poll a job in ``delay`` seconds and return its state, or raise the error."""
    event = await poller.run(PollTask(_SinglePoll(job_id, delay), poll, _log_nothing))
    return event["state"]


def _log_nothing(decision: Decision) -> None:
    raise AssertionError(f"a single poll has no message: {decision}")
