"""The trigger that waits for an xParse job."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from textin_provider.api.faults import Fault
from textin_provider.api.waiting import JobWait, Schedule, ended_by
from textin_provider.api.xparse import get_job
from textin_provider.triggers.poller import join_poller

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from textin_provider.api.waiting import Verdict
    from textin_provider.triggers.poller import Poller


class XParseJobTrigger(BaseTrigger):
    """
    Wait until an xParse job has ended.

    It only looks: it never submits, downloads or cancels, so it may run twice at once or start over. It
    yields one event: ``{"ending": "terminal", "job": {...}}``, ``{"ending": "timeout", "message": ...}`` or
    ``{"ending": "fault", "fault": {...}}``.

    :param job_id: id of the job.
    :param textin_conn_id: id of the connection.
    :param poll_interval: seconds between looks.
    :param deadline: epoch seconds when the wait is over; wall clock, for it may go on in another process.
    :param timeout: the seconds that the deadline was made from, for the message.
    :param exponential_backoff: whether the interval doubles with each look.
    :param max_wait: seconds that a doubled interval may reach at most.
    """

    def __init__(
        self,
        *,
        job_id: str,
        textin_conn_id: str,
        poll_interval: float,
        deadline: float,
        timeout: float,
        exponential_backoff: bool = False,
        max_wait: float | None = None,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Airflow's base class has no annotations
        self.job_id = job_id
        self.textin_conn_id = textin_conn_id
        self.poll_interval = poll_interval
        self.deadline = deadline
        self.timeout = timeout
        self.exponential_backoff = exponential_backoff
        self.max_wait = max_wait

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and the arguments, plain values all."""
        return (
            "textin_provider.triggers.xparse.XParseJobTrigger",
            {
                "job_id": self.job_id,
                "textin_conn_id": self.textin_conn_id,
                "poll_interval": self.poll_interval,
                "deadline": self.deadline,
                "timeout": self.timeout,
                "exponential_backoff": self.exponential_backoff,
                "max_wait": self.max_wait,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look until the job has ended, the deadline has passed or a fault is permanent; yield one event."""
        schedule = Schedule(self.poll_interval, self.exponential_backoff, self.max_wait)
        wait = JobWait(self.job_id, schedule, deadline=self.deadline, timeout=self.timeout)
        try:
            async with join_poller(self.textin_conn_id) as poller:
                event = await self._watch(wait, poller)
        except Fault as fault:
            event = ended_by(fault)
        yield TriggerEvent(event)

    async def _watch(self, wait: JobWait, poller: Poller) -> dict[str, Any]:
        call = get_job(self.job_id)
        delay = wait.begin(now=time.time())
        while True:
            verdict: Verdict
            try:
                job = await poller.ask(call, delay)
            except Fault as fault:
                verdict = wait.on_fault(fault, now=time.time())
            else:
                verdict = wait.on_job(job, now=time.time())
            if verdict.notice:
                self.log.log(logging.WARNING if verdict.is_warning else logging.INFO, "%s", verdict.notice)
            if verdict.event is not None:
                return verdict.event
            delay = verdict.delay
