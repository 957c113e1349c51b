"""What the hook does with DocFlow: upload, fetch, count."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import mask_secret

from textin_provider.api.docflow import upload
from textin_provider.api.docflow.fetch import READ_PAGE_SIZE, PageWalk, fetch_page
from textin_provider.api.docflow.models import Selector
from textin_provider.api.docflow.progress import Progress, poll_progress
from textin_provider.api.errors import ApiError, ErrorKind
from textin_provider.hooks.lineage import report
from textin_provider.hooks.storage import check_documents, open_document

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from textin_provider.api.docflow import DocFlowFile, DocFlowUpload
    from textin_provider.hooks.sender import Sender
    from textin_provider.hooks.textin import TextInHook

#: A batch that does not exist: asking for it is free of charge and checks the credentials.
_NO_BATCH = Selector("batch_number", "connection-test")


class DocFlow:
    """The DocFlow side of a hook; :class:`~textin_provider.hooks.textin.TextInHook` documents the methods."""

    def __init__(self, hook: TextInHook, sender: Sender) -> None:
        self._hook = hook
        self._sender = sender

    def test(self, workspace_id: str) -> None:
        """
        Ask for a batch that does not exist.

        :raises ApiError: if DocFlow rejects the credentials or the workspace.
        """
        self._sender.send(fetch_page(workspace_id, _NO_BATCH, page_size=1))

    def workspace(self, workspace_id: str | None) -> str:
        """Return the workspace that is given, else the connection's."""
        chosen = workspace_id or self._sender.connection.workspace_id
        if chosen:
            return chosen
        raise ApiError(
            ErrorKind.CONFIGURATION,
            about=f"workspace_id={workspace_id!r}",
            message=f"none is given, and the connection {self._hook.textin_conn_id!r} has none",
            fix="Pass workspace_id, or fill in the DocFlow workspace of the connection",
        )

    def upload(
        self,
        files: Sequence[str] | str | None,
        urls: Sequence[str] | str | None,
        batch_number: str | None,
        workspace_id: str | None,
        file_conn_id: str | None,
        on_accepted: Callable[[DocFlowUpload], None] | None,
        options: Mapping[str, Any],
    ) -> DocFlowUpload:
        """Upload files or URLs as one batch, in chunks."""
        sources = upload.check_sources(files, urls)
        query = upload.upload_options(**options)
        workspace_id = self.workspace(workspace_id)
        password = query["parser_pdf_pwd"]
        if password:
            mask_secret(password)
        is_local = files is not None
        if is_local:
            check_documents("files", sources, upload.MAX_FILE_BYTES, file_conn_id)
        accepted = upload.DocFlowUpload(batch_number, ())
        for chunk in upload.chunked(sources):
            try:
                with ExitStack() as stack:
                    opened = [open_document("files", file, file_conn_id) for file in chunk if is_local]
                    request = upload.upload_files(
                        workspace_id,
                        documents=[stack.enter_context(document) for document in opened],
                        urls=() if is_local else chunk,
                        batch_number=accepted.batch_number,
                        options=query,
                    )
                    accepted = accepted.plus(self._sender.send(request))
            except ApiError as refused:
                error = refused.redacted(password)
                raise upload.partly_accepted(error, accepted, sources) if accepted.files else error from None
            report(self._hook, "input", chunk)
            if on_accepted:
                on_accepted(accepted)
        return accepted

    def pages(
        self,
        selector: Selector | None,
        workspace_id: str | None,
        *,
        page_size: int = READ_PAGE_SIZE,
        filters: Mapping[str, Any] | None = None,
    ) -> Iterator[list[DocFlowFile]]:
        """Yield the files of all pages, each file once."""
        walk = PageWalk(self.workspace(workspace_id), selector, page_size=page_size, filters=filters)
        while (request := walk.next_request()) is not None:
            yield walk.take(self._sender.send(request))

    def poll(self, selector: Selector, workspace_id: str) -> Progress:
        """Return the progress of a batch from counts alone, without retries."""
        return self._sender.run(partial(poll_progress, workspace_id, selector), attempts=1)
