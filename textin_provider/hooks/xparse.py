"""The methods of the hook for xParse: submit, poll, download."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from textin_provider.api.errors import ApiError, ErrorKind
from textin_provider.api.inputs import exactly_one_of
from textin_provider.api.xparse import endpoints
from textin_provider.api.xparse.result_stream import ResultStream
from textin_provider.hooks.lineage import report
from textin_provider.hooks.sender import READ_ATTEMPTS, Sender
from textin_provider.hooks.storage import OutputFile, open_document

if TYPE_CHECKING:
    from collections.abc import Mapping

    from textin_provider.api.xparse import XParseJob
    from textin_provider.hooks.paths import PathValue

#: The id of a job that does not exist: asking for it is free of charge and checks the credentials.
_NO_JOB = "0" * 32
#: Codes that do not come from TextIn's xParse.
_NOT_TEXTIN = frozenset({300, 301, 302, 303, 307, 308, 404, 405, 40007, 40008, 40400})


class XParseMethods(Sender):
    """The xParse side of :class:`~textin_provider.hooks.textin.TextInHook`."""

    def submit_xparse_job(
        self,
        file: PathValue | None = None,
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
        exactly_one_of(file=file, file_url=file_url)
        if file is None:
            job_id = self.send(endpoints.submit_job(file_url=file_url, config=config, webhook=webhook))
        else:
            with open_document("file", file, file_conn_id) as document:
                job_id = self.send(endpoints.submit_job(document=document, config=config, webhook=webhook))
        self.log.info("TextIn accepted the document as xParse job %s.", job_id)
        report(self, "input", filter(None, [file, file_url]))
        return job_id

    def get_xparse_job(self, job_id: str) -> XParseJob:
        """Return the state of an xParse job."""
        return self.poll_xparse_job(job_id, attempts=READ_ATTEMPTS)

    def poll_xparse_job(self, job_id: str, *, attempts: int = 1) -> XParseJob:
        """Return the state of an xParse job; by default without retries, because a wait polls again later."""
        return self.run(partial(endpoints.poll_job, job_id), attempts=attempts)

    def download_xparse_result(
        self,
        job_id: str,
        output_path: PathValue,
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
        job_id = endpoints.check_job_id(job_id)
        output = OutputFile(output_path, f"{job_id}.json", output_conn_id, overwrite=overwrite)
        output.check()
        manifest = self.retry(lambda: self._download(job_id, output))
        path, size = manifest["output_path"], manifest["size_bytes"]
        self.log.info("Stored the result of xParse job %s: %s, %d bytes.", job_id, path, size)
        report(self, "output", [path])
        return manifest

    def _download(self, job_id: str, output: OutputFile) -> dict[str, Any]:
        """Download once. The address of the result may expire, so each attempt asks for it again."""
        from textin_provider.hooks.requests_transport import chunks_of, has_provable_end, open_result

        job = self.send(endpoints.get_job(job_id), attempts=1)
        url, about = job.downloadable_url(), f"xParse job {job_id}: result"
        with open_result(self.get_conn(), url, self.connection, about) as response, output.writing() as file:
            stream = ResultStream(about, must_balance=not has_provable_end(response))
            for chunk in chunks_of(response, about):
                file.write(stream.feed(chunk))
            file.write(stream.finish())
        return {"job_id": job_id, "file_id": job.file_id, **output.manifest(file)}

    def _test_xparse(self) -> None:
        """Ask for a job that does not exist; raise if xParse rejects the credentials or does not respond."""
        try:
            self.send(endpoints.get_job(_NO_JOB))
        except ApiError as error:
            if error.kind is not ErrorKind.REQUEST or error.code in _NOT_TEXTIN:
                raise
