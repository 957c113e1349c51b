"""The sensor that waits for xParse jobs."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import PokeReturnValue, conf

from textin_provider.api.errors import ErrorKind
from textin_provider.exceptions import TextInError, public_errors
from textin_provider.hooks.task import is_list
from textin_provider.sensors.base import TextInSensor

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from airflow.providers.common.compat.sdk import Context
    from airflow.triggers.base import BaseTrigger

    from textin_provider.api.xparse import XParseJob

#: How many jobs are looked at together at most.
_MOST_LOOKS = 64


class XParseJobSensor(TextInSensor):
    """
    Wait until an xParse job has ended, or each of thousands.

    Jobs that have ended already are seen at once and never reach the triggerer. Faults of the network and of
    TextIn's servers are waited out until ``timeout``; wrong credentials fail at once, and so does an id that
    TextIn does not know. In a list, such an id counts as a failed job.

    :param job_id: id of the job, from ``XParseSubmitOperator``, or a list of ids. A trigger watches about a
        thousand; a longer list is waited for in waves, one trigger after the other. (templated)
    :param raise_on_failure: whether jobs that failed fail this task, without retry, once all have ended. The
        value below is pushed as XCom all the same.
    :param textin_conn_id: id of the connection. (templated)
    :param deferrable: whether to wait in the triggerer; default from ``[operators] default_deferrable``.
    :return: ``{"job_id", "file_id", "status", "result_url", "message"}``, the URL without its query; or a
        list of those in the order given.
    """

    template_fields: Sequence[str] = ("job_id", "textin_conn_id")

    def __init__(
        self,
        *,
        job_id: str | Sequence[str],
        raise_on_failure: bool = True,
        textin_conn_id: str = "textin_default",
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        **kwargs: Any,
    ) -> None:
        super().__init__(textin_conn_id=textin_conn_id, deferrable=deferrable, **kwargs)
        self.job_id = job_id
        self.raise_on_failure = raise_on_failure
        # How many of the ids, in the order they are looked at, have ended; what was seen of them, which a
        # deferral forgets; and those that the next trigger is to watch.
        self._ended = 0
        self._seen: dict[str, XParseJob] = {}
        self._wave: list[str] = []

    @cached_property
    @public_errors()
    def _job_ids(self) -> list[str]:
        """The ids as given, checked; read once, for Airflow hands out those of a mapped task one by one."""
        from textin_provider.api.xparse import check_job_id

        return [check_job_id(job_id) for job_id in (self.job_id if is_list(self.job_id) else [self.job_id])]

    def poke(self, context: Context) -> bool | PokeReturnValue:
        """Flow at one job after the other until one has not ended; a transient fault counts as such."""
        from textin_provider.api.jobs import chunk_for_trigger

        # The last one submitted tends to be the last to end: asking for it first mostly saves the others.
        job_ids = list(dict.fromkeys(reversed(self._job_ids)))
        looks = 1
        while asked := job_ids[self._ended : self._ended + looks]:
            for seen in self._look_at(asked, attempts=1):
                if isinstance(seen, TextInError) or not seen.status.is_terminal:
                    self._wave = chunk_for_trigger(job_ids[self._ended :])
                    return self._wait_for(seen, len(job_ids))
                self._seen[seen.job_id] = seen
                self._ended += 1
            looks = min(2 * looks, _MOST_LOOKS)
        return self._conclude(context, [job_id for job_id in job_ids if job_id not in self._seen])

    def _look_at(self, job_ids: list[str], *, attempts: int) -> Iterator[XParseJob | TextInError]:
        """Flow at jobs. One of a list that TextIn will not tell of is a failed one, and no reason to stop."""
        from textin_provider.api.xparse import XParseJob

        looks = self.hook.poll_xparse_jobs(job_ids, attempts=attempts)
        for job_id, seen in zip(job_ids, looks, strict=True):
            if isinstance(seen, TextInError) and seen.kind is ErrorKind.REQUEST and is_list(self.job_id):
                yield XParseJob.refused(job_id, seen)
            else:
                yield seen

    def _wait_for(self, seen: XParseJob | TextInError, total: int) -> bool:
        if isinstance(seen, TextInError):
            return self._wait_out(seen)
        ended = (
            f"{self._ended} of {total} xParse jobs are seen to have ended; " if is_list(self.job_id) else ""
        )
        return self._wait_on(f"{ended}xParse job {seen.job_id} is {seen.reported}.")

    def _conclude(self, context: Context, forgotten: list[str]) -> bool | PokeReturnValue:
        """Return the value of jobs that have all ended, asking again for those that earlier waves saw end."""
        from textin_provider.api.jobs import failed_jobs
        from textin_provider.api.xparse import JobStatus
        from textin_provider.hooks.base import READ_ATTEMPTS

        for job_id, seen in zip(forgotten, self._look_at(forgotten, attempts=READ_ATTEMPTS), strict=True):
            if isinstance(seen, TextInError):
                self._wave = [job_id]
                return self._wait_out(seen)
            self._seen[job_id] = seen
        values = [self._seen[job_id].to_dict() for job_id in self._job_ids]
        value = values if is_list(self.job_id) else values[0]
        jobs = [self._seen[job_id] for job_id in dict.fromkeys(self._job_ids)]
        failed = [job for job in jobs if job.status is JobStatus.FAILED]
        if failed and self.raise_on_failure:
            self._fail(context, value, failed_jobs(failed, len(jobs)))
        self.log.info("%d of %d xParse jobs completed.", len(jobs) - len(failed), len(jobs))
        return PokeReturnValue(is_done=True, xcom_value=value)

    def _trigger(self) -> BaseTrigger:
        from textin_provider.triggers.xparse import XParseJobTrigger

        job_id = self._wave if is_list(self.job_id) else self._job_ids[0]
        return XParseJobTrigger(job_id=job_id, **self._trigger_arguments())

    def _kept(self) -> dict[str, Any]:
        return {"ended": self._ended + len(self._wave)}

    def _end(self, context: Context, event: dict[str, Any], *, ended: int = 1, **kept: Any) -> Any:
        from textin_provider.api.xparse import XParseJob

        self._ended = ended
        self._seen = {job["job_id"]: XParseJob.from_dict(job) for job in event["jobs"]}
        concluded = self.poke(context)
        return concluded.xcom_value if isinstance(concluded, PokeReturnValue) else None
