"""The trigger that waits for xParse jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from textin_provider.triggers.base import TextInTrigger

if TYPE_CHECKING:
    from textin_provider.api.protocol import Flow
    from textin_provider.api.xparse import XParseJob
    from textin_provider.polling.xparse import JobWait


class XParseJobTrigger(TextInTrigger):
    """
    Wait until an xParse job has ended, or every job of a list.

    The event carries ``"jobs"`` as the sensor returns them, as many as an event may hold.

    :param job_id: id of the job, or a list of ids that is not longer than
        :func:`~textin_provider.polling.xparse.chunk_for_trigger` allows.
    :param wake_after: number of ended jobs of the list that end the wait; None waits for all.
    """

    _argument_names = ("job_id", "wake_after", *TextInTrigger._argument_names)

    def __init__(self, *, job_id: str | list[str], wake_after: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.job_id = job_id
        self.wake_after = wake_after

    def _wait(self) -> JobWait:
        from textin_provider.polling.xparse import JobWait

        return JobWait(self.job_id, self._policy(), wake_after=self.wake_after)

    def _poll(self, key: str) -> Flow[XParseJob]:
        from textin_provider.api.xparse.endpoints import poll_job

        return poll_job(key)
