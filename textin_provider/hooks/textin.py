"""The hook: an Airflow connection of type ``textin``, and what can be done with it."""

from __future__ import annotations

import os
import time
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from airflow.providers.common.compat.sdk import AirflowNotFoundException, BaseHook

from textin_provider.api import xparse
from textin_provider.api.envelope import Service
from textin_provider.api.faults import Fault, FaultKind, bad_input
from textin_provider.api.result import ResultStream
from textin_provider.api.waiting import backoff
from textin_provider.exceptions import error_for
from textin_provider.get_provider_info import UI_FIELD_BEHAVIOUR
from textin_provider.hooks.connection import (
    CONN_TYPE,
    DEFAULT_CONN_ID,
    TextInConnection,
    missing_connection,
    read_connection,
)
from textin_provider.hooks.storage import OutputFile, open_document
from textin_provider.hooks.textin_async import TextInAsyncHook

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import requests

    from textin_provider.api.envelope import Call

__all__ = ["TextInAsyncHook", "TextInHook"]

T = TypeVar("T")

#: How often a read is tried outside of a wait, and the longest pause between two tries, in seconds.
READ_ATTEMPTS = 4
_LONGEST_PAUSE = 30.0
#: A job id that nobody has: asking for it costs nothing and tells whether the credentials are right.
_NO_JOB = "0" * 32
#: Answers to the probe that come from something that is not TextIn's xParse.
_NOT_TEXTIN = frozenset({300, 301, 302, 303, 307, 308, 404, 405, 40007, 40008, 40400})


class TextInHook(BaseHook):
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
        """The connection, looked up at first use and checked."""
        try:
            connection = self.get_connection(self.textin_conn_id)
            return read_connection(connection, connection.extra_dejson)
        except AirflowNotFoundException:
            raise error_for(missing_connection(self.textin_conn_id)) from None
        except Fault as fault:
            raise error_for(fault) from None

    def get_conn(self) -> requests.Session:
        """
        Return a session that sends the credentials to TextIn's hosts and to no other.

        It is kept for the life of the hook, and made anew in a forked process.
        """
        if self._session is None or self._session_pid != os.getpid():
            from textin_provider.hooks.requests_transport import TextInSession

            self._session = TextInSession(self.connection)
            self._session_pid = os.getpid()
        return self._session

    def test_connection(self) -> tuple[bool, str]:
        """Tell whether TextIn takes the credentials, by asking for a job that nobody has: free of charge."""
        try:
            self._send(xparse.get_job(_NO_JOB))
        except Fault as fault:
            if fault.kind is not FaultKind.REQUEST or fault.code in _NOT_TEXTIN:
                return False, str(fault)
        return True, f"TextIn at {self.connection.base_urls[Service.XPARSE]} takes these credentials."

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
        try:
            if file is not None and file_url is not None:
                raise bad_input("file_url", file_url, f"file={file!r} is given too", "Give one of them")
            if file is None:
                return self._send(xparse.submit_job(file_url=file_url, config=config, webhook=webhook))
            with open_document(file, file_conn_id) as document:
                return self._send(xparse.submit_job(document=document, config=config, webhook=webhook))
        except Fault as fault:
            raise error_for(fault) from None

    def get_xparse_job(self, job_id: str) -> xparse.XParseJob:
        """Return how an xParse job is."""
        return self.look_at_xparse_job(job_id, attempts=READ_ATTEMPTS)

    def look_at_xparse_job(self, job_id: str, *, attempts: int = 1) -> xparse.XParseJob:
        """Return how an xParse job is, asking that often; a wait asks once and comes back later."""
        try:
            return self._send(xparse.get_job(job_id), attempts=attempts)
        except Fault as fault:
            raise error_for(fault) from None

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
        try:
            job_id = xparse.check_job_id(job_id)
            path = f"{output_path}{job_id}.json" if output_path.endswith("/") else output_path
            output = OutputFile(path, output_conn_id, overwrite=overwrite)
            output.check()
            return self._try_often(lambda: self._download(job_id, output), READ_ATTEMPTS)
        except Fault as fault:
            raise error_for(fault) from None

    def _download(self, job_id: str, output: OutputFile) -> dict[str, Any]:
        from textin_provider.hooks.requests_transport import open_result

        job = self._send(xparse.get_job(job_id), attempts=1)
        url = job.downloadable_url()
        about = f"xParse job {job_id}: result"
        stream = ResultStream(about)
        with open_result(self.get_conn(), url, self.connection, about) as chunks, output.writing() as file:
            for chunk in chunks:
                file.write(stream.feed(chunk))
            file.write(stream.finish())
        return {
            "job_id": job_id,
            "file_id": job.file_id,
            "output_path": output.path,
            "size_bytes": file.size,
            "sha256": file.sha256,
        }

    def _send(self, call: Call[T], *, attempts: int = READ_ATTEMPTS) -> T:
        from textin_provider.hooks.requests_transport import carry_out

        def once() -> T:
            return call.read(carry_out(self.get_conn(), call, self.connection))

        return self._try_often(once, attempts, is_read=call.is_read)

    def _try_often(self, action: Callable[[], T], attempts: int, *, is_read: bool = True) -> T:
        """Repeat an action after a transient fault; what is no read, only if it never left this machine."""
        for attempt in range(1, attempts + 1):
            try:
                return action()
            except Fault as fault:
                repeatable = fault.kind.is_transient if is_read else fault.kind is FaultKind.TRANSPORT
                if not repeatable or attempt == attempts:
                    raise
                pause = min(max(backoff(attempt), fault.retry_after or 0.0), _LONGEST_PAUSE)
                self.log.warning("%s Trying again in %.1f s (%d/%d).", fault, pause, attempt, attempts)
                time.sleep(pause)
        raise AssertionError("unreachable: the last attempt returns or raises")

    @classmethod
    def get_connection_form_widgets(cls) -> dict[str, Any]:
        """Return the form's extra fields for Airflow before 3.2, which does not read the provider info."""
        from textin_provider.hooks.form import form_widgets

        return form_widgets()

    @classmethod
    def get_ui_field_behaviour(cls) -> dict[str, Any]:
        """Return how the form's standard fields look, for Airflow before 3.2."""
        return {name.replace("-", "_"): value for name, value in UI_FIELD_BEHAVIOUR.items()}
