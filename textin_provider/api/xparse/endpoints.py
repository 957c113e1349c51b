"""Submit and poll xParse jobs. Source: docs.textin.com/api-reference/endpoint/xparse/v1/parse-async."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import lru_cache, partial
from typing import Any

from textin_provider.api.envelope import first_said
from textin_provider.api.errors import ApiError, ErrorKind, bad_input
from textin_provider.api.inputs import Document, check_http_url, exactly_one_of
from textin_provider.api.protocol import (
    Flow,
    Part,
    Request,
    Response,
    Service,
    optional_text,
    read_data,
    read_envelope,
    read_submitted,
    server_error,
)
from textin_provider.api.text import one_line, redact_url
from textin_provider.api.xparse.models import JobStatus, XParseJob

PATH = "/api/v1/xparse/parse/async"
MAX_FILE_BYTES = 500 * 1024 * 1024
#: The codes with which an envelope says that TextIn does not know a job.
UNKNOWN_JOB_CODES = frozenset({404, 40004})


def submit_job(
    *,
    document: Document | None = None,
    file_url: str | None = None,
    config: Mapping[str, Any] | str | None = None,
    webhook: str | None = None,
) -> Request[str]:
    """
    Submit one document; the value of the request is the job id.

    :param file_url: http(s) address from which TextIn fetches the document, instead of ``document``.
    :param config: the parse configuration, a mapping or the text of a JSON object.
    :param webhook: http(s) address that TextIn calls when the job has ended.
    :raises ApiError: if the input is invalid; nothing is sent then.
    """
    exactly_one_of(file=document and document.name, file_url=file_url)
    parts = []
    if document is not None:
        document.check_size("file", MAX_FILE_BYTES)
        parts.append(document.as_part())
    else:
        parts.append(Part("file_url", check_http_url("file_url", file_url)))
    if config is not None:
        # The vendor's spec says JSON: without this type TextIn is known to return results without elements.
        parts.append(Part("config", json.dumps(check_config(config), ensure_ascii=False), "application/json"))
    if webhook is not None:
        parts.append(Part("webhook", check_http_url("webhook", webhook)))
    what = document.name if document is not None else redact_url(file_url or "")
    about = f"xParse submit of {what}"
    read = partial(read_submitted, partial(_read_job_id, about))
    return Request(about, "POST", Service.XPARSE, PATH, read, parts=tuple(parts))


def _read_job_id(about: str, response: Response) -> str:
    job_id = optional_text(read_data(response, about).get("job_id"))
    if job_id is None:
        raise server_error(about, "the response reports success without a job_id")
    return job_id


def get_job(job_id: str) -> Request[XParseJob]:
    """Return the request for the state of a job; raise ApiError if the job id is not valid."""
    job_id = check_job_id(job_id)
    about = f"xParse job {job_id}: status"
    return Request(about, "GET", Service.XPARSE, f"{PATH}/{job_id}", partial(_read_job, job_id, about))


def poll_job(job_id: str) -> Flow[XParseJob]:
    """Poll a job once: a flow of a single request."""
    job: XParseJob = yield get_job(job_id)
    return job


def _read_job(job_id: str, about: str, response: Response) -> XParseJob:
    try:
        envelope = read_envelope(response, about)
    except ApiError as error:
        if is_unknown_job(error.kind, error.code):
            fix = "Check the job_id, and that it was submitted with this connection's account and host"
            raise error.replace(fix=fix) from None
        raise
    data = envelope["data"]
    reported = data.get("status")
    if not isinstance(reported, str):
        raise server_error(about, "the response reports success without a status")
    status = _status_word(reported)
    said = [data.get("message"), data.get("error_message")]
    if JobStatus(status).is_failure:
        said += [envelope.get("message"), envelope.get("msg")]
    return XParseJob(
        job_id=job_id,
        reported=status,
        file_id=optional_text(data.get("file_id")),
        result_url=optional_text(data.get("result_url")),
        message=first_said(*said),
    )


def is_unknown_job(kind: ErrorKind | str | None, code: int | None) -> bool:
    """Whether an error says that TextIn does not know a job; a gateway that says so is not believed."""
    return kind == ErrorKind.REQUEST and code in UNKNOWN_JOB_CODES


@lru_cache(maxsize=64)
def _status_word(reported: str) -> str:
    """Return a status as messages may quote it; cached, because every poll brings one of a few values."""
    return one_line(reported.strip().lower())


_JOB_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")


def check_job_id(job_id: object) -> str:
    """Return the id without surrounding blanks if it is valid (letters, digits, ``-`` and ``_``)."""
    if isinstance(job_id, str) and _JOB_ID.fullmatch(job_id.strip()) and job_id.strip().lower() != "none":
        return job_id.strip()
    fix = "Pass the id that the submit returned, usually 32 hexadecimal digits"
    raise bad_input("job_id", job_id, "it is not a valid job id", fix)


def chooses_pages(config: Mapping[str, Any] | str | None) -> bool:
    """Whether a configuration that was checked asks for some pages only."""
    scope = check_config(config).get("scope") if config else None
    return bool(isinstance(scope, Mapping) and scope.get("page_range"))


_CONFIG_FIX = "Pass a dict or the text of a JSON object"
#: Stands for the configuration in errors, because it may hold a document's password.
_UNQUOTED = "..."


def check_config(config: Mapping[str, Any] | str) -> dict[str, Any]:
    """
    Return the configuration as a dict; text is read as JSON, and the password of a document is text.

    Native rendering of templates turns a password of digits into a number.
    """
    try:
        value = json.loads(config) if isinstance(config, str) else config
        if not isinstance(value, Mapping):
            raise bad_input("config", _UNQUOTED, f"it is a {type(value).__name__}", _CONFIG_FIX)
        text = json.dumps(dict(value), ensure_ascii=False, allow_nan=False)
        text.encode()  # a lone surrogate cannot be sent
        plain: dict[str, Any] = json.loads(text)
    except (TypeError, ValueError, RecursionError) as error:
        problem = f"it is not valid JSON: {one_line(error)}"
        raise bad_input("config", _UNQUOTED, problem, _CONFIG_FIX) from None
    document = plain.get("document")
    if isinstance(document, dict) and isinstance(document.get("password"), int | float):
        document["password"] = str(document["password"])
    return plain
