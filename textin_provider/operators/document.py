"""The operator that parses a document from end to end: submit, wait, store the result."""

from __future__ import annotations

import inspect
import time
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from airflow.providers.common.compat.sdk import BaseOperator, conf

from textin_provider.api.errors import ApiError, ErrorKind, bad_input, one_line
from textin_provider.exceptions import (
    TextInDocumentFailedError,
    TextInJobFailedError,
    TextInTimeoutError,
    error_for,
    public_errors,
)
from textin_provider.hooks.durable import JobMemory, look_again
from textin_provider.hooks.task import (
    TextInTaskMixin,
    checked_event,
    framework_timeout,
    has_outlived_its_timeout,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow.providers.common.compat.sdk import Context

    from textin_provider.hooks.durable import StateStore, SubmittedJob

#: The longest wait, in seconds: some 30 years, which dates can be calculated with.
_LONGEST = 1e9
#: Stands for the id of a job that is not submitted yet in the name of its result.
_NO_JOB = "0" * 32


class XParseDocumentOperator(TextInTaskMixin, BaseOperator):
    """
    Parse one document with xParse and store the result, as one task that never pays twice for a retry.

    TextIn bills every document it accepts. From Airflow 3.3 on, ``durable`` keeps the job, with a fingerprint
    of its input, in the task state store as soon as TextIn has accepted it. When the task runs again in the
    same DAG run, because it failed, its worker died or it was cleared, it goes on with that job:

    1. A job in work is waited for again; one that has completed is downloaded at once.
    2. A job that failed, or that TextIn does not know any more, is submitted anew, and so is a changed input:
       the name and content of ``file`` (for object storage its address and checksum or ETag), ``file_url`` as
       a whole, ``config`` and ``textin_conn_id`` count; ``webhook`` and where the result goes do not.
    3. A store that cannot be read fails the try; nothing is submitted then.

    What remains is the moment between TextIn's answer and the store: a worker that dies there has paid for a
    job that only the TextIn console knows. ``[state_store] clear_on_success`` makes a task that is cleared
    after it succeeded pay again. Before Airflow 3.3 there is no such store: every retry submits anew.

    Nothing is submitted before connection, configuration and output file have been checked. TextIn has no way
    to cancel a job, so it works on when this task is stopped.

    :param file: local path or object storage URL (``s3://``, ``gs://``, ``file://``, ...), streamed, at most
        500 MB. Exclusive with ``file_url``. (templated)
    :param file_url: http(s) address that TextIn fetches the document from. (templated)
    :param output_path: local path or object storage URL of the file to write; one that ends with ``/`` is a
        directory that gets ``<job_id>.json``. (templated)
    :param config: parse configuration, a dict or JSON text, see
        https://docs.textin.com/xparse/v1/parse-config. (templated)
    :param webhook: http(s) address that TextIn calls when the job has ended. (templated)
    :param file_conn_id: Airflow connection for ``file`` on object storage. (templated)
    :param output_conn_id: Airflow connection for ``output_path`` on object storage. (templated)
    :param overwrite: whether a file that is there already is replaced; if not, it is an error.
    :param deferrable: whether to wait in the triggerer; default from ``[operators] default_deferrable``.
    :param durable: whether to go on with the job of an earlier try (Airflow 3.3+); if not, each submits anew.
    :param poll_interval: seconds between two looks at the job.
    :param timeout: seconds that the job may take from its submit on. A try that begins after that waits as
        long again.
    :param textin_conn_id: id of the connection. (templated)
    :return: ``{"job_id", "file_id", "output_path", "size_bytes", "sha256"}``. The job id alone is pushed as
        XCom ``job_id`` as soon as it is known.
    :raises TextInDocumentFailedError: if TextIn could not parse the document. Retried, unlike in the sensor,
        for a retry submits it anew; failed pages are not billed.
    :raises TextInTimeoutError: if the job had not ended in time. Retried.
    """

    template_fields: Sequence[str] = (
        "file",
        "file_url",
        "output_path",
        "config",
        "webhook",
        "file_conn_id",
        "output_conn_id",
        "textin_conn_id",
    )
    template_fields_renderers: ClassVar[dict[str, str]] = {"config": "json"}

    def __init__(
        self,
        *,
        output_path: str,
        file: str | None = None,
        file_url: str | None = None,
        config: Mapping[str, Any] | str | None = None,
        webhook: str | None = None,
        file_conn_id: str | None = None,
        output_conn_id: str | None = None,
        overwrite: bool = True,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        durable: bool = True,
        poll_interval: float = 10.0,
        timeout: float = 24 * 3600,
        textin_conn_id: str = "textin_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.file = file
        self.file_url = file_url
        self.output_path = output_path
        self.config = config
        self.webhook = webhook
        self.file_conn_id = file_conn_id
        self.output_conn_id = output_conn_id
        self.overwrite = overwrite
        self.deferrable = deferrable
        self.durable = durable
        self.poll_interval = poll_interval
        self.timeout = timeout
        self.textin_conn_id = textin_conn_id

    def execute(self, context: Context) -> dict[str, Any]:
        """Submit the document, or find the job of an earlier try; wait for it and store its result."""
        from textin_provider.api.xparse import JobStatus

        with public_errors():
            self._check()
            memory = self._memory(context)
            job = memory.recall()
        status = look_again(self.hook, job) if job else None
        if job is None or status is None:
            job, status = self._submit(memory), JobStatus.PENDING
        self._push_job_id(context, job.job_id)
        if status is JobStatus.COMPLETED:
            return self._store(context, job.job_id)
        return self._wait(context, job)

    def _check(self) -> None:
        """Find out before anything is paid whether the result could be waited for and stored."""
        from textin_provider.hooks.storage import OutputFile

        for parameter in ("poll_interval", "timeout"):
            seconds = getattr(self, parameter)
            if not isinstance(seconds, int | float) or not 0 < seconds < _LONGEST:
                raise bad_input(parameter, seconds, "it is no time to wait", "Give seconds, more than 0")
        name = f"{_NO_JOB}.json"
        OutputFile(self.output_path, name, self.output_conn_id, overwrite=self.overwrite).check()
        _ = self.hook.connection

    def _store_of(self, context: Context) -> StateStore | None:
        return context.get("task_state_store") if self.durable else None

    def _memory(self, context: Context) -> JobMemory:
        from textin_provider.hooks.fingerprint import fingerprint

        store = self._store_of(context)
        if store is None:
            if self.durable and self.retries:
                self.log.warning(
                    "This Airflow has no task state store (3.3+ has), so durable means nothing here: each of "
                    "the %s retries would submit the document anew, and TextIn bill it again.",
                    self.retries,
                )
            return JobMemory(None, "")
        mark = fingerprint(
            file=self.file,
            file_url=self.file_url,
            config=self.config,
            file_conn_id=self.file_conn_id,
            textin_conn_id=self.textin_conn_id,
        )
        return JobMemory(store, mark)

    def _submit(self, memory: JobMemory) -> SubmittedJob:
        job_id = self.hook.submit_xparse_job(
            file=self.file,
            file_url=self.file_url,
            config=self.config,
            webhook=self.webhook,
            file_conn_id=self.file_conn_id,
        )
        return memory.keep(job_id)

    def _push_job_id(self, context: Context, job_id: str) -> None:
        if not self.do_xcom_push:
            return
        try:
            context["ti"].xcom_push(key="job_id", value=job_id)
        except Exception as error:
            # The job is paid for: what only tells of it must not end it.
            self.log.error("XCom job_id=%s could not be pushed: %s", job_id, one_line(error))

    def _wait(self, context: Context, job: SubmittedJob) -> dict[str, Any]:
        deadline = job.deadline(self.timeout, now=time.time())
        if self.deferrable:
            self._defer(job.job_id, deadline, context["ti"].try_number)
        from textin_provider.api.waiting import Pace, Schedule
        from textin_provider.hooks.polling_loop import poll_until_done

        pace = Pace(Schedule(self.poll_interval), deadline, self.timeout)
        return self.execute_complete(context, poll_until_done(self.hook, job.job_id, pace))

    def _defer(self, job_id: str, deadline: float, try_number: int) -> NoReturn:
        from textin_provider.triggers.xparse import XParseJobTrigger

        trigger = XParseJobTrigger(
            job_id=job_id,
            textin_conn_id=self.textin_conn_id,
            poll_interval=self.poll_interval,
            deadline=deadline,
            timeout=self.timeout,
        )
        timeout = framework_timeout(deadline - time.time(), self.poll_interval)
        kept = {"try_number": try_number}
        self.defer(trigger=trigger, method_name="execute_complete", kwargs=kept, timeout=timeout)

    def execute_complete(
        self, context: Context, event: dict[str, Any] | None = None, try_number: int | None = None
    ) -> dict[str, Any]:
        """
        Store the result after a wait, or raise what ended it.

        :param event: what the trigger yielded.
        :param try_number: of the try that was deferred.
        """
        try:
            return self._complete(context, event)
        except (TextInDocumentFailedError, TextInTimeoutError) as error:
            if try_number in (None, context["ti"].try_number):
                raise
            # Airflow before 3.1.1 resumes a retry with the event of the try before it.
            self.log.info("That was the try before this one; starting anew. %s", error)
        # Airflow 2 takes an execute within an execute for one outside of a task, and warns or fails.
        manifest: dict[str, Any] = inspect.unwrap(XParseDocumentOperator.execute)(self, context)
        return manifest

    def _complete(self, context: Context, event: dict[str, Any] | None) -> dict[str, Any]:
        from textin_provider.api.waiting import Outcome

        event = checked_event(event, self.task_id)
        if event["ending"] == Outcome.TERMINAL:
            return self._store(context, event["jobs"][0]["job_id"])
        if event["ending"] == Outcome.TIMEOUT:
            raise self._timed_out(context, event["message"])
        fault = ApiError.from_dict(event["fault"])
        if fault.kind is ErrorKind.REQUEST:
            fix = "A retry looks for the job again, and submits the document anew if it is gone"
            raise TextInDocumentFailedError(**fault.to_dict() | {"kind": ErrorKind.JOB_FAILED, "fix": fix})
        raise error_for(fault)

    def _store(self, context: Context, job_id: str) -> dict[str, Any]:
        from textin_provider.hooks.lineage import report

        try:
            manifest = self.hook.download_xparse_result(
                job_id, self.output_path, output_conn_id=self.output_conn_id, overwrite=self.overwrite
            )
        except TextInJobFailedError as error:
            raise TextInDocumentFailedError(**error.to_dict()) from None
        # Whoever submitted it may have been another process, whose lineage is gone.
        report(self.hook, "input", filter(None, [self.file, self.file_url]))
        self.describe_outlets(context, manifest)
        return manifest

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """Resume after a deferral; one that outlived its timeout is an error that says so."""
        if has_outlived_its_timeout(next_method, next_kwargs):
            message = (
                f"no triggerer ended the wait within timeout={self.timeout:g}s and a grace after it, or "
                "within execution_timeout. Is a triggerer running?"
            )
            raise self._timed_out(context, message)
        return super().resume_execution(next_method, next_kwargs, context)

    def _timed_out(self, context: Context, message: str) -> TextInTimeoutError:
        fix = "A retry waits for the same job again"
        if self._store_of(context) is None:
            fix = "A retry submits the document anew; XParseJobSensor waits for this job instead"
        return TextInTimeoutError(ErrorKind.TIMEOUT, about=f"Task {self.task_id}", message=message, fix=fix)
