"""
The submit of a task, kept in Airflow's task state store for the next try: first its intent, then its job.

Invariants: nothing is submitted while the store cannot be read, or an intent cannot be written. An intent
without a job is a submit that may have been accepted. A job is stored before anything else is done with it,
and replaced only after TextIn said that it failed or does not exist, or the input changed.
"""

from __future__ import annotations

import hashlib
import json
import logging
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

from airflow.providers.common.compat.sdk import AirflowException

from textin_provider.api.errors import ApiError, bad_input
from textin_provider.api.inputs import check_http_url, exactly_one_of
from textin_provider.api.text import one_line
from textin_provider.api.xparse.endpoints import check_config, check_job_id, is_unknown_job
from textin_provider.hooks.storage import document_identity
from textin_provider.tasks.submit_intent import SUBMITTING, SubmitIntent

if TYPE_CHECKING:
    from collections.abc import Mapping

    from textin_provider.hooks.paths import PathValue

log = logging.getLogger(__name__)

#: The key of the job among the values of the task instance.
STATE_KEY = "textin_xparse_job"


class StateStore(Protocol):
    """The methods of ``context["task_state_store"]`` (Airflow 3.3+) that are used here."""

    def get(self, key: str) -> Any:
        """Return the JSON value of a key, None if there is none."""

    def set(self, key: str, value: Any) -> None:
        """Write the JSON value of a key."""

    def delete(self, key: str) -> None:
        """Delete a key."""


@dataclass(frozen=True)
class SubmittedJob:
    """A job that TextIn has accepted, with the :func:`fingerprint` of its input."""

    job_id: str
    fingerprint: str
    submitted_at: datetime

    @property
    def submitted(self) -> str:
        """The time of the submit as text, ISO 8601."""
        return self.submitted_at.isoformat(timespec="seconds")

    def deadline(self, timeout: float, *, now: float) -> float:
        """Return the deadline of its wait: ``timeout`` after the submit, or from now if that has passed."""
        planned = self.submitted_at.timestamp() + timeout
        return planned if planned > now else now + timeout

    def to_dict(self) -> dict[str, str]:
        """Return the job as the store keeps it."""
        return {"job_id": self.job_id, "fingerprint": self.fingerprint, "submitted_at": self.submitted}

    @classmethod
    def from_dict(cls, value: Any) -> SubmittedJob:
        """Build the job that :meth:`to_dict` described; any other value is an error."""
        try:
            submitted_at = datetime.fromisoformat(value["submitted_at"])
            return cls(check_job_id(value["job_id"]), str(value["fingerprint"]), submitted_at)
        except (TypeError, KeyError, ValueError):
            raise _unknown_value(value) from None


def _unknown_value(value: Any) -> ApiError:
    fix = "Delete this key of the task instance, or set durable=False, which submits again"
    return bad_input(f"task_state_store[{STATE_KEY!r}]", value, "it is not a job", fix)


class JobStore:
    """
    Keeps the submit of a task over retries, crashes and clears.

    :param store: Airflow's task state store; with None nothing is kept.
    :param fingerprint: of the task's present input.
    :ivar holds_job: whether the store holds the job that was saved last.
    """

    def __init__(self, store: StateStore | None, fingerprint: str) -> None:
        self._store = store
        self._fingerprint = fingerprint
        self._intent: SubmitIntent | None = None
        self.holds_job = False

    @property
    def exists(self) -> bool:
        """Whether anything is kept."""
        return self._store is not None

    def load(self) -> SubmittedJob | SubmitIntent | None:
        """
        Return the job submitted for the same input before, or the intent of a submit that did not end.

        An unreadable store is an error, not empty. An intent is returned for another input too: nobody has
        been told yet that its document may have been accepted.
        """
        if self._store is None:
            return None
        try:
            value = self._store.get(STATE_KEY)
        except Exception as error:  # of any class: an outage of Airflow's API
            raise AirflowException(
                f"The task state store could not be read ({one_line(error)}). It may hold a job that is paid "
                "for, so nothing was submitted. A retry reads it again."
            ) from error
        if value is None:
            return None
        if isinstance(value, dict) and value.get("state") == SUBMITTING:
            try:
                return SubmitIntent.from_dict(value)
            except (TypeError, KeyError, ValueError):
                raise _unknown_value(value) from None
        job = SubmittedJob.from_dict(value)
        if job.fingerprint == self._fingerprint:
            return job
        log.info("The input has changed since xParse job %s; submitting again.", job.job_id)
        return None

    def begin(self, document: str) -> None:
        """Write the intent to submit a document; if it cannot be written, nothing may be sent."""
        self._intent = SubmitIntent(self._fingerprint, document, datetime.now(UTC))
        if self._store is None:
            return
        try:
            self._store.set(STATE_KEY, self._intent.to_dict())
        except Exception as error:  # of any class: an outage of Airflow's API
            self.withdraw()  # it may have been written all the same
            raise AirflowException(
                f"The task state store could not be written ({one_line(error)}). A later try could not know "
                "of the submit, so nothing was submitted. A retry tries again."
            ) from error
        except BaseException:
            self.withdraw()
            raise

    def withdraw(self) -> None:
        """Delete the intent of a submit that was not accepted."""
        if self._store is None:
            return
        try:
            self._store.delete(STATE_KEY)
        except Exception as error:  # of any class: an outage of Airflow's API
            log.error(
                "Nothing was submitted, but the task state store could not be written (%s). If it holds the "
                "intent, the next try fails, and says that the document may have been accepted; it was not.",
                one_line(error),
            )

    def report(self, intent: SubmitIntent | None, max_tries: int) -> None:
        """Note that the task fails for an intent, by default its own, so that clearing it submits again."""
        intent = intent or self._intent
        if self._store is None or intent is None:
            return
        try:
            self._store.set(STATE_KEY, replace(intent, reported_max_tries=max_tries).to_dict())
        except Exception as error:  # of any class: an outage of Airflow's API
            log.error("The task state store could not be written: %s", one_line(error))

    def new_job(self, job_id: str) -> SubmittedJob:
        """Return a job that was just accepted for the present input."""
        return SubmittedJob(job_id, self._fingerprint, datetime.now(UTC))

    def save(self, job: SubmittedJob) -> None:
        """Keep a job that was just accepted; if the store cannot be written, the log says so."""
        if self._store is not None:
            try:
                self.keep(job)
            except Exception as error:  # of any class: an outage of Airflow's API
                log.error(
                    "xParse job %s is accepted, but the task state store could not be written (%s). This try "
                    "continues with it; if it fails, no retry submits %s again.",
                    job.job_id,
                    one_line(error),
                    self._intent.document if self._intent else "the document",
                )

    def keep(self, job: SubmittedJob) -> None:
        """Write a job that the store may not hold."""
        if self._store is not None:
            self._store.set(STATE_KEY, job.to_dict())
            self.holds_job = True


def is_lost(job: SubmittedJob, event: dict[str, Any] | None) -> bool:
    """
    Whether the first poll of a stored job says that its document must be submitted again.

    Only TextIn's own word counts: an envelope that does not know the job, or a failed job.

    :param event: the event of that poll, None while the job is pending or could not be polled.
    """
    if event is None:
        return False
    error = event.get("fault", {})
    if is_unknown_job(error.get("kind"), error.get("code")):
        log.warning("The stored job %s is gone (%s); submitting again.", job.job_id, error["message"])
        return True
    [seen] = event.get("jobs") or [{}]
    if seen.get("status") == "failed":
        log.warning("The stored job %s failed (%s); submitting again.", job.job_id, seen["message"])
        return True
    return False


def fingerprint(
    *,
    file: PathValue | None,
    file_url: str | None,
    config: Mapping[str, Any] | str | None,
    file_conn_id: str | None,
    textin_conn_id: str,
) -> str:
    """
    Return a digest of everything that the result of a submit depends on, 64 hexadecimal digits.

    It reveals no path, signed URL or password. It does not cover the webhook and the place of the result.

    :raises ApiError: if the input is invalid, or the file is not readable.
    """
    exactly_one_of(file=file, file_url=file_url)
    identity = {
        "document": check_http_url("file_url", file_url)
        if file is None
        else document_identity("file", file, file_conn_id),
        "config": None if config is None else check_config(config),
        "textin_conn_id": textin_conn_id,
    }
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()
