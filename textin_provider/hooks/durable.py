"""The job that a task has paid for, as Airflow's task state store remembers it for the next try."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

from airflow.providers.common.compat.sdk import AirflowException

from textin_provider.api.errors import ErrorKind, bad_input, one_line
from textin_provider.exceptions import TextInError

if TYPE_CHECKING:
    from textin_provider.api.xparse import JobStatus
    from textin_provider.hooks.textin import TextInHook

log = logging.getLogger(__name__)

#: Where the job stands in the part of the store that belongs to the task instance.
STATE_KEY = "textin_xparse_job"


class StateStore(Protocol):
    """The part of ``context["task_state_store"]`` (Airflow 3.3+) that is used here."""

    def get(self, key: str) -> Any:
        """Return the JSON value of a key, None if there is none."""

    def set(self, key: str, value: Any) -> None:
        """Write the JSON value of a key."""


@dataclass(frozen=True)
class SubmittedJob:
    """
    A job that TextIn has accepted.

    :param fingerprint: of what was submitted, see :func:`textin_provider.hooks.fingerprint.fingerprint`.
    """

    job_id: str
    fingerprint: str
    submitted_at: datetime

    @property
    def submitted(self) -> str:
        """When it was submitted, as people and stores read it."""
        return self.submitted_at.isoformat(timespec="seconds")

    def deadline(self, timeout: float, *, now: float) -> float:
        """Return when its wait is over: ``timeout`` after the submit, or from now on if that has passed."""
        planned = self.submitted_at.timestamp() + timeout
        return planned if planned > now else now + timeout

    def to_dict(self) -> dict[str, str]:
        """Return the job as the store keeps it."""
        return {"job_id": self.job_id, "fingerprint": self.fingerprint, "submitted_at": self.submitted}

    @classmethod
    def from_dict(cls, value: Any) -> SubmittedJob:
        """
        Build the job that :meth:`to_dict` described.

        :raises ApiError: if the value is something else.
        """
        from textin_provider.api.xparse import check_job_id

        try:
            submitted_at = datetime.fromisoformat(value["submitted_at"])
            return cls(check_job_id(value["job_id"]), str(value["fingerprint"]), submitted_at)
        except (TypeError, KeyError, ValueError):
            fix = "Delete this key of the task instance, or set durable=False, which submits anew"
            raise bad_input(f"task_state_store[{STATE_KEY!r}]", value, "it is no job", fix) from None


class JobMemory:
    """
    Remembers the job of a task over retries, crashes and clears.

    :param store: Airflow's task state store; None remembers nothing.
    :param fingerprint: of what the task submits now.
    """

    def __init__(self, store: StateStore | None, fingerprint: str) -> None:
        self._store = store
        self._fingerprint = fingerprint

    def recall(self) -> SubmittedJob | None:
        """
        Return the job that was submitted for the same input before.

        :raises AirflowException: if the store cannot be read, which does not mean that nothing is in it.
        """
        if self._store is None:
            return None
        try:
            value = self._store.get(STATE_KEY)
        except Exception as error:
            raise AirflowException(
                f"The task state store could not be read ({one_line(error)}). It may hold a job that is paid "
                "for, so nothing was submitted. A retry reads it again."
            ) from error
        if value is None:
            return None
        job = SubmittedJob.from_dict(value)
        if job.fingerprint == self._fingerprint:
            return job
        log.info("The input has changed since xParse job %s; submitting anew.", job.job_id)
        return None

    def keep(self, job_id: str) -> SubmittedJob:
        """Remember a job that was submitted just now; one that cannot be written down is not lost for it."""
        job = SubmittedJob(job_id, self._fingerprint, datetime.now(UTC))
        if self._store is not None:
            try:
                self._store.set(STATE_KEY, job.to_dict())
            except Exception as error:
                log.error(
                    "xParse job %s is accepted, but the task state store could not be written (%s). This try "
                    "goes on with it; a retry would submit the document anew.",
                    job_id,
                    one_line(error),
                )
        return job


def look_again(hook: TextInHook, job: SubmittedJob) -> JobStatus | None:
    """
    Return how the job of an earlier try is, UNKNOWN if that cannot be seen, None if it failed or is lost.

    :raises TextInError: if the credentials are wrong, for instance: that the job is lost, nobody has said.
    """
    from textin_provider.api.xparse import JobStatus

    attached = f"Re-attached to xParse job {job.job_id}, submitted at {job.submitted}"
    try:
        seen = hook.poll_xparse_job(job.job_id)
    except TextInError as error:
        if error.kind is ErrorKind.REQUEST:
            log.warning("The stored job %s is gone (%s); submitting anew.", job.job_id, error)
            return None
        if not error.kind.is_transient:
            raise
        log.warning("%s. %s The wait goes on.", attached, error)
        return JobStatus.UNKNOWN
    if seen.status is JobStatus.FAILED:
        log.warning("The stored job %s failed (%s); submitting anew.", job.job_id, seen.failure().message)
        return None
    log.info("%s; it is %s.", attached, seen.reported)
    return seen.status
