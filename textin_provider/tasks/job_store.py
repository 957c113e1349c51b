"""
The submitted job of a task, kept in Airflow's task state store for the next try.

Invariants: nothing is submitted while the store cannot be read. A job is stored before anything else is done
with it, and replaced only after TextIn said that it failed or does not exist, or the input changed.
"""

from __future__ import annotations

import hashlib
import json
import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

from airflow.providers.common.compat.sdk import AirflowException

from textin_provider.api.errors import ErrorKind, bad_input
from textin_provider.api.inputs import check_http_url, exactly_one_of
from textin_provider.api.text import one_line
from textin_provider.api.xparse.endpoints import check_config, check_job_id
from textin_provider.hooks.storage import document_identity

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
            fix = "Delete this key of the task instance, or set durable=False, which submits again"
            raise bad_input(f"task_state_store[{STATE_KEY!r}]", value, "it is not a job", fix) from None


class JobStore:
    """
    Keeps the job of a task over retries, crashes and clears.

    :param store: Airflow's task state store; with None nothing is kept.
    :param fingerprint: of the task's present input.
    """

    def __init__(self, store: StateStore | None, fingerprint: str) -> None:
        self._store = store
        self._fingerprint = fingerprint

    def load(self) -> SubmittedJob | None:
        """Return the job submitted for the same input before. An unreadable store is an error, not empty."""
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
        job = SubmittedJob.from_dict(value)
        if job.fingerprint == self._fingerprint:
            return job
        log.info("The input has changed since xParse job %s; submitting again.", job.job_id)
        return None

    def save(self, job_id: str) -> SubmittedJob:
        """Keep a job that was just submitted. If the store cannot be written, only this try knows it."""
        job = SubmittedJob(job_id, self._fingerprint, datetime.now(UTC))
        if self._store is not None:
            try:
                self._store.set(STATE_KEY, job.to_dict())
            except Exception as error:  # of any class: an outage of Airflow's API
                log.error(
                    "xParse job %s is accepted, but the task state store could not be written (%s). This try "
                    "continues with it; a retry would submit the document again.",
                    job_id,
                    one_line(error),
                )
        return job


def is_lost(job: SubmittedJob, event: dict[str, Any] | None) -> bool:
    """
    Whether the first poll of a stored job says that its document must be submitted again.

    :param event: the event of that poll, None while the job is pending or could not be polled.
    """
    if event is None:
        return False
    error = event.get("fault", {})
    if error.get("kind") == ErrorKind.REQUEST:
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
