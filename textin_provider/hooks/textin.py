"""The hook: an Airflow connection of type ``textin``, and what can be done with it."""

from __future__ import annotations

import os
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowNotFoundException, BaseHook

import textin_provider.exceptions  # noqa: F401  # errors become public exceptions by being registered
from textin_provider.api.docflow.fetch import MAX_PAGE_SIZE, READ_PAGE_SIZE
from textin_provider.api.docflow.models import Selector
from textin_provider.api.errors import ApiError
from textin_provider.api.protocol import Service
from textin_provider.get_provider_info import UI_FIELD_BEHAVIOUR
from textin_provider.hooks.connection import (
    CONN_TYPE,
    DEFAULT_CONN_ID,
    TextInConnection,
    missing_connection,
    read_connection,
    unreadable_connection,
)
from textin_provider.hooks.docflow import DocFlow
from textin_provider.hooks.sender import READ_ATTEMPTS, Sender
from textin_provider.hooks.textin_async import TextInAsyncHook
from textin_provider.hooks.xparse import XParse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import requests

    from textin_provider.api.docflow import DocFlowFile, DocFlowUpload
    from textin_provider.api.docflow.progress import Progress
    from textin_provider.api.xparse import XParseJob

__all__ = ["TextInAsyncHook", "TextInHook"]


class TextInHook(BaseHook):
    """
    Talk to TextIn with the credentials of an Airflow connection.

    Connection fields:

    - **login**: App ID (``x-ti-app-id``), required.
    - **password**: Secret code (``x-ti-secret-code``), required.
    - **host**: xParse base URL, ``https://api.textin.com`` unless given.
    - **extra**: ``docflow_host``, ``workspace_id``, ``max_requests_per_second``, ``enterprise_id``,
      ``timeout`` (seconds), ``result_hosts`` (comma separated).

    Reads are repeated a few times after errors of TextIn or the network. A submit is sent once, and again
    only if no connection was made, because every accepted document is billed.

    All methods raise a :class:`~textin_provider.exceptions.TextInError`.

    :param textin_conn_id: id of the connection.
    """

    conn_name_attr = "textin_conn_id"
    default_conn_name = DEFAULT_CONN_ID
    conn_type = CONN_TYPE
    hook_name = "TextIn"

    def __init__(self, textin_conn_id: str = DEFAULT_CONN_ID, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.textin_conn_id = textin_conn_id
        self._session: requests.Session | None = None
        self._session_pid: int | None = None

    @cached_property
    def connection(self) -> TextInConnection:
        """The checked connection, looked up at first use."""
        try:
            connection = self.get_connection(self.textin_conn_id)
        except AirflowNotFoundException:
            raise missing_connection(self.textin_conn_id) from None
        except Exception as error:  # of any class: an outage of Airflow's API or of a secrets backend
            raise unreadable_connection(self.textin_conn_id, error) from error
        return read_connection(connection, connection.extra_dejson)

    def get_conn(self) -> requests.Session:
        """
        Return a session that sends the credentials to TextIn's hosts and to no other.

        The hook keeps it, and makes a new one in a forked process.
        """
        if self._session is None or self._session_pid != os.getpid():
            from textin_provider.hooks.requests_transport import TextInSession

            self._session = TextInSession(self.connection)
            self._session_pid = os.getpid()
        return self._session

    @cached_property
    def _sender(self) -> Sender:
        return Sender(self)

    @cached_property
    def _xparse(self) -> XParse:
        return XParse(self, self._sender)

    @cached_property
    def _docflow(self) -> DocFlow:
        return DocFlow(self, self._sender)

    def test_connection(self) -> tuple[bool, str]:
        """
        Check the credentials, free of charge.

        xParse is asked for a job that does not exist, and DocFlow, if the connection names a workspace, for
        such a batch.
        """
        try:
            self._xparse.test()
            workspace_id = self.connection.workspace_id
            if workspace_id:
                self._docflow.test(workspace_id)
        except ApiError as error:
            return False, str(error)
        hosts = self.connection.base_urls
        with_docflow = (
            f", and DocFlow at {hosts[Service.DOCFLOW]} knows the workspace" if workspace_id else ""
        )
        return True, f"TextIn at {hosts[Service.XPARSE]} takes these credentials{with_docflow}."

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
        :param file_url: http(s) address from which TextIn fetches the document.
        :param config: parse configuration, a dict or JSON text. See docs.textin.com/xparse/v1/parse-config.
        :param webhook: http(s) address that TextIn calls when the job has ended.
        :param file_conn_id: Airflow connection for ``file`` on object storage.
        :raises TextInUncertainSubmitError: if the document may have been accepted despite the error.
        """
        return self._xparse.submit(file, file_url, config, webhook, file_conn_id)

    def get_xparse_job(self, job_id: str) -> XParseJob:
        """Return the state of an xParse job."""
        return self.poll_xparse_job(job_id, attempts=READ_ATTEMPTS)

    def poll_xparse_job(self, job_id: str, *, attempts: int = 1) -> XParseJob:
        """Return the state of an xParse job; by default without retries, because a wait polls again later."""
        return self._xparse.poll(job_id, attempts=attempts)

    def download_xparse_result(
        self,
        job_id: str,
        output_path: str,
        *,
        output_conn_id: str | None = None,
        overwrite: bool = True,
    ) -> dict[str, Any]:
        """
        Store the result of a completed job, complete or not at all, in constant memory.

        :param output_path: local path or object storage URL; one that ends with ``/`` is a directory, in
            which the file is ``<job_id>.json``.
        :return: ``{"job_id", "file_id", "output_path", "size_bytes", "sha256"}``.
        :raises TextInJobFailedError: if the job failed.
        :raises TextInBadResultError: if it has not ended, or ``result_url`` leads to no valid result.
        """
        return self._xparse.download(job_id, output_path, output_conn_id, overwrite=overwrite)

    def workspace(self, workspace_id: str | None = None) -> str:
        """
        Return the DocFlow workspace to use: the one given, else the connection's.

        :raises TextInConfigurationError: if neither names one.
        """
        return self._docflow.workspace(workspace_id)

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
        Upload files to DocFlow as one batch; a long list is sent in requests of ten.

        All files and URLs are checked before the first request.

        :param files: local paths or object storage URLs; streamed, at most 100 MB each. Or
        :param urls: http(s) addresses from which DocFlow fetches the files.
        :param batch_number: a new or an existing batch; DocFlow makes one if it is None.
        :param on_accepted: called after each request with everything that is accepted so far.
        :param options: see :func:`textin_provider.api.docflow.upload_options`.
        :raises TextInUncertainSubmitError: if files of a failed request, or of those before it, may have been
            accepted.
        """
        return self._docflow.upload(
            files, urls, batch_number, workspace_id, file_conn_id, on_accepted, options
        )

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
        selector = Selector.of(**given) if is_chosen else None
        pages = self.iter_docflow_files(selector, workspace_id, page_size=MAX_PAGE_SIZE, filters=filters)
        return list(chain.from_iterable(pages))

    def iter_docflow_files(
        self,
        selector: Selector | None,
        workspace_id: str | None = None,
        *,
        page_size: int = READ_PAGE_SIZE,
        filters: Mapping[str, Any] | None = None,
    ) -> Iterator[list[DocFlowFile]]:
        """Yield the files of :meth:`fetch_docflow_files` page by page: a batch may be larger than memory."""
        return self._docflow.pages(selector, workspace_id, page_size=page_size, filters=filters)

    def poll_docflow_progress(self, selector: Selector, workspace_id: str) -> Progress:
        """Return the progress of a batch from counts alone, without retries: a wait polls again later."""
        return self._docflow.poll(selector, workspace_id)

    @classmethod
    def get_connection_form_widgets(cls) -> dict[str, Any]:
        """Return the form's extra fields for Airflow before 3.2, which does not read the provider info."""
        from textin_provider.hooks.form import form_widgets

        return form_widgets()

    @classmethod
    def get_ui_field_behaviour(cls) -> dict[str, Any]:
        """Return the form's standard fields for Airflow before 3.2."""
        return {name.replace("-", "_"): value for name, value in UI_FIELD_BEHAVIOUR.items()}
