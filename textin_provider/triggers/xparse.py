"""The trigger that waits for an xParse job."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from textin_provider.triggers.base import TextInTrigger

if TYPE_CHECKING:
    from textin_provider.api.envelope import Look
    from textin_provider.api.waiting import JobWait
    from textin_provider.api.xparse import XParseJob


class XParseJobTrigger(TextInTrigger):
    """
    Wait until an xParse job has ended; the event then carries ``"job"`` as the sensor returns it.

    :param job_id: id of the job.
    """

    def __init__(self, *, job_id: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.job_id = job_id

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and the arguments, plain values all."""
        path, arguments = super().serialize()
        return path, {"job_id": self.job_id, **arguments}

    def _wait(self) -> JobWait:
        from textin_provider.api.waiting import JobWait

        return JobWait(self.job_id, **self._pace())

    def _look(self) -> Look[XParseJob]:
        from textin_provider.api.xparse import look_at_job

        return look_at_job(self.job_id)
