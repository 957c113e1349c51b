"""The hook: an Airflow connection of type ``textin``, and what can be done with it."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import mask_secret

from textin_provider.api import docflow, upload, xparse
from textin_provider.api.batch import PageWalk, Progress, poll_progress
from textin_provider.api.protocol import Service
from textin_provider.api.errors import ApiError, ErrorKind, bad_input
from textin_provider.api.result import ResultStream
from textin_provider.api.upload import DocFlowUpload
from textin_provider.exceptions import TextInError, public_errors
from textin_provider.get_provider_info import UI_FIELD_BEHAVIOUR
from textin_provider.hooks.base import READ_ATTEMPTS, TextInConnectionHook, map_in_threads
from textin_provider.hooks.lineage import report
from textin_provider.hooks.storage import OutputFile, check_documents, open_document
from textin_provider.hooks.textin_async import TextInAsyncHook

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from textin_provider.api.docflow import DocFlowFile, Selector

__all__ = ["TextInAsyncHook", "TextInHook"]

#: A job and a batch that nobody has: asking for them is free and tells whether the credentials are right.
_NO_JOB = "0" * 32
_NO_BATCH = docflow.Selector("batch_number", "connection-test")
#: Answers to that question which come from something that is not TextIn's xParse.
_NOT_TEXTIN = frozenset({300, 301, 302, 303, 307, 308, 404, 405, 40007, 40008, 40400})


class TextInHook(TextInConnectionHook):
    """
    Talk to TextIn with the credentials of an Airflow connection.

    Connection fields:

    - **login**: App ID (``x-ti-app-id``), required.
    - **password**: Secret code (``x-ti-secret-code``), required.
    - **host**: xParse base URL, ``https://api.textin.com`` unless given.
    - **extra**: ``docflow_host``, ``workspace_id``, ``max_requests_per_second``, ``enterprise_id``,
      ``timeout`` (seconds), ``result_hosts`` (comma separated).

    Reads are tried a few times when TextIn or the network has a fault; a submit is sent once, and again only
    if the connection was never made, because every accepted document is billed.

    All methods raise a :class:`~textin_provider.exceptions.TextInError`.

    :param textin_conn_id: id of the connection.
    """

    def test_connection(self) -> tuple[bool, str]:
        """
        Tell whether TextIn takes the credentials, free of charge.

        xParse is asked for a job that nobody has, DocFlow, if the connection names a workspace, for a batch.
        """
        try:
            self._test_xparse()
            workspace_id = self.connection.workspace_id
            if workspace_id:
                self._send(docflow.fetch_page(workspace_id, _NO_BATCH, page_size=1))
        except ApiError as fault:
            return False, str(fault)
        hosts = self.connection.base_urls
        with_docflow = (
            f", and DocFlow at {hosts[Service.DOCFLOW]} knows the workspace" if workspace_id else ""
        )
        return True, f"TextIn at {hosts[Service.XPARSE]} takes these credentials{with_docflow}."

    def _test_xparse(self) -> None:
        try:
            self._send(xparse.get_job(_NO_JOB))
        except ApiError as fault:
            if fault.kind is not ErrorKind.REQUEST or fault.code in _NOT_TEXTIN:
                raise

    @public_errors()
    def submit_xparse_job(
        self,
        file: str | None = None,
        file_url: str | None = None,
        config: Mapping[str, Any] | str | None = None,
        webhook: str | None = None,
        *,
        file_conn_id: str | None = None,
    ) -> str:
        """
        Submit one document to xParse and return the job id.

        :param file: local path or object storage URL; streamed, at most 500 MB. Exclusive with ``file_url``.
        :param file_url: http(s) address that TextIn fetches the document from.
        :param config: parse configuration, a dict or JSON text. See docs.textin.com/xparse/v1/parse-config.
        :param webhook: http(s) address that TextIn calls when the job has ended.
        :param file_conn_id: Airflow connection for ``file`` on object storage.
        :raises TextInUncertainSubmitError: if the document may have been accepted all the same.
        """
        if file is not None and file_url is not None:
            raise bad_input("file_url", file_url, f"file={file!r} is given too", "Give one of them")
        if file is None:
            job_id = self._send(xparse.submit_job(file_url=file_url, config=config, webhook=webhook))
        else:
            with open_document("file", file, file_conn_id) as document:
                job_id = self._send(xparse.submit_job(document=document, config=config, webhook=webhook))
        self.log.info("TextIn accepted the document as xParse job %s.", job_id)
        report(self, "input", filter(None, [file, file_url]))
        return job_id

    def get_xparse_job(self, job_id: str) -> xparse.XParseJob:
        """Return how an xParse job is."""
        return self.poll_xparse_job(job_id, attempts=READ_ATTEMPTS)

    @public_errors()
    def poll_xparse_job(self, job_id: str, *, attempts: int = 1) -> xparse.XParseJob:
        """Return how an xParse job is, asking that often; a wait asks once and comes back later."""
        return self._look(xparse.poll_job(job_id), attempts=attempts)

    def poll_xparse_jobs(
        self, job_ids: Sequence[str], *, attempts: int = 1
    ) -> Iterator[xparse.XParseJob | TextInError]:
        """Yield how each of many xParse jobs is, or why nobody can tell; a few are asked for at a time."""
        return map_in_threads(partial(self.poll_xparse_job, attempts=attempts), job_ids)

    @public_errors()
    def download_xparse_result(
        self,
        job_id: str,
        output_path: str,
        *,
        output_conn_id: str | None = None,
        overwrite: bool = True,
    ) -> dict[str, Any]:
        """
        Store the result of a completed job, whole or not at all, in constant memory.

        The address of the result is asked for anew at each try, because it may expire.

        :param output_path: local path or object storage URL; one that ends with ``/`` is a directory that
            gets ``<job_id>.json``.
        :return: ``{"job_id", "file_id", "output_path", "size_bytes", "sha256"}``.
        :raises TextInJobFailedError: if the job failed.
        :raises TextInBadResultError: if it has not ended, or what ``result_url`` points to is no result.
        """
        job_id = xparse.check_job_id(job_id)
        output = OutputFile(output_path, f"{job_id}.json", output_conn_id, overwrite=overwrite)
        output.check()
        manifest = self._try_often(lambda: self._download(job_id, output), READ_ATTEMPTS)
        path, size = manifest["output_path"], manifest["size_bytes"]
        self.log.info("Stored the result of xParse job %s: %s, %d bytes.", job_id, path, size)
        report(self, "output", [path])
        return manifest

    def _download(self, job_id: str, output: OutputFile) -> dict[str, Any]:
        from textin_provider.hooks.requests_transport import chunks_of, has_provable_end, open_result

        job = self._send(xparse.get_job(job_id), attempts=1)
        url = job.downloadable_url()
        about = f"xParse job {job_id}: result"
        with open_result(self.get_conn(), url, self.connection, about) as response, output.writing() as file:
            stream = ResultStream(about, must_balance=not has_provable_end(response))
            for chunk in chunks_of(response, about):
                file.write(stream.feed(chunk))
            file.write(stream.finish())
        return {"job_id": job_id, "file_id": job.file_id, **output.manifest(file)}

    @public_errors()
    def workspace(self, workspace_id: str | None = None) -> str:
        """
        Return the DocFlow workspace to work in: the one given, else the connection's.

        :raises TextInConfigurationError: if neither names one.
        """
        chosen = workspace_id or self.connection.workspace_id
        if not chosen:
            raise ApiError(
                ErrorKind.CONFIGURATION,
                about=f"workspace_id={workspace_id!r}",
                message=f"none is given, and the connection {self.textin_conn_id!r} has none",
                fix="Give workspace_id, or fill in the DocFlow workspace of the connection",
            )
        return chosen

    @public_errors()
    def upload_docflow_files(
        self,
        files: Sequence[str] | str | None = None,
        urls: Sequence[str] | str | None = None,
        *,
        batch_number: str | None = None,
        workspace_id: str | None = None,
        file_conn_id: str | None = None,
        on_accepted: Callable[[DocFlowUpload], None] | None = None,
        **options: Any,
    ) -> DocFlowUpload:
        """
        Upload files to DocFlow, as one batch; a long list goes out in portions of ten.

        All files and URLs are checked before the first portion is sent.

        :param files: local paths or object storage URLs; streamed, at most 100 MB each. Or
        :param urls: http(s) addresses that DocFlow fetches the files from.
        :param batch_number: a new or an existing batch; DocFlow makes one if it is None.
        :param on_accepted: called after each portion with all that is accepted so far.
        :param options: see :func:`textin_provider.api.upload.upload_options`.
        :raises TextInUncertainSubmitError: if a portion broke off after it was sent, or others went well.
        """
        sources = upload.check_sources(files, urls)
        query = upload.upload_options(**options)
        workspace_id = self.workspace(workspace_id)
        if query["parser_pdf_pwd"]:
            mask_secret(query["parser_pdf_pwd"])
        if files is not None:
            check_documents("files", sources, upload.MAX_FILE_BYTES, file_conn_id)
        accepted = DocFlowUpload(batch_number, ())
        for portion in upload.chunked(sources):
            try:
                with ExitStack() as stack:
                    is_local = files is not None
                    opened = [open_document("files", file, file_conn_id) for file in portion if is_local]
                    call = upload.upload_files(
                        workspace_id,
                        documents=[stack.enter_context(document) for document in opened],
                        urls=() if is_local else portion,
                        batch_number=accepted.batch_number,
                        options=query,
                    )
                    accepted = accepted.plus(self._send(call))
            except ApiError as refused:
                fault = refused.without(query["parser_pdf_pwd"])
                raise upload.partly_accepted(fault, accepted, sources) if accepted.files else fault from None
            report(self, "input", portion)
            if on_accepted:
                on_accepted(accepted)
        return accepted

    @public_errors()
    def fetch_docflow_files(
        self,
        batch_number: str | None = None,
        file_id: str | None = None,
        task_id: str | None = None,
        *,
        workspace_id: str | None = None,
        **filters: Any,
    ) -> list[DocFlowFile]:
        """
        Return the files of a workspace, or of one batch, file or task: those of all pages, each once.

        :param workspace_id: the DocFlow workspace, by default the connection's.
        :param filters: see :func:`textin_provider.api.docflow.fetch_page`.
        """
        given = {"batch_number": batch_number, "file_id": file_id, "task_id": task_id}
        is_chosen = any(value is not None for value in given.values())
        selector = docflow.Selector.of(**given) if is_chosen else None
        pages = self.iter_docflow_files(
            selector, workspace_id, page_size=docflow.MAX_PAGE_SIZE, filters=filters
        )
        return list(chain.from_iterable(pages))

    def iter_docflow_files(
        self,
        selector: Selector | None,
        workspace_id: str | None = None,
        *,
        page_size: int = docflow.READ_PAGE_SIZE,
        filters: Mapping[str, Any] | None = None,
    ) -> Iterator[list[DocFlowFile]]:
        """Yield what :meth:`fetch_docflow_files` returns, page by page: a batch may be larger than memory."""
        with public_errors():
            walk = PageWalk(self.workspace(workspace_id), selector, page_size=page_size, filters=filters)
            while (call := walk.next_call()) is not None:
                yield walk.take(self._send(call))

    @public_errors()
    def poll_docflow_progress(self, selector: Selector, workspace_id: str) -> Progress:
        """Return how far a batch is, by counts alone, asking once; a wait comes back later."""
        return self._look(poll_progress(workspace_id, selector), attempts=1)

    @classmethod
    def get_connection_form_widgets(cls) -> dict[str, Any]:
        """Return the form's extra fields for Airflow before 3.2, which does not read the provider info."""
        from textin_provider.hooks.form import form_widgets

        return form_widgets()

    @classmethod
    def get_ui_field_behaviour(cls) -> dict[str, Any]:
        """Return how the form's standard fields look, for Airflow before 3.2."""
        return {name.replace("-", "_"): value for name, value in UI_FIELD_BEHAVIOUR.items()}
