"""The xParse endpoints: submit a document, ask for its job, download its result."""

from __future__ import annotations

import json
import logging
import secrets
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from textin_provider.testing import envelope
from textin_provider.testing.call import Call, Route
from textin_provider.testing.documents import inspect, parse
from textin_provider.testing.documents.page_range import page_intervals
from textin_provider.testing.envelope import PARAMETER_ERROR, Envelope, Refusal
from textin_provider.testing.forms import Form, FormError, read_form
from textin_provider.testing.outbound import is_web_address
from textin_provider.testing.wire import JSON_TYPE, Answer, FileBody
from textin_provider.testing.xparse.config import check_config
from textin_provider.testing.xparse.jobs import COMPLETED, FAILED, IN_PROGRESS, Job, JobStore, Outcome
from textin_provider.testing.xparse.results import encode, wrap
from textin_provider.testing.xparse.script import OWN_URL

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from textin_provider.testing.uploads import Upload
    from textin_provider.testing.xparse.runner import Runner

log = logging.getLogger("textin_provider.testing")

JOBS_PATH = "/api/v1/xparse/parse/async"
RESULT_PATH = "/file/xparse_result/"


@dataclass(frozen=True)
class _Order:
    """What one submit asks for."""

    upload: Upload | None
    file_url: str | None
    config: dict[str, Any] | None
    config_content_type: str | None
    webhook: str | None


class XParse:
    """The xParse half of the local TextIn; ``base_url`` is where its result URLs point."""

    def __init__(self, jobs: JobStore, runner: Runner, base_url: str, max_file_bytes: int) -> None:
        self._jobs = jobs
        self._runner = runner
        self._base_url = base_url
        self._max_file_bytes = max_file_bytes

    def routes(self) -> list[Route]:
        """Return the endpoints, the busiest first."""
        return [
            Route("status", "GET", JOBS_PATH + "/", self.status, takes_tail=True),
            Route("submit", "POST", JOBS_PATH, self.submit),
            Route("result", "GET", RESULT_PATH, self.result, takes_tail=True, needs_credentials=False),
        ]

    async def submit(self, call: Call) -> Answer:
        """Create a job for one document."""
        content_type = call.request.headers.get("content-type", "")
        background = self._runner.background
        try:
            form = await read_form(call.body, content_type, background.spool, self._max_file_bytes)
        except FormError as exc:
            raise Refusal(PARAMETER_ERROR, str(exc)) from exc
        try:
            order = _read_order(form)
            if order.upload is not None:
                self._check_size(order.upload)
                await background.call(inspect, order.upload, _heeded(order.config, order.config_content_type))
        except BaseException:
            form.discard()
            raise
        form.discard(keep=[order.upload])
        job = self._create(order)
        return Envelope.XPARSE.success({"job_id": job.job_id})

    async def status(self, call: Call) -> Answer:
        """Answer the state of one job."""
        job = self._jobs.get(call.tail)
        if job is None or (job.script.vanish is not None and job.polls >= job.script.vanish):
            raise Refusal(PARAMETER_ERROR, "Job not found")
        job.polls += 1
        state = job.state(time.monotonic())
        if job.steps is not None and state == job.script.final_state:
            await job.steps.decided.wait()
            job.steps.shown.set()
            state = job.outcome.status if job.outcome else state
        return Envelope.XPARSE.success(self._status_data(job, state))

    async def result(self, call: Call) -> Answer:
        """Serve the result that lies at a token."""
        job = self._jobs.by_token(call.tail)
        if job is None or job.outcome is None or job.outcome.result is None:
            return Envelope.XPARSE.error(404, "result does not exist or its URL has expired", http_status=404)
        job.downloads += 1
        job.token_downloads += 1
        body = job.outcome.result
        return Answer(wrap(body) if job.script.wrapped else body)

    def add(self, job: Job, upload: Upload, call_soon: Callable[..., None]) -> None:
        """Take in a job that nobody submitted, from any thread; ``call_soon`` reaches the loop."""
        self._jobs.add(job)
        call_soon(self._start, job, upload)

    def _check_size(self, upload: Upload) -> None:
        if upload.size == 0:
            raise Refusal(envelope.BAD_REQUEST, "The file is empty")
        if upload.size > self._max_file_bytes:
            limit = self._max_file_bytes // (1024 * 1024)
            raise Refusal(
                envelope.FILE_TOO_LARGE, f"The file has {upload.size} bytes; the limit is {limit} MB"
            )

    def _create(self, order: _Order) -> Job:
        job = Job(
            secrets.token_hex(16),
            self._jobs.next_script(),
            config=order.config,
            config_content_type=order.config_content_type,
            webhook=order.webhook,
            file_url=order.file_url,
        )
        if order.upload is not None:
            job.describe(order.upload)
        self._jobs.add(job)
        self._jobs.submissions += 1
        log.info("job %s submitted: %s, %d bytes", job.job_id, job.filename or job.file_url, job.size)
        self._start(job, order.upload)
        return job

    def _start(self, job: Job, upload: Upload | None) -> None:
        self._runner.start(job, upload, self._read, self._webhook_payload)

    def _read(self, job: Job, upload: Upload) -> Outcome:
        """Turn a document into an outcome; runs in a reader thread."""
        self._check_size(upload)
        config = _heeded(job.config, job.config_content_type)
        result = parse(upload, config, job_id=job.job_id, file_id=job.file_id, source_url=job.file_url)
        if job.config_content_type not in (None, JSON_TYPE):
            log.warning("job %s: no elements, as its config was not sent as %s", job.job_id, JSON_TYPE)
            result |= {"markdown": "", "elements": []}
        path = self._runner.background.spool / f"{job.job_id}.json"
        path.write_bytes(encode(result))
        return Outcome(COMPLETED, result=FileBody(path))

    def _status_data(self, job: Job, state: str) -> dict[str, Any]:
        data: dict[str, Any] = {"job_id": job.job_id, "file_id": job.file_id, "status": state}
        if state == COMPLETED:
            url = self._result_url(job)
            if url is not None:
                data["result_url"] = url
        elif state == FAILED and job.outcome is not None:
            data["message"] = job.outcome.message
        return data

    def _result_url(self, job: Job) -> str | None:
        url = job.script.result_url
        return f"{self._base_url}{RESULT_PATH}{self._jobs.token(job)}" if url == OWN_URL else url

    def _webhook_payload(self, job: Job) -> dict[str, Any]:
        state = job.outcome.status if job.outcome else IN_PROGRESS
        data = self._status_data(job, state)
        del data["file_id"]
        return data


def _heeded(config: Mapping[str, Any] | None, content_type: str | None) -> Mapping[str, Any]:
    """Return the part of a config that TextIn heeds: all of it, or nothing if it was not sent as JSON."""
    return config if config is not None and content_type == JSON_TYPE else {}


def _read_order(form: Form) -> _Order:
    upload, file_url = _one_document(form)
    config, config_content_type = _config(form)
    webhook = _text(form, "webhook")
    if webhook is not None and not is_web_address(webhook):
        raise Refusal(PARAMETER_ERROR, f"webhook: not an http or https address: {webhook!r}")
    return _Order(upload, file_url, config, config_content_type, webhook)


def _one_document(form: Form) -> tuple[Upload | None, str | None]:
    uploads = form.files.get("file", [])
    file_url = _text(form, "file_url")
    if uploads and file_url:
        raise Refusal(PARAMETER_ERROR, "file and file_url are both given; send one of them")
    if len(uploads) > 1:
        raise Refusal(PARAMETER_ERROR, "more than one file is given; send one document per call")
    if uploads:
        return uploads[0], None
    if not file_url:
        raise Refusal(PARAMETER_ERROR, "File not uploaded")
    if not is_web_address(file_url):
        raise Refusal(envelope.UNKNOWN_URL, f"file_url: not an http or https address: {file_url!r}")
    return None, file_url


def _config(form: Form) -> tuple[dict[str, Any] | None, str | None]:
    parts = form.fields.get("config", [])
    if not parts:
        return None, None
    if len(parts) > 1:
        raise Refusal(PARAMETER_ERROR, "config is given more than once")
    part = parts[0]
    try:
        config = json.loads(part.data)
    except ValueError as exc:
        raise Refusal(PARAMETER_ERROR, f"config: not valid JSON: {exc}") from exc
    check_config(config)
    page_intervals(config)
    return config, part.content_type


def _text(form: Form, name: str) -> str | None:
    parts = form.fields.get(name, [])
    if len(parts) > 1:
        raise Refusal(PARAMETER_ERROR, f"{name} is given more than once")
    return parts[0].text.strip() or None if parts else None
