"""What the hook does with xParse: submit, poll, download."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from textin_provider.api.errors import ApiError, ErrorKind
from textin_provider.api.inputs import exactly_one_of
from textin_provider.api.xparse import endpoints
from textin_provider.api.xparse.result_stream import ResultStream
from textin_provider.hooks.lineage import report
from textin_provider.hooks.storage import OutputFile, open_document

if TYPE_CHECKING:
    from collections.abc import Mapping

    from textin_provider.api.xparse import XParseJob
    from textin_provider.hooks.sender import Sender
    from textin_provider.hooks.textin import TextInHook

#: The id of a job that does not exist: asking for it is free of charge and checks the credentials.
_NO_JOB = "0" * 32
#: Codes that do not come from TextIn's xParse.
_NOT_TEXTIN = frozenset({300, 301, 302, 303, 307, 308, 404, 405, 40007, 40008, 40400})


class XParse:
    """The xParse side of a hook; :class:`~textin_provider.hooks.textin.TextInHook` documents the methods."""

    def __init__(self, hook: TextInHook, sender: Sender) -> None:
        self._hook = hook
        self._sender = sender

    def test(self) -> None:
        """
        Ask for a job that does not exist.

        :raises ApiError: if something else than xParse responds, or it rejects the credentials.
        """
        try:
            self._sender.send(endpoints.get_job(_NO_JOB))
        except ApiError as error:
            if error.kind is not ErrorKind.REQUEST or error.code in _NOT_TEXTIN:
                raise

    def submit(
        self,
        file: str | None,
        file_url: str | None,
        config: Mapping[str, Any] | str | None,
        webhook: str | None,
        file_conn_id: str | None,
    ) -> str:
        """Submit one document and return the job id."""
        exactly_one_of(file=file, file_url=file_url)
        if file is None:
            request = endpoints.submit_job(file_url=file_url, config=config, webhook=webhook)
            job_id = self._sender.send(request)
        else:
            with open_document("file", file, file_conn_id) as document:
                request = endpoints.submit_job(document=document, config=config, webhook=webhook)
                job_id = self._sender.send(request)
        self._hook.log.info("TextIn accepted the document as xParse job %s.", job_id)
        report(self._hook, "input", filter(None, [file, file_url]))
        return job_id

    def poll(self, job_id: str, *, attempts: int) -> XParseJob:
        """Return the state of a job."""
        return self._sender.run(partial(endpoints.poll_job, job_id), attempts=attempts)

    def download(
        self, job_id: str, output_path: str, output_conn_id: str | None, *, overwrite: bool
    ) -> dict[str, Any]:
        """Store the result of a completed job and return its manifest."""
        job_id = endpoints.check_job_id(job_id)
        output = OutputFile(output_path, f"{job_id}.json", output_conn_id, overwrite=overwrite)
        output.check()
        manifest = self._sender.retry(lambda: self._store(job_id, output))
        path, size = manifest["output_path"], manifest["size_bytes"]
        self._hook.log.info("Stored the result of xParse job %s: %s, %d bytes.", job_id, path, size)
        report(self._hook, "output", [path])
        return manifest

    def _store(self, job_id: str, output: OutputFile) -> dict[str, Any]:
        """Download once. The address of the result may expire, so each attempt asks for it again."""
        from textin_provider.hooks.requests_transport import chunks_of, has_provable_end, open_result

        job = self._sender.send(endpoints.get_job(job_id), attempts=1)
        url, about = job.downloadable_url(), f"xParse job {job_id}: result"
        session, connection = self._sender.session, self._sender.connection
        with (
            self._sender.reporting_limits(),
            open_result(session, url, connection, about) as response,
            output.writing() as file,
        ):
            stream = ResultStream(about, must_balance=not has_provable_end(response))
            for chunk in chunks_of(response, about):
                file.write(stream.feed(chunk))
            file.write(stream.finish())
        return {"job_id": job_id, "file_id": job.file_id, **output.manifest(file)}
