"""xParse jobs. Source: docs.textin.com/api-reference/endpoint/xparse/v1/parse-async-status."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from textin_provider.api.errors import ApiError, ErrorKind
from textin_provider.api.text import redact_url

if TYPE_CHECKING:
    from collections.abc import Mapping


class JobStatus(StrEnum):
    """
    The states of a job. Another word is UNKNOWN, and not terminal.

    TextIn documents four of them; its own client also ends at partial_completed, stopped and deleted.
    """

    PENDING = "pending"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    PARTIAL_COMPLETED = "partial_completed"
    FAILED = "failed"
    STOPPED = "stopped"
    DELETED = "deleted"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"

    @classmethod
    def _missing_(cls, value: object) -> JobStatus:
        return _OTHER_WORDS.get(value, cls.UNKNOWN)

    @property
    def has_result(self) -> bool:
        """Whether the job has ended with a result, of all pages or of some."""
        return self in (JobStatus.COMPLETED, JobStatus.PARTIAL_COMPLETED)

    @property
    def is_failure(self) -> bool:
        """Whether the job has ended without a result."""
        return self in (JobStatus.FAILED, JobStatus.STOPPED, JobStatus.DELETED, JobStatus.CANCELLED)

    @property
    def is_terminal(self) -> bool:
        """Whether the job has ended, successfully or not."""
        return self.has_result or self.is_failure


#: TextIn's texts use more than one word for some states.
_OTHER_WORDS: dict[object, JobStatus] = {
    "partial_failed": JobStatus.PARTIAL_COMPLETED,
    "canceled": JobStatus.CANCELLED,
}


@dataclass(frozen=True, slots=True)
class XParseJob:
    """
    A job as the status endpoint returns it.

    :param reported: the status as TextIn wrote it; :attr:`status` is its meaning.
    :param result_url: the address of the result of a completed job. Opaque, and possibly signed.
    :param message: the reason of a failed job.
    """

    job_id: str
    reported: str
    file_id: str | None = None
    result_url: str | None = field(default=None, repr=False)
    message: str | None = None

    @property
    def status(self) -> JobStatus:
        """The meaning of the reported status."""
        return JobStatus(self.reported)

    def to_dict(self) -> dict[str, str | None]:
        """Return the job as sensors return it: the URL without its query, which may be a signature."""
        return {
            "job_id": self.job_id,
            "file_id": self.file_id,
            "status": self.reported,
            "result_url": self.result_url and redact_url(self.result_url).removesuffix("?..."),
            "message": self.message,
        }

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> XParseJob:
        """Build the job that :meth:`to_dict` described."""
        return cls(*(value[name] for name in ("job_id", "status", "file_id", "result_url", "message")))

    @classmethod
    def refused(cls, job_id: str, error: ApiError) -> XParseJob:
        """Build the failed job that stands in a list for an id that TextIn refuses."""
        return cls(job_id, JobStatus.FAILED.value, message=str(error))

    def downloadable_url(self) -> str:
        """
        Return the address of the result.

        :raises ApiError: if the job failed, has not ended, or is completed without an address.
        """
        if self.status.has_result and self.result_url:
            return self.result_url
        if self.status.is_failure or self.status is JobStatus.PARTIAL_COMPLETED:
            raise self.failure()
        if self.status is JobStatus.COMPLETED:
            message, fix = "completed without a result_url", "Ask TextIn with the job id"
        else:
            message = f"not finished, its status is {self.reported!r}"
            fix = "Wait for it with XParseJobSensor first"
        about = f"xParse job {self.job_id}: result"
        raise ApiError(ErrorKind.RESULT, about=about, message=message, fix=fix)

    def failure(self) -> ApiError:
        """Return the error of a failed job, with TextIn's reason."""
        is_plain = self.status in (JobStatus.FAILED, JobStatus.PARTIAL_COMPLETED)
        about = f"xParse job {self.job_id} {'failed' if is_plain else f'was {self.status}'}"
        message = self.message or "TextIn gave no reason"
        fix = "Failed pages are not billed; correct the document or config and submit it again"
        return ApiError(ErrorKind.JOB_FAILED, about=about, message=message, fix=fix)
