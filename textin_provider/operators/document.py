"""The operator that parses a document from end to end: submit, wait, store the result."""

from __future__ import annotations

import inspect
import time
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.common.compat.sdk import BaseOperator, conf

from textin_provider.api.errors import ApiError, ErrorKind
from textin_provider.api.inputs import as_seconds, check_seconds
from textin_provider.api.retry import RATE_LIMIT_TIMEOUT
from textin_provider.api.xparse.on_partial import OnPartial, check_on_partial
from textin_provider.exceptions import TextInDocumentFailedError, TextInJobFailedError, TextInTimeoutError
from textin_provider.tasks.deferral import checked_event, defer, exceeded_framework_timeout, trigger_arguments
from textin_provider.tasks.mixins import XParseResultMixin, XParseSubmitMixin

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import timedelta

    from airflow.providers.common.compat.sdk import Context

    from textin_provider.hooks.paths import PathValue
    from textin_provider.polling.xparse import JobWait
    from textin_provider.tasks.job_store import SubmittedJob
    from textin_provider.tasks.submission import Submission


class XParseDocumentOperator(XParseSubmitMixin, XParseResultMixin, BaseOperator):
    """
    Parse one document with xParse and store the result; a retry continues with the job of the try before.

    TextIn bills every document it accepts. From Airflow 3.3 on, ``durable`` keeps the submit, with a
    fingerprint of its input, in the task state store: its intent before it is sent, the job as soon as TextIn
    has accepted it. When the task runs again in the same DAG run, because it failed, its worker died or it
    was cleared, it continues with that job:

    1. A pending job is waited for again; the result of a completed job is downloaded at once.
    2. The document is submitted again if its job failed, if TextIn no longer knows the job, or if the input
       changed: the name and content of ``file`` (on object storage its address and checksum or ETag), the
       whole ``file_url``, ``config`` and ``textin_conn_id``. ``webhook`` and the place of the result do not
       count.
    3. If the store cannot be read, or the intent cannot be written, the try fails, and nothing is submitted.
    4. A try that finds an intent without a job, because a worker died during the submit, fails with
       ``TextInUncertainSubmitError`` and without retry, also if the input has changed since: the TextIn
       console shows whether the document was accepted. Clearing the task after that submits again.

    With ``[state_store] clear_on_success`` a task that is cleared after its success pays again.
    Airflow before 3.3 has no task state store: any exception before the job id is pushed as XCom fails the
    task without retry, and every later retry submits the document again.

    Nothing is submitted before connection, configuration and output file have been checked. TextIn cannot
    cancel jobs, so a job continues when this task is stopped.

    :param file: local path or object storage URL (``s3://``, ``gs://``, ``file://``, ...), streamed, at most
        500 MB. Exclusive with ``file_url``. (templated)
    :param file_url: http(s) address from which TextIn fetches the document. (templated)
    :param output_path: local path or object storage URL of the file to write; one that ends with ``/`` is a
        directory, in which the file is ``<job_id>.json``. ``{name}`` in it is the name of the document,
        ``{stem}`` that name without its extension, ``{job_id}`` the job id. (templated)
    :param config: parse configuration, a dict or JSON text, see
        https://docs.textin.com/xparse/v1/parse-config. (templated)
    :param webhook: http(s) address that TextIn calls when the job has ended. (templated)
    :param file_conn_id: Airflow connection for ``file`` on object storage. (templated)
    :param output_conn_id: Airflow connection for ``output_path`` on object storage. (templated)
    :param overwrite: whether an existing file is replaced; if not, it is an error.
    :param on_partial: what to do if pages failed; the result is stored in any case. ``"warn"`` logs which,
        ``"fail"`` fails the task without retry, ``"ignore"`` does neither.
    :param deferrable: whether to wait in the triggerer; default from ``[operators] default_deferrable``.
    :param durable: whether to continue with the job of an earlier try (Airflow 3.3+); if not, each try
        submits.
    :param resubmit_uncertain: whether to send a document again that an earlier try may have submitted.
    :param rate_limit_timeout: seconds, or a ``timedelta``, for which the submit waits for its turn while the
        account is at its limit; after that the task fails with ``TextInRateLimitError`` and is retried.
    :param poll_interval: seconds between two polls of the job, or a ``timedelta``.
    :param timeout: seconds, or a ``timedelta``, from the submit until the wait times out. A try that starts
        later waits as long again.
    :param textin_conn_id: id of the connection. (templated)
    :return: ``{"job_id", "file_id", "source", "output_path", "size_bytes", "sha256", "pages", "page_count",
        "failed_pages", "exports"}``. The job id is also pushed as XCom ``job_id``, right after the submit.
    :raises TextInDocumentFailedError: if TextIn could not parse the document. Unlike in the sensor it is
        retried: a retry submits the document again; failed pages are not billed.
    :raises TextInPartialResultError: if pages failed and ``on_partial`` is ``"fail"``. The value above is
        pushed all the same.
    :raises TextInTimeoutError: if the job did not end in time. It is retried.
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
        output_path: PathValue,
        file: PathValue | None = None,
        file_url: str | None = None,
        config: Mapping[str, Any] | str | None = None,
        webhook: str | None = None,
        file_conn_id: str | None = None,
        output_conn_id: str | None = None,
        overwrite: bool = True,
        on_partial: OnPartial = "warn",
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        durable: bool = True,
        resubmit_uncertain: bool = False,
        rate_limit_timeout: float | timedelta = RATE_LIMIT_TIMEOUT,
        poll_interval: float | timedelta = 10.0,
        timeout: float | timedelta = 24 * 3600,
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
        self.on_partial = check_on_partial(on_partial)
        self.deferrable = deferrable
        self.durable = durable
        self.resubmit_uncertain = resubmit_uncertain
        self.rate_limit_timeout = as_seconds(rate_limit_timeout)
        self.poll_interval = as_seconds(poll_interval)
        self.timeout = as_seconds(timeout)
        self.textin_conn_id = textin_conn_id

    def execute(self, context: Context) -> dict[str, Any]:
        """Submit the document, or find the job of an earlier try; wait for it and store its result."""
        from textin_provider.tasks.submission import Submission

        self._check(context)
        self.warn_of_retries(context)
        submission = Submission(self, context)
        job = submission.earlier_job()
        return self._reattach(context, submission, job) if job else self._start(context, submission)

    def _check(self, context: Context) -> None:
        """Check before anything is paid whether the result can be waited for and stored."""
        from textin_provider.hooks.output_names import check_mapped_output
        from textin_provider.hooks.storage import OutputFile

        check_seconds("poll_interval", self.poll_interval)
        check_seconds("timeout", self.timeout)
        check_seconds("rate_limit_timeout", self.rate_limit_timeout, may_be_zero=True)
        check_mapped_output(self, context)
        job_id = "0" * 32  # the job is not submitted yet
        path = self.named_output(self.output_path, job_id)
        OutputFile(path, f"{job_id}.json", self.output_conn_id, overwrite=self.overwrite).check()
        _ = self.hook.connection

    def _start(self, context: Context, submission: Submission) -> dict[str, Any]:
        """Submit the document and wait for its job."""
        job = submission.submit()
        if submission.is_safe:
            return self._continue(context, job, self._wait_for(job))
        with submission.until_stored():
            return self._continue(context, job, self._wait_for(job), unstored=job)

    def _redacted(self, event: dict[str, Any]) -> dict[str, Any]:
        """Return the event of a wait without passwords of the configuration that TextIn repeats."""
        from textin_provider.api.redaction import passwords_in, redacted_event

        return redacted_event(event, passwords_in(self.config))

    def _reattach(self, context: Context, submission: Submission, job: SubmittedJob) -> dict[str, Any]:
        """Poll the job of an earlier try once: store its result, wait on, or submit again if it is lost."""
        from textin_provider.tasks.job_store import is_lost

        self.log.info("Re-attached to xParse job %s, submitted at %s.", job.job_id, job.submitted)
        wait = self._wait_for(job)
        decision = submission.poll(wait, self.log_decision)
        if is_lost(job, decision.event):
            return self._start(context, submission)
        submission.push_job_id(job.job_id)
        if decision.event is not None:
            return self._complete(context, decision.event)
        return self._continue(context, job, wait, decision.delay)

    def _wait_for(self, job: SubmittedJob) -> JobWait:
        from textin_provider.polling.policy import PollPolicy
        from textin_provider.polling.xparse import JobWait

        deadline = job.deadline(self.timeout, now=time.time())
        return JobWait(job.job_id, PollPolicy(self.poll_interval, deadline, self.timeout))

    def _continue(
        self,
        context: Context,
        job: SubmittedJob,
        wait: JobWait,
        delay: float | None = None,
        unstored: SubmittedJob | None = None,
    ) -> dict[str, Any]:
        """Wait in the triggerer, or on this worker, then store the result."""
        from textin_provider.tasks.jobs import poll_until_done

        if self.deferrable:
            from textin_provider.triggers.xparse import XParseJobTrigger

            arguments = trigger_arguments(self.textin_conn_id, wait.policy)
            trigger = XParseJobTrigger(job_id=job.job_id, **arguments)
            kept = {} if unstored is None else {"unstored": unstored.to_dict()}
            defer(self, trigger, try_number=context["ti"].try_number, **kept)
        # No variable may hold a password that TextIn repeats: Airflow 3.0 prints those of each frame.
        event = self._redacted(
            poll_until_done(wait, self.hook.poll_xparse_job, self.log_decision, delay=delay)
        )
        return self.execute_complete(context, event)

    def execute_complete(
        self,
        context: Context,
        event: dict[str, Any] | None = None,
        try_number: int | None = None,
        unstored: dict[str, str] | None = None,
    ) -> dict[str, Any]:
        """
        Store the result after the wait of a try, or raise what ended it.

        :param unstored: the job, if the task state store could not keep it before the wait.
        """
        from textin_provider.tasks.submission import until_stored

        event = self._redacted(checked_event(event, self.task_id))
        try:
            with until_stored(self, context, unstored):
                return self._complete(context, event)
        except (TextInDocumentFailedError, TextInTimeoutError) as error:
            if try_number in (None, context["ti"].try_number):
                raise
            # Airflow before 3.1.1 resumes a retry with the event of the try before it.
            self.log.info("This event belongs to the try before; starting again. %s", error)
        # Airflow 2 takes an execute within an execute for one outside of a task, and warns or fails.
        manifest: dict[str, Any] = inspect.unwrap(XParseDocumentOperator.execute)(self, context)
        return manifest

    def _complete(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:
        from textin_provider.api.xparse.endpoints import is_unknown_job
        from textin_provider.polling.decision import Outcome

        if event["ending"] == Outcome.DONE:
            return self._store(context, event["jobs"][0]["job_id"])
        if event["ending"] == Outcome.TIMED_OUT:
            raise self._timed_out(context, event["message"])
        error = ApiError.from_dict(event["fault"])
        if is_unknown_job(error.kind, error.code):
            fix = "A retry polls the job again, and submits the document again if the job is gone"
            raise TextInDocumentFailedError(**error.to_dict() | {"kind": ErrorKind.JOB_FAILED, "fix": fix})
        raise error

    def _store(self, context: Context, job_id: str) -> dict[str, Any]:
        from textin_provider.api.redaction import passwords_in, redacted
        from textin_provider.hooks.lineage import report

        try:
            stored = self.hook.store_xparse_result(
                job_id,
                self.named_output(self.output_path, job_id),
                self.output_conn_id,
                overwrite=self.overwrite,
                document=self.submitted_document(),
            )
        except TextInJobFailedError as error:
            raise TextInDocumentFailedError(**redacted(error, passwords_in(self.config)).to_dict()) from None
        # Another process may have submitted the document; its lineage is lost.
        report(self.hook, "input", filter(None, [self.file, self.file_url]))
        self.check_result(context, stored)
        self.describe_outlets(context, stored.manifest)
        return stored.manifest

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """Resume after a deferral; an exceeded deferral timeout is an error that says so."""
        if exceeded_framework_timeout(next_method, next_kwargs):
            message = (
                f"no triggerer ended the wait within timeout={self.timeout:g}s and a grace period, or within "
                "execution_timeout. Is a triggerer running?"
            )
            raise self._timed_out(context, message)
        return super().resume_execution(next_method, next_kwargs, context)

    def _timed_out(self, context: Context, message: str) -> TextInTimeoutError:
        fix = "A retry waits for the same job again"
        if self.state_store(context) is None:
            fix = "A retry submits the document again; XParseJobSensor waits for this job instead"
        return TextInTimeoutError(ErrorKind.TIMEOUT, about=f"Task {self.task_id}", message=message, fix=fix)
