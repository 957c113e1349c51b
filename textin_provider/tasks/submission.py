"""
The submit of one document by a task: the job of an earlier try, or a new one, and never two for one document.

With a task state store the intent is written before the submit and the job after it, so that the next try
knows both. Without one, any exception before the job id is handed over fails the task without retry.
"""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from airflow.providers.common.compat.sdk import TaskDeferred

from textin_provider.api.redaction import passwords_in, redacted_event
from textin_provider.api.text import one_line, redact_url
from textin_provider.exceptions import TextInPartialResultError
from textin_provider.hooks.guard import accepted_but_failed, is_uncertain
from textin_provider.hooks.paths import path_text
from textin_provider.tasks.job_store import JobStore, SubmittedJob, fingerprint
from textin_provider.tasks.jobs import poll_pending
from textin_provider.tasks.submit_intent import SubmitIntent

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from contextlib import AbstractContextManager

    from airflow.providers.common.compat.sdk import Context

    from textin_provider.polling.decision import Decision
    from textin_provider.polling.xparse import JobWait
    from textin_provider.tasks.job_store import StateStore
    from textin_provider.tasks.jobs import Log
    from textin_provider.tasks.mixins import XParseSubmitMixin


class Submission:
    """
    The submit of a task in its present try, and the record that the hook writes it down in.

    :param xcoms: the keys under which the job id is pushed as XCom.
    :param job: a job accepted before a deferral, which the store could not keep.
    """

    def __init__(
        self,
        task: XParseSubmitMixin,
        context: Context,
        xcoms: Sequence[str] = ("job_id",),
        *,
        job: SubmittedJob | None = None,
    ) -> None:
        self._task = task
        self._ti: Any = context.get("ti")
        self._xcoms = xcoms
        self._pushed: set[str] = set()
        self._job = job
        self._document = _name_of(task)
        state_store: StateStore | None = context.get("task_state_store") if task.durable else None
        self.store = JobStore(state_store, "" if state_store is None else self._fingerprint(job))

    def _fingerprint(self, job: SubmittedJob | None) -> str:
        task = self._task
        return (
            job.fingerprint
            if job
            else fingerprint(
                file=task.file,
                file_url=task.file_url,
                config=task.config,
                file_conn_id=task.file_conn_id,
                textin_conn_id=task.textin_conn_id,
            )
        )

    def earlier_job(self) -> SubmittedJob | None:
        """
        Return the job of an earlier try.

        :raises TextInUncertainSubmitError: if an earlier submit may have been accepted, until a person clears
            the task after this error, or sets ``resubmit_uncertain``.
        """
        found = self.store.load()
        if not isinstance(found, SubmitIntent):
            return found
        max_tries = self._ti.max_tries
        if self._task.resubmit_uncertain or found.was_cleared(max_tries):
            why = "resubmit_uncertain is set" if self._task.resubmit_uncertain else "the task was cleared"
            self._task.log.warning(
                "%s may have been accepted before; sending it again: %s.", found.about, why
            )
            return None
        self.store.report(found, max_tries)
        raise found.error()

    def poll(self, wait: JobWait, log: Log) -> Decision:
        """Poll the job of an earlier try once; the decision repeats no password of the configuration."""
        decision = poll_pending(wait, self._task.hook.poll_xparse_job, log)
        passwords = passwords_in(self._task.config)
        return replace(decision, details=redacted_event(dict(decision.details), passwords))

    def submit(self) -> SubmittedJob:
        """Submit the document and return its job, which is stored and pushed as XCom if possible."""
        task = self._task
        with self.until_stored():
            task.hook.submit_xparse_job(
                task.file,
                task.file_url,
                task.config,
                task.webhook,
                file_conn_id=task.file_conn_id,
                rate_limit_timeout=task.rate_limit_timeout,
                record=self,
            )
        return cast("SubmittedJob", self._job)  # the hook has handed it over

    @property
    def is_safe(self) -> bool:
        """Whether the job is stored, or nothing can be stored: then a retry does what is documented."""
        return self.store.holds_job or not self.store.exists

    def sending(self) -> None:
        """Write the intent, right before the submit is sent."""
        self.store.begin(self._document)

    def refused(self) -> None:
        """Withdraw the intent: nothing was accepted."""
        self.store.withdraw()

    def accepted(self, job_id: str) -> None:
        """Keep the job, then push its id as XCom."""
        self._job = self.store.new_job(job_id)  # known even if the next line is interrupted
        self.store.save(self._job)
        self.push_job_id(job_id)

    def push_job_id(self, job_id: str) -> None:
        """Push the job id as XCom; an error of the return value is raised if the job is not stored."""
        if not self._task.do_xcom_push or self._ti is None:
            return
        for key in self._xcoms:
            try:
                self._ti.xcom_push(key=key, value=job_id)
                self._pushed.add(key)
            except Exception as error:  # of any class: an XCom must not end a job that is paid for
                self._task.log.error(
                    "XCom %s=%s of %s could not be pushed: %s", key, job_id, self._document, one_line(error)
                )
                # Airflow would push the return value itself, fail at it too, and submit again in a retry.
                if key == "return_value" and not self.store.holds_job:
                    raise

    @contextmanager
    def until_stored(self) -> Iterator[None]:
        """Make errors within the block final unless the job is stored: a retry would submit again."""
        try:
            yield
        except TaskDeferred:
            self._is_kept()
            raise
        except BaseException as error:  # of any class: a timeout or a signal must not lead to a second submit
            final = self._final_error(error)
            if final is error:
                raise
            raise final from (error if final is not error.__cause__ else None)

    def _final_error(self, error: BaseException) -> BaseException:
        job = self._job
        if isinstance(error, TextInPartialResultError):  # after the result was stored
            return error
        if job is None:
            if is_uncertain(error):
                self.store.report(None, self._ti.max_tries)
            return error
        if self._is_kept():
            # A retry finds the job, so the cause keeps its meaning.
            return error.__cause__ or error if is_uncertain(error) else error
        self._push_missing(job.job_id)
        about = f"xParse submit of {self._document}"
        return error if is_uncertain(error) else accepted_but_failed(about, job.job_id, error)

    def _is_kept(self) -> bool:
        """Whether the store holds the job, if need be after another attempt to write it."""
        if self.store.exists and not self.store.holds_job and self._job is not None:
            try:
                self.store.keep(self._job)
            except Exception as error:  # of any class: an outage of Airflow's API
                self._task.log.error("The task state store could not be written: %s", one_line(error))
        return self.store.holds_job

    def _push_missing(self, job_id: str) -> None:
        self._xcoms = [key for key in self._xcoms if key not in self._pushed]
        try:
            self.push_job_id(job_id)
        except Exception:
            self._task.log.error("xParse job %s of %s is only in this log.", job_id, self._document)


def until_stored(
    task: XParseSubmitMixin, context: Context, unstored: dict[str, str] | None
) -> AbstractContextManager[None]:
    """Return the guard of a job that the store could not keep before a deferral; none is needed for None."""
    if unstored is None:
        return nullcontext()
    return Submission(task, context, job=SubmittedJob.from_dict(unstored)).until_stored()


def _name_of(task: XParseSubmitMixin) -> str:
    """Return the name of the task's document as messages show it."""
    if task.file is None:
        return one_line(redact_url(str(task.file_url)))
    return one_line(redact_url(path_text(task.file)).rpartition("/")[2])
