"""The sensor that waits for an xParse job."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import PokeReturnValue, conf

from textin_provider.exceptions import TextInError, error_for
from textin_provider.sensors.base import TextInSensor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.providers.common.compat.sdk import Context
    from airflow.triggers.base import BaseTrigger

    from textin_provider.hooks.textin import TextInHook


#: The key of a task's return value. Airflow's own constant lies in a module that costs 0.3 s to import.
_RETURN_VALUE = "return_value"


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
        super().__init__(deferrable=deferrable, **kwargs)
        self.job_id = job_id
        self.raise_on_failure = raise_on_failure
        self.textin_conn_id = textin_conn_id

    @cached_property
    def hook(self) -> TextInHook:
        """The hook, made, and imported, at first use: parsing a DAG needs none."""
        from textin_provider.hooks.textin import TextInHook

        return TextInHook(self.textin_conn_id)

    def poke(self, context: Context) -> bool | PokeReturnValue:
        """Look once; a transient fault counts as not finished."""
        try:
            job = self.hook.look_at_xparse_job(self.job_id)
        except TextInError as error:
            if not error.kind.is_transient:
                raise
            self.log.warning("%s The wait goes on.", error)
            return self._wait_on()
        if job.status.is_terminal:
            return PokeReturnValue(is_done=True, xcom_value=self._end(context, {"job": job.to_dict()}))
        self.log.info("xParse job %s is %s.", job.job_id, job.reported)
        return self._wait_on()

    def _trigger(self) -> BaseTrigger:
        from textin_provider.triggers.xparse import XParseJobTrigger

        return XParseJobTrigger(
            job_id=self.job_id,
            textin_conn_id=self.textin_conn_id,
            poll_interval=self.poke_interval,
            deadline=self._deadline,
            timeout=self.timeout,
            exponential_backoff=self.exponential_backoff,
            max_wait=self.max_wait.total_seconds() if self.max_wait else None,
        )

    def _end(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:
        from textin_provider.api.xparse import JobStatus, XParseJob

        value: dict[str, Any] = event["job"]
        job = XParseJob.from_dict(value)
        if job.status is JobStatus.FAILED and self.raise_on_failure:
            context["ti"].xcom_push(key=_RETURN_VALUE, value=value)
            raise error_for(job.failure())
        self.log.info("xParse job %s %s.", job.job_id, job.reported)
        return value
