"""The sensor that waits for xParse jobs."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

from airflow.providers.common.compat.sdk import conf

from textin_provider.api.inputs import as_list
from textin_provider.sensors.base import TextInSensor

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from airflow.providers.common.compat.sdk import Context, PokeReturnValue

    from textin_provider.api.xparse import XParseJob
    from textin_provider.polling.policy import PollPolicy
    from textin_provider.polling.xparse import JobWait
    from textin_provider.tasks.wait_progress import ProgressStore, WaitProgress
    from textin_provider.triggers.xparse import XParseJobTrigger


class XParseJobSensor(TextInSensor):
    """
    Wait until an xParse job has ended, or every job of a list of thousands.

    Jobs that have already ended do not reach the triggerer. Errors of the network and of TextIn's servers are
    waited out until ``timeout``; wrong credentials fail at once, and so does an id that TextIn does not know.
    In a list, such an id counts as a failed job.

    :param job_id: id of the job, from ``XParseSubmitOperator``, or a list of ids. A trigger polls about a
        thousand; a longer list is split into chunks, one trigger after the other. (templated)
    :param raise_on_failure: whether failed jobs fail this task, without retry, once all have ended. The value
        below is pushed as XCom in any case.
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
        # The ids before this index, in polling order, have ended.
        self._ended = 0

    @cached_property
    def _listed(self) -> list[Any] | None:
        """The ids of a list; read once, because Airflow loads the XComs of a mapped task one by one."""
        return as_list(self.job_id)

    @cached_property
    def _job_ids(self) -> list[str]:
        """The checked ids."""
        from textin_provider.api.xparse.endpoints import check_job_id

        return [check_job_id(job_id) for job_id in ([self.job_id] if self._listed is None else self._listed)]

    @cached_property
    def _polling_order(self) -> list[str]:
        """Each id once, the last submitted first: it probably ends last, and saves polls of the others."""
        return list(dict.fromkeys(reversed(self._job_ids)))

    def _new_wait(self, policy: PollPolicy) -> JobWait:
        return self._wait_for(self._polling_order, policy)

    def _wait_for(self, pending: list[str], policy: PollPolicy, ended: Iterable[XParseJob] = ()) -> JobWait:
        from textin_provider.polling.xparse import JobWait

        is_single = pending and self._listed is None
        return JobWait(pending[0] if is_single else pending, policy, ended=ended)

    def _poll(self, key: str) -> XParseJob:
        return self.hook.poll_xparse_job(key)

    def _finish(self, context: Context) -> Any:
        """Return the jobs in the given order, or fail if some of them failed."""
        from textin_provider.polling.xparse import failed_jobs

        ended = cast("JobWait", self._wait).ended
        values = [ended[job_id].to_dict() for job_id in self._job_ids]
        value = values[0] if self._listed is None else values
        jobs = [ended[job_id] for job_id in dict.fromkeys(self._job_ids)]
        failed = [job for job in jobs if job.status.is_failure]
        if failed and self.raise_on_failure:
            self.push_value(context, value)
            raise failed_jobs(failed, len(jobs))
        self.log.info("%d of %d xParse jobs completed.", len(jobs) - len(failed), len(jobs))
        return value

    def _unfinished(self) -> dict[str, None]:
        pending = self._current_wait().pending
        return {job_id: None for job_id in self._polling_order[self._ended :] if job_id in pending}

    def _chunk(self) -> list[str]:
        """Return the ids for the next trigger; if all have ended, those whose details are missing."""
        from textin_provider.polling.xparse import chunk_for_trigger

        return chunk_for_trigger(self._unfinished() or self._current_wait().pending)

    def _trigger(self) -> XParseJobTrigger:
        from textin_provider.triggers.xparse import XParseJobTrigger

        chunk = self._chunk()
        job_id = chunk[0] if self._listed is None else chunk
        return XParseJobTrigger(job_id=job_id, **self._trigger_arguments())

    def _kept(self) -> dict[str, Any]:
        """Keep which ids will have ended after the trigger, and the jobs that were read, if there is room."""
        chunk, ids = self._chunk(), self._polling_order
        is_last = len(chunk) >= len(self._unfinished())
        return self._progress(len(ids) if is_last else ids.index(chunk[-1]) + 1).to_dict()

    def _progress(self, ended: int) -> WaitProgress:
        from textin_provider.tasks.wait_progress import WaitProgress

        return WaitProgress.of(ended, self._polling_order, cast("JobWait", self._wait).ended.values())

    def _continue_after(self, progress: WaitProgress) -> None:
        """Poll the ids after those that have ended, then the ended jobs that are not known in detail."""
        read, ids, ended = progress.read(), self._polling_order, progress.ended
        known = {job.job_id for job in read}
        self._ended = ended
        unknown = [job_id for job_id in ids[ended:] + ids[:ended] if job_id not in known]
        self._wait = self._wait_for(unknown, self._policy(), read)

    def _resume(
        self,
        context: Context,
        event: dict[str, Any],
        *,
        ended: int = 1,
        jobs: Sequence[dict[str, Any]] = (),
        **kept: Any,
    ) -> bool | PokeReturnValue:
        from textin_provider.tasks.wait_progress import WaitProgress

        self._continue_after(WaitProgress(ended, (*jobs, *event["jobs"])))
        return self.poke(context)

    def poke(self, context: Context) -> bool | PokeReturnValue:
        """Poll once; in reschedule mode a list continues where the poke of an earlier process ended."""
        if self._listed is None or self.deferrable or not self.reschedule:
            return super().poke(context)
        from textin_provider.tasks.wait_progress import ProgressStore

        store = ProgressStore(context.get("task_state_store"), self._polling_order)
        self._continue_after(store.load())
        try:
            result = super().poke(context)
        except Exception:  # of any class: what was read is not read again
            self._save_progress(store)
            raise
        self._save_progress(store)
        return result

    def _save_progress(self, store: ProgressStore) -> None:
        unfinished, ids = self._unfinished(), self._polling_order
        if self._current_wait().pending:
            store.save(self._progress(ids.index(next(iter(unfinished))) if unfinished else len(ids)))
        else:
            store.delete()
