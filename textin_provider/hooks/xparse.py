"""The methods of the hook for xParse: submit, poll, download."""

from __future__ import annotations

import logging
from contextlib import suppress
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import mask_secret

from textin_provider.api.errors import CODES, FIRST_OWN_CODE, ApiError, ErrorKind
from textin_provider.api.inputs import exactly_one_of
from textin_provider.api.redaction import passwords_in, without_secrets
from textin_provider.api.retry import RATE_LIMIT_TIMEOUT
from textin_provider.api.text import one_line, redact_url
from textin_provider.api.xparse import endpoints
from textin_provider.api.xparse.config_keys import UnknownKey, unknown_keys
from textin_provider.api.xparse.on_partial import OnPartial, check_on_partial
from textin_provider.api.xparse.result_scan import ResultScan
from textin_provider.api.xparse.result_stream import ResultStream
from textin_provider.hooks.guard import NoRecord, accepted_but_failed, is_uncertain
from textin_provider.hooks.job_wait import JobWait
from textin_provider.hooks.lineage import report
from textin_provider.hooks.metrics import count
from textin_provider.hooks.output_names import named
from textin_provider.hooks.rate_limit_wait import RateLimitWait, rate_limit_seconds
from textin_provider.hooks.sender import READ_ATTEMPTS, Sender
from textin_provider.hooks.storage import OutputFile, open_document
from textin_provider.hooks.stored_result import ResultOf

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta

    from textin_provider.api.protocol import Request
    from textin_provider.api.xparse import XParseJob
    from textin_provider.hooks.guard import PostRecord
    from textin_provider.hooks.paths import PathValue
    from textin_provider.hooks.stored_result import StoredResult

#: The id of a job that does not exist: asking for it is free of charge and checks the credentials.
_NO_JOB = "0" * 32
#: Codes of a host without xParse, or of an account that may not use it; 404 may mean the path.
_NOT_TEXTIN = frozenset({404, 40007, 40008, 40400})


class XParseMethods(Sender):
    """The xParse side of :class:`~textin_provider.hooks.textin.TextInHook`."""

    #: The level of the lines about single documents.
    document_log_level = logging.INFO

    @cached_property
    def _unknown_keys(self) -> set[UnknownKey]:
        """The keys of configurations that were logged."""
        return set()

    def submit_xparse_job(
        self,
        file: PathValue | None = None,
        file_url: str | None = None,
        config: Mapping[str, Any] | str | None = None,
        webhook: str | None = None,
        *,
        file_conn_id: str | None = None,
        rate_limit_timeout: float | timedelta = RATE_LIMIT_TIMEOUT,
        record: PostRecord[str] | None = None,
    ) -> str:
        """
        Submit one document to xParse and return the job id.

        A submit that TextIn refuses because the account is at its limit, of requests or of jobs in work, has
        accepted nothing; it waits for its turn and is sent again.

        Any exception after the first byte was sent, a timeout of Airflow or a signal included, is a
        ``TextInUncertainSubmitError``, which no retry repeats.

        :param file: local path or object storage URL; streamed, at most 500 MB. Exclusive with ``file_url``.
        :param file_url: http(s) address from which TextIn fetches the document.
        :param config: parse configuration, a dict or JSON text. See docs.textin.com/xparse/v1/parse-config.
        :param webhook: http(s) address that TextIn calls when the job has ended.
        :param file_conn_id: Airflow connection for ``file`` on object storage.
        :param rate_limit_timeout: seconds from the first such refusal until the submit fails with
            ``TextInRateLimitError``.
        :param record: where the submit is written down, see :class:`~textin_provider.hooks.guard.PostRecord`.
        :raises TextInUncertainSubmitError: if the document may have been accepted despite the error.
        """
        passwords = mask_passwords(config)
        try:
            wait = JobWait(self, rate_limit_seconds(rate_limit_timeout))
            return self._submit(
                _Submit(self, record or NoRecord(), wait), file, file_url, config, webhook, file_conn_id
            )
        except BaseException as error:
            if not passwords:
                raise
            clean = without_secrets(error, passwords)
        # Airflow 3.0 prints the variables of each frame.
        config, passwords = None, ()
        raise clean from clean.__cause__

    def _submit(
        self,
        submit: _Submit,
        file: PathValue | None,
        file_url: str | None,
        config: Mapping[str, Any] | str | None,
        webhook: str | None,
        file_conn_id: str | None,
    ) -> str:
        exactly_one_of(file=file, file_url=file_url)
        try:
            self._warn_of_keys(config)
            if file is None:
                request = endpoints.submit_job(file_url=file_url, config=config, webhook=webhook)
                return submit.send(request, redact_url(file_url or ""), file_url or "")
            with open_document("file", file, file_conn_id) as document:
                request = endpoints.submit_job(document=document, config=config, webhook=webhook)
                return submit.send(request, document.name, file)
        except BaseException as error:  # of any class: an accepted document must not be sent again
            final = submit.final_error(error)
            if final is error:
                raise
            raise final from error

    def _warn_of_keys(self, config: Mapping[str, Any] | str | None) -> None:
        """Log keys of a configuration that TextIn may ignore, once for each of them."""
        for key in unknown_keys(endpoints.check_config(config)) if config else ():
            if key not in self._unknown_keys:
                self._unknown_keys.add(key)
                self.log.warning("%s", key)

    def get_xparse_job(self, job_id: str) -> XParseJob:
        """Return the state of an xParse job."""
        return self.poll_xparse_job(job_id, attempts=READ_ATTEMPTS)

    def poll_xparse_job(self, job_id: str, *, attempts: int = 1) -> XParseJob:
        """Return the state of an xParse job; by default without retries, because a wait polls again later."""
        count("polls")
        job = self.run(partial(endpoints.poll_job, job_id), attempts=attempts)
        self.connection.jobs.on_polled(job.job_id, self.now(), has_ended=job.status.is_terminal)
        return job

    def download_xparse_result(
        self,
        job_id: str,
        output_path: PathValue,
        *,
        output_conn_id: str | None = None,
        overwrite: bool = True,
        on_partial: OnPartial = "warn",
    ) -> dict[str, Any]:
        """
        Store the result of a completed job, complete or not at all, in constant memory.

        :param output_path: local path or object storage URL; one that ends with ``/`` is a directory, in
            which the file is ``<job_id>.json``; ``{job_id}`` in it is the job id.
        :param on_partial: ``"warn"`` logs which pages or exports are missing, ``"fail"`` raises after the
            result is stored, ``"ignore"`` does nothing.
        :return: ``{"job_id", "file_id", "source", "output_path", "size_bytes", "sha256", "pages",
            "page_count", "failed_pages", "exports"}``.
        :raises TextInJobFailedError: if the job failed.
        :raises TextInBadResultError: if it has not ended, or ``result_url`` leads to no valid result.
        :raises TextInPartialResultError: if pages or exports are missing and ``on_partial`` is ``"fail"``.
        """
        check_on_partial(on_partial)
        stored = self.store_xparse_result(job_id, output_path, output_conn_id, overwrite=overwrite)
        stored.check(on_partial, self.log.warning)
        return stored.manifest

    def store_xparse_result(
        self,
        job_id: str,
        output_path: PathValue,
        output_conn_id: str | None = None,
        *,
        overwrite: bool = True,
        document: ResultOf | None = None,
        job: XParseJob | None = None,
    ) -> StoredResult:
        """
        Store the result of a completed job as :meth:`download_xparse_result` does, partial or not.

        :param document: what is known of the document that was submitted.
        :param job: the job as it was just polled, which saves a request.
        """
        job_id = endpoints.check_job_id(job_id)
        output_path = named(output_path, job_id)
        output = OutputFile(output_path, f"{job_id}.json", output_conn_id, overwrite=overwrite)
        output.check()
        document = document or ResultOf()
        polled = [job] if job else []
        stored = self.retry(
            lambda: self._download(job_id, output, document, polled.pop() if polled else None)
        )
        path, size = stored.manifest["output_path"], stored.manifest["size_bytes"]
        line = "Stored the result of xParse job %s: %s, %d bytes."
        self.log.log(self.document_log_level, line, job_id, path, size)
        report(self, "output", [path])
        count("pages", stored.facts.pages or 0)
        return stored

    def _download(
        self, job_id: str, output: OutputFile, document: ResultOf, job: XParseJob | None
    ) -> StoredResult:
        """Download once. The address of the result may expire, so another attempt asks for it again."""
        from textin_provider.hooks.requests_transport import chunks_of, has_provable_end, open_result

        job = job or self.send(endpoints.get_job(job_id), attempts=1)
        url, about = job.downloadable_url(), f"xParse job {job_id}: result"
        scan = ResultScan()
        try:
            result = open_result(self.get_conn(), url, self.connection, about)
            with result as response, output.writing() as file:
                stream = ResultStream(about, must_balance=not has_provable_end(response))
                for piece in stream.pieces(chunks_of(response, about)):
                    file.write(piece)
                    scan.feed(piece)
        except ApiError as error:
            self.report_limit(error)
            raise
        return document.stored(job, output.manifest(file), scan, said_partial=stream.is_partial)

    def _test_xparse(self) -> None:
        """Ask for a job that does not exist; raise if xParse rejects the credentials or does not respond."""
        try:
            self.send(endpoints.get_job(_NO_JOB), attempts=2, turn=RateLimitWait(self, 0.0))
        except ApiError as error:
            # Another service behind that host may refuse the id with a code of its own.
            is_textins = error.code in CODES or (error.code or 0) >= FIRST_OWN_CODE
            if error.kind is not ErrorKind.REQUEST or not is_textins or error.code in _NOT_TEXTIN:
                raise


def mask_passwords(config: object) -> tuple[str, ...]:
    """Let Airflow mask the passwords of a configuration, and return them; never raise."""
    passwords = passwords_in(config)
    with suppress(Exception):  # a masker that fails must not fail a submit
        for password in passwords:
            mask_secret(password)
    return passwords


class _Submit:
    """One submit, and the record of it: what is accepted is written down, logged and reported."""

    def __init__(self, hook: XParseMethods, record: PostRecord[str], wait: JobWait) -> None:
        self._hook = hook
        self._record = record
        self._wait = wait
        self._about = self._name = ""
        self._source: PathValue = ""
        self._job_id: str | None = None
        self._uncertain: ApiError | None = None

    def send(self, request: Request[str], name: str, source: PathValue) -> str:
        """Send the request for the document of that name and return its job id."""
        self._about, self._name, self._source = request.about, name, source
        try:
            self._wait.wait_for_room(request.about)
            return self._hook.send(request, record=self, turn=self._wait)
        except ApiError as error:
            # Closing the document may fail next, and hide this error.
            self._uncertain = error if is_uncertain(error) else None
            raise

    def sending(self) -> None:
        """Write down that the document is about to be sent."""
        self._record.sending()

    def refused(self) -> None:
        """Withdraw that."""
        self._record.refused()

    def accepted(self, job_id: str) -> None:
        """Write down the job before anything else is done with it."""
        self._job_id = job_id
        self._record.accepted(job_id)
        self._hook.connection.jobs.on_accepted(job_id, self._hook.now())
        count("documents")
        accepted = "TextIn accepted the document %s as xParse job %s."
        self._hook.log.log(self._hook.document_log_level, accepted, one_line(self._name), job_id)
        report(self._hook, "input", [self._source])

    def final_error(self, error: BaseException) -> BaseException:
        """Return the error of the submit; it is an uncertain one if the document may have been accepted."""
        if is_uncertain(error):
            return error
        if self._uncertain is not None:
            return self._uncertain
        return error if self._job_id is None else accepted_but_failed(self._about, self._job_id, error)
