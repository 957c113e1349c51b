"""One look through a poller, as the shortest of waits."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from textin_provider.polling.wait import Pace, Schedule, Decision, Wait
from textin_provider.api.xparse import poll_job
from textin_provider.triggers.poller import PollTask

if TYPE_CHECKING:
    from collections.abc import Callable

    from textin_provider.api.protocol import Flow
    from textin_provider.api.errors import ApiError
    from textin_provider.triggers.poller import Poller


class _Glance(Wait):
    """Ends with whatever the first look brings."""

    def __init__(self, job_id: str, delay: float) -> None:
        super().__init__([job_id], Pace(Schedule(0.0), time.time() + 3600, 3600))
        self._delay = delay

    def first_delay(self, *, now: float) -> float:
        return self._delay

    def on_state(self, key: str, seen: Any, *, now: float) -> Decision:
        return Decision(event={"seen": seen})

    def on_error(self, key: str, fault: ApiError, *, now: float) -> Decision:
        raise fault


async def glance(
    poller: Poller, job_id: str, delay: float = 0.0, look: Callable[[str], Flow[Any]] = poll_job
) -> Any:
    """Flow at a job in ``delay`` seconds and return what was seen, or raise the fault."""
    event = await poller.run(PollTask(_Glance(job_id, delay), look, _tell_nobody))
    return event["seen"]


def _tell_nobody(decision: Decision) -> None:
    raise AssertionError(f"a glance has nothing to tell: {decision}")
