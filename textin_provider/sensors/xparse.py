"""The sensor that waits for an xParse job."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import PokeReturnValue, conf

from textin_provider.exceptions import TextInError
from textin_provider.sensors.base import TextInSensor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.providers.common.compat.sdk import Context
    from airflow.triggers.base import BaseTrigger


class XParseJobSensor(TextInSensor):
    """
    Wait until an xParse job has ended.

    A job that has ended already is seen at once and never reaches the triggerer. Faults of the network and of
    TextIn's servers are waited out until ``timeout``; wrong credentials and an unknown job id fail at once.

    :param job_id: id of the job, from ``XParseSubmitOperator``. (templated)
    :param raise_on_failure: whether a job that failed fails this task, at once and without retry. The value
        below is pushed as XCom all the same.
    :param textin_conn_id: id of the connection. (templated)
    :param deferrable: whether to wait in the triggerer; default from ``[operators] default_deferrable``.
    :return: ``{"job_id", "file_id", "status", "result_url", "message"}``, the URL without its query.
    """

    template_fields: Sequence[str] = ("job_id", "textin_conn_id")

    def __init__(
        self,
        *,
        job_id: str,
        raise_on_failure: bool = True,
        textin_conn_id: str = "textin_default",
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        **kwargs: Any,
    ) -> None:
        super().__init__(textin_conn_id=textin_conn_id, deferrable=deferrable, **kwargs)
        self.job_id = job_id
        self.raise_on_failure = raise_on_failure

    def poke(self, context: Context) -> bool | PokeReturnValue:
        """Look once; a transient fault counts as not finished."""
        try:
            job = self.hook.look_at_xparse_job(self.job_id)
        except TextInError as error:
            return self._wait_out(error)
        if job.status.is_terminal:
            return PokeReturnValue(is_done=True, xcom_value=self._end(context, {"job": job.to_dict()}))
        return self._wait_on(f"xParse job {job.job_id} is {job.reported}.")

    def _trigger(self) -> BaseTrigger:
        from textin_provider.triggers.xparse import XParseJobTrigger

        return XParseJobTrigger(job_id=self.job_id, **self._trigger_arguments())

    def _end(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:
        from textin_provider.api.xparse import JobStatus, XParseJob

        value: dict[str, Any] = event["job"]
        job = XParseJob.from_dict(value)
        if job.status is JobStatus.FAILED and self.raise_on_failure:
            self._fail(context, value, job.failure())
        self.log.info("xParse job %s %s.", job.job_id, job.reported)
        return value
