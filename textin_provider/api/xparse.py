"""
The xParse endpoints: submit one document, ask how its job is.

Source: docs.textin.com/api-reference/endpoint/xparse/v1/parse-async and parse-async-status.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache, partial
from typing import Any

from textin_provider.api.document import Document, check_http_url
from textin_provider.api.protocol import (
    Response,
    Request,
    Flow,
    Part,
    Service,
    optional_text,
    read_data,
    read_submitted,
    server_error,
)
from textin_provider.api.errors import ApiError, ErrorKind, bad_input, one_line, redact_url

PATH = "/api/v1/xparse/parse/async"
MAX_FILE_BYTES = 500 * 1024 * 1024


class JobStatus(StrEnum):
    """The states of a job. A state that the vendor never published is UNKNOWN, and not terminal."""

    PENDING = "pending"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    FAILED = "failed"
    UNKNOWN = "unknown"

    @classmethod
    def _missing_(cls, value: object) -> JobStatus:
        return cls.UNKNOWN

    @property
    def is_terminal(self) -> bool:
        """Whether the job has ended, well or badly."""
        return self in (JobStatus.COMPLETED, JobStatus.FAILED)


@dataclass(frozen=True, slots=True)
class XParseJob:
    """
    A job as the status endpoint shows it.

    :param reported: the status word as TextIn wrote it, which :attr:`status` understands.
    :param result_url: where the result lies, only when completed. Opaque, and possibly signed.
    :param message: why it failed, only when failed.
    """

    job_id: str
    reported: str
    file_id: str | None = None
    result_url: str | None = field(default=None, repr=False)
    message: str | None = None

    @property
    def status(self) -> JobStatus:
        """The status, :attr:`JobStatus.UNKNOWN` for a word that is not known."""
        return JobStatus(self.reported)

    def to_dict(self) -> dict[str, str | None]:
        """Return the job as sensors return it: the URL comes without its query, which may be a signature."""
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
        return cls(
            job_id=value["job_id"],
            reported=value["status"],
            file_id=value["file_id"],
            result_url=value["result_url"],
            message=value["message"],
        )

    @classmethod
    def refused(cls, job_id: str, fault: ApiError) -> XParseJob:
        """Build the job that stands in a list for an id that TextIn will not tell of: a failed one."""
        return cls(job_id, JobStatus.FAILED.value, message=str(fault))

    def downloadable_url(self) -> str:
        """
        Return the address of the result.

        :raises ApiError: if the job failed, has not ended, or is completed without an address.
        """
        if self.status is JobStatus.FAILED:
            raise self.failure()
        if self.status is JobStatus.COMPLETED and self.result_url:
            return self.result_url
        if self.status is JobStatus.COMPLETED:
            message, fix = "completed without a result_url", "Ask TextIn with the job id"
        else:
            message = f"not finished, its status is {self.reported!r}"
            fix = "Wait for it with XParseJobSensor first"
        about = f"xParse job {self.job_id}: result"
        raise ApiError(ErrorKind.RESULT, about=about, message=message, fix=fix)

    def failure(self) -> ApiError:
        """Return the fault of a failed job, with TextIn's reason."""
        return ApiError(
            ErrorKind.JOB_FAILED,
            about=f"xParse job {self.job_id} failed",
            message=self.message or "TextIn gave no reason",
            fix="Failed pages are not billed; correct the document or config and submit it anew",
        )


def submit_job(
    *,
    document: Document | None = None,
    file_url: str | None = None,
    config: Mapping[str, Any] | str | None = None,
    webhook: str | None = None,
) -> Request[str]:
    """
    Submit one document; the answer is the job id.

    :param file_url: http(s) address that TextIn fetches the document from, instead of ``document``.
    :param config: the parse configuration, a mapping or the text of a JSON object.
    :param webhook: http(s) address that TextIn calls when the job has ended.
    :raises ApiError: if the input cannot be right; nothing is sent then.
    """
    if (document is None) == (file_url is None):
        raise bad_input("file_url", file_url, "file is given too, or neither is", "Give exactly one of them")
    parts = []
    if document is not None:
        document.check_size("file", MAX_FILE_BYTES)
        parts.append(Part("file", document.content, "application/octet-stream", document.name, document.size))
    else:
        parts.append(Part("file_url", check_http_url("file_url", file_url)))
    if config is not None:
        # Typed as JSON, as the vendor's spec says: untyped, it is known to give success with no elements.
        parts.append(Part("config", _config_text(check_config(config)), "application/json"))
    if webhook is not None:
        parts.append(Part("webhook", check_http_url("webhook", webhook)))
    what = document.name if document is not None else redact_url(file_url or "")
    about = f"xParse submit of {what}"
    read = partial(read_submitted, partial(_read_job_id, about))
    return Request(about, "POST", Service.XPARSE, PATH, read, parts=tuple(parts))


def _read_job_id(about: str, answer: Response) -> str:
    job_id = optional_text(read_data(answer, about).get("job_id"))
    if job_id is None:
        raise server_error(about, "the answer says success but names no job_id")
    return job_id


def get_job(job_id: str) -> Request[XParseJob]:
    """
    Ask how a job is.

    :raises ApiError: if the job id cannot be one.
    """
    job_id = check_job_id(job_id)
    about = f"xParse job {job_id}: status"
    return Request(about, "GET", Service.XPARSE, f"{PATH}/{job_id}", partial(_read_job, job_id, about))


def poll_job(job_id: str) -> Flow[XParseJob]:
    """Flow at a job once, as the calls that a look takes: this one takes a single call."""
    job: XParseJob = yield get_job(job_id)
    return job


def _read_job(job_id: str, about: str, answer: Response) -> XParseJob:
    try:
        data = read_data(answer, about)
    except ApiError as fault:
        if fault.kind is ErrorKind.REQUEST:
            fix = "Check the job_id, and that it was submitted with this connection's account and host"
            raise ApiError.from_dict(fault.to_dict() | {"fix": fix}) from None
        raise
    reported = data.get("status")
    if not isinstance(reported, str):
        raise server_error(about, "the answer says success but names no status")
    return XParseJob(
        job_id=job_id,
        reported=_status_word(reported),
        file_id=optional_text(data.get("file_id")),
        result_url=optional_text(data.get("result_url")),
        message=one_line(data["message"]) if data.get("message") else None,
    )


@lru_cache(maxsize=64)
def _status_word(reported: str) -> str:
    """Return a status as messages may quote it; there are few, and they come with every look."""
    return one_line(reported.strip().lower())


_JOB_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")


def check_job_id(job_id: object) -> str:
    """Return the id without surrounding blanks if it can be one (letters, digits, ``-`` and ``_``)."""
    if isinstance(job_id, str) and _JOB_ID.fullmatch(job_id.strip()) and job_id.strip().lower() != "none":
        return job_id.strip()
    fix = "Give the id that submitting returned, 32 hexadecimal digits as a rule"
    raise bad_input("job_id", job_id, "it is no job id", fix)


_CONFIG_FIX = "Give a dict or the text of a JSON object"
#: Stands for the configuration in errors, as it may hold a document's password.
_UNQUOTED = "..."


def check_config(config: Mapping[str, Any] | str) -> dict[str, Any]:
    """Return the configuration as a dict; text is read as JSON."""
    try:
        value = json.loads(config) if isinstance(config, str) else config
        if not isinstance(value, Mapping):
            raise bad_input("config", _UNQUOTED, f"it is a {type(value).__name__}", _CONFIG_FIX)
        plain: dict[str, Any] = json.loads(_config_text(value))
    except (TypeError, ValueError, RecursionError) as error:
        raise bad_input("config", _UNQUOTED, f"it is no JSON: {one_line(error)}", _CONFIG_FIX) from None
    return plain


def _config_text(config: Mapping[str, Any]) -> str:
    text = json.dumps(dict(config), ensure_ascii=False, allow_nan=False)
    text.encode()  # half of a surrogate pair is text that cannot be sent
    return text
