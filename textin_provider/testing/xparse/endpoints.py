"""The xParse endpoints: submit a document, get the status of its job, download its result; parse at once."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from typing import TYPE_CHECKING, Any

from textin_provider.testing.documents import inspect
from textin_provider.testing.responses import (
    BAD_REQUEST,
    FILE_CORRUPTED,
    FILE_TOO_LARGE,
    PARAMETER_ERROR,
    Envelope,
    HttpResponse,
    Refusal,
)
from textin_provider.testing.routing import Route, RoutedRequest
from textin_provider.testing.scripts import OWN_URL
from textin_provider.testing.uploads import FormError, read_form
from textin_provider.testing.xparse.jobs import (
    IN_PROGRESS,
    PENDING,
    WITH_RESULT,
    FinalState,
    Job,
    JobRegistry,
)
from textin_provider.testing.xparse.results import ResultWriter
from textin_provider.testing.xparse.submit_request import SubmitRequest, effective_config, read_submit

if TYPE_CHECKING:
    from collections.abc import Callable

    from textin_provider.testing.uploads import Upload
    from textin_provider.testing.xparse.runner import JobRunner

log = logging.getLogger("textin_provider.testing")

JOBS_PATH = "/api/v1/xparse/parse/async"
SYNC_PATH = "/api/v1/xparse/parse/sync"
RESULT_PATH = "/file/xparse_result/"


class XParseEndpoints:
    """The endpoints of xParse; ``base_url`` is the base of its result URLs."""

    def __init__(self, jobs: JobRegistry, runner: JobRunner, base_url: str, max_file_bytes: int) -> None:
        self._jobs = jobs
        self._runner = runner
        self._base_url = base_url
        self._max_file_bytes = max_file_bytes
        self._results = ResultWriter(runner.background.spool, base_url)

    def routes(self) -> list[Route]:
        """Return the routes, the most frequent first."""
        return [
            Route("status", "GET", JOBS_PATH + "/", self.status, takes_tail=True),
            Route("submit", "POST", JOBS_PATH, self.submit),
            Route("sync", "POST", SYNC_PATH, self.sync),
            Route("result", "GET", RESULT_PATH, self.result, takes_tail=True, needs_credentials=False),
            *self._results.routes(),
        ]

    async def submit(self, request: RoutedRequest) -> HttpResponse:
        """Create a job for one document."""
        submit = await self._read(request, self._runner.slots.check)
        job = self._create(submit)
        self._start(job, submit.upload)
        return Envelope.XPARSE.success({"job_id": job.job_id})

    async def sync(self, request: RoutedRequest) -> HttpResponse:
        """Return the result of one document; a job that never ends gets no response."""
        submit = await self._read(request)
        job = self._create(submit)
        if not job.script.ends:
            await asyncio.Event().wait()
        outcome = await self._runner.finish(job, submit.upload, self._parse)
        job.end(outcome)
        log.info("job %s %s: %s", job.job_id, outcome.status, outcome.message or job.filename)
        if outcome.result is None:
            raise Refusal(FILE_CORRUPTED, outcome.message or f"the job is {outcome.status}")
        return Envelope.XPARSE.wrap(outcome.result, job.script.code)

    async def status(self, request: RoutedRequest) -> HttpResponse:
        """Return the state of one job."""
        job = self._jobs.get(request.tail)
        if job is None or (job.script.vanish is not None and job.polls >= job.script.vanish):
            if job is not None:
                self._runner.slots.free(job)
            raise Refusal(PARAMETER_ERROR, "Job not found")
        job.count_poll()
        state = job.state(time.monotonic())
        if job.events is not None and state == job.script.final_state:
            await job.events.finished.wait()
            job.events.shown.set()
            state = job.outcome.status if job.outcome else state
        if state not in (PENDING, IN_PROGRESS):
            # The job's own task may wake up later than the client that has seen its end submits the next one.
            self._runner.slots.free(job)
        return Envelope.XPARSE.success(self._status_data(job, state))

    async def result(self, request: RoutedRequest) -> HttpResponse:
        """Return the result of the job to which the token in the URL belongs."""
        job = self._jobs.by_token(request.tail)
        if job is None or job.outcome is None or job.outcome.result is None:
            return Envelope.XPARSE.error(404, "result does not exist or its URL has expired", http_status=404)
        job.downloads += 1
        job.token_downloads += 1
        body, script = job.outcome.result, job.script
        return Envelope.XPARSE.wrap(body, script.code) if script.is_wrapped else HttpResponse(body)

    def add(self, job: Job, upload: Upload, call_soon: Callable[..., None]) -> None:
        """Add a job without a submit request; thread-safe, ``call_soon`` schedules on the event loop."""
        self._jobs.add(job)
        call_soon(self._start, job, upload)

    async def _read(self, request: RoutedRequest, check: Callable[[], None] = lambda: None) -> SubmitRequest:
        """Read and check a submit request; ``check`` comes last and may refuse it."""
        content_type = request.logged.headers.get("content-type", "")
        background = self._runner.background
        try:
            form = await read_form(request.body, content_type, background.spool, self._max_file_bytes)
        except FormError as exc:
            raise Refusal(PARAMETER_ERROR, str(exc)) from exc
        try:
            submit = read_submit(form)
            if submit.upload is not None:
                self._check_size(submit.upload)
                config = effective_config(submit.config)
                page_count = self._jobs.peek_script().page_count
                await background.run_in_thread(inspect, submit.upload, config, page_count)
            check()
        except BaseException:
            form.discard()
            raise
        form.discard(keep=[submit.upload])
        return submit

    def _check_size(self, upload: Upload) -> None:
        if upload.size == 0:
            raise Refusal(BAD_REQUEST, "The file is empty")
        if upload.size > self._max_file_bytes:
            limit = self._max_file_bytes // (1024 * 1024)
            raise Refusal(FILE_TOO_LARGE, f"The file has {upload.size} bytes; the limit is {limit} MB")

    def _create(self, submit: SubmitRequest) -> Job:
        job = Job(
            secrets.token_hex(16),
            self._jobs.next_script(),
            config=submit.config,
            config_content_type=submit.config_content_type,
            webhook=submit.webhook,
            file_url=submit.file_url,
        )
        if submit.upload is not None:
            job.set_document(submit.upload)
        self._jobs.add(job)
        self._jobs.submissions += 1
        log.info("job %s submitted: %s, %d bytes", job.job_id, job.filename or job.file_url, job.size)
        return job

    def _start(self, job: Job, upload: Upload | None) -> None:
        self._runner.start(job, upload, self._parse, self._webhook_payload)

    def _parse(self, job: Job, upload: Upload) -> FinalState:
        """Parse a document; runs in a reader thread."""
        self._check_size(upload)
        return FinalState(job.script.final_state, result=self._results.write(job, upload))

    def _status_data(self, job: Job, state: str) -> dict[str, Any]:
        data: dict[str, Any] = {"job_id": job.job_id, "file_id": job.file_id, "status": state}
        if state in WITH_RESULT:
            url = self._result_url(job)
            if url is not None:
                data["result_url"] = url
        elif job.outcome is not None and state == job.outcome.status and job.outcome.message is not None:
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
