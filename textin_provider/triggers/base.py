"""The base of all triggers of this provider."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from airflow.triggers.base import BaseTrigger, TriggerEvent

from textin_provider.hooks.loading import load

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from textin_provider.api.protocol import Flow
    from textin_provider.polling.decision import Decision
    from textin_provider.polling.policy import PollPolicy
    from textin_provider.polling.wait import Wait

#: The triggerer loads the class of a trigger on its loop, so this module imports almost nothing. The first
#: triggers that run import these modules in a thread.
_MACHINERY = (
    "textin_provider.api.docflow.progress",
    "textin_provider.api.xparse.endpoints",
    "textin_provider.polling.docflow",
    "textin_provider.polling.xparse",
    "textin_provider.triggers.poller",
)


class TextInTrigger(BaseTrigger):
    """
    Poll TextIn until a wait has ended.

    A trigger never submits, downloads or cancels, so it may run twice at once or start again. It yields one
    event: ``{"ending": "terminal", ...}``, ``{"ending": "timeout", "message": ...}`` or ``{"ending": "fault",
    "fault": {...}}``. A subclass gives the wait, and the requests of a poll.

    :param textin_conn_id: id of the connection.
    :param poll_interval: seconds between polls.
    :param deadline: epoch seconds when the wait times out; wall clock, because another process may continue
        it.
    :param timeout: the seconds that the deadline was calculated from, for the message.
    :param exponential_backoff: whether the interval doubles with each poll.
    :param max_wait: seconds that a doubled interval may reach at most.
    :param looks: number of polls in earlier deferrals of the same wait; the name stands in stored triggers.
    """

    #: The serialized arguments, which are attributes of the same names.
    _argument_names: ClassVar[tuple[str, ...]] = (
        "textin_conn_id",
        "poll_interval",
        "deadline",
        "timeout",
        "exponential_backoff",
        "max_wait",
        "looks",
    )

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
        """Return the class path and the arguments, all of them plain values."""
        path = f"{type(self).__module__}.{type(self).__qualname__}"
        return path, {name: getattr(self, name) for name in self._argument_names}

    def _policy(self) -> PollPolicy:
        from textin_provider.polling.policy import PollPolicy

        return PollPolicy(
            self.poll_interval,
            self.deadline,
            self.timeout,
            exponential_backoff=self.exponential_backoff,
            max_wait=self.max_wait,
            polls=self.looks,
        )

    def _wait(self) -> Wait:
        """Return the wait that judges the polls."""
        raise NotImplementedError

    def _poll(self, key: str) -> Flow[Any]:
        """Return the requests of one poll of a key of the wait."""
        raise NotImplementedError

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Poll until the wait has ended, and yield its event."""
        await load(*_MACHINERY)
        from textin_provider.triggers.poller import PollTask, join_poller

        async with join_poller(self.textin_conn_id) as poller:
            event = await poller.run(PollTask(self._wait(), self._poll, self._log_decision))
        yield TriggerEvent(event)

    def _log_decision(self, decision: Decision) -> None:
        self.log.log(decision.level, "%s", decision.message)
