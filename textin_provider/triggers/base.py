"""What all triggers of this provider have in common."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from textin_provider.hooks.loading import load

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from textin_provider.api.protocol import Flow
    from textin_provider.api.waiting import Pace, Decision, Wait

#: What triggers work with. The triggerer loads the class of a trigger on its loop, so this module imports
#: next to nothing, and the first triggers that run import these in a thread.
_MACHINERY = (
    "textin_provider.api.batch_wait",
    "textin_provider.api.jobs",
    "textin_provider.triggers.poller",
)


class TextInTrigger(BaseTrigger):
    """
    Flow at TextIn until there is something to tell.

    It only looks: it never submits, downloads or cancels, so it may run twice at once or start over. It
    yields one event: ``{"ending": "terminal", ...}``, ``{"ending": "timeout", "message": ...}`` or
    ``{"ending": "fault", "fault": {...}}``. A subclass says what to ask and how to judge the answers.

    :param textin_conn_id: id of the connection.
    :param poll_interval: seconds between looks.
    :param deadline: epoch seconds when the wait is over; wall clock, for it may go on in another process.
    :param timeout: the seconds that the deadline was made from, for the message.
    :param exponential_backoff: whether the interval doubles with each look.
    :param max_wait: seconds that a doubled interval may reach at most.
    :param looks: how many looks were taken in earlier deferrals of the same wait.
    """

    def __init__(
        self,
        *,
        textin_conn_id: str,
        poll_interval: float,
        deadline: float,
        timeout: float,
        exponential_backoff: bool = False,
        max_wait: float | None = None,
        looks: int = 0,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Airflow's base class has no annotations
        self.textin_conn_id = textin_conn_id
        self.poll_interval = poll_interval
        self.deadline = deadline
        self.timeout = timeout
        self.exponential_backoff = exponential_backoff
        self.max_wait = max_wait
        self.looks = looks

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and the arguments, plain values all."""
        return (
            f"{type(self).__module__}.{type(self).__qualname__}",
            {
                "textin_conn_id": self.textin_conn_id,
                "poll_interval": self.poll_interval,
                "deadline": self.deadline,
                "timeout": self.timeout,
                "exponential_backoff": self.exponential_backoff,
                "max_wait": self.max_wait,
                "looks": self.looks,
            },
        )

    def _pace(self) -> Pace:
        """Return when to look, and until when."""
        from textin_provider.api.waiting import Pace, Schedule

        schedule = Schedule(self.poll_interval, self.exponential_backoff, self.max_wait)
        return Pace(schedule, self.deadline, self.timeout, self.looks)

    def _wait(self) -> Wait:
        """Return what judges the looks."""
        raise NotImplementedError

    def _look(self, key: str) -> Flow[Any]:
        """Return one look at one of the keys of the wait."""
        raise NotImplementedError

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Flow until the wait has ended, and yield the event it ended with."""
        await load(*_MACHINERY)
        from textin_provider.api.errors import ApiError
        from textin_provider.api.waiting import error_event
        from textin_provider.triggers.poller import PollTask, join_poller

        try:
            async with join_poller(self.textin_conn_id) as poller:
                event = await poller.run(PollTask(self._wait(), self._look, self._tell))
        except ApiError as fault:
            event = error_event(fault)
        yield TriggerEvent(event)

    def _tell(self, decision: Decision) -> None:
        self.log.log(logging.WARNING if decision.is_warning else logging.INFO, "%s", decision.notice)
