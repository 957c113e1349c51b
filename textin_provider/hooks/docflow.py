"""The methods of the hook for DocFlow: upload, fetch, count."""

from __future__ import annotations

from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import mask_secret

from textin_provider.api.docflow.fetch import MAX_PAGE_SIZE, READ_PAGE_SIZE, PageWalk, fetch_page
from textin_provider.api.docflow.models import DocFlowFile, Selector
from textin_provider.api.docflow.options import PASSWORD_OPTION, upload_options
from textin_provider.api.docflow.progress import Progress, poll_progress
from textin_provider.api.errors import ApiError, ErrorKind
from textin_provider.api.retry import RATE_LIMIT_TIMEOUT
from textin_provider.hooks.docflow_sources import Resume, Sources
from textin_provider.hooks.docflow_upload import BatchUpload
from textin_provider.hooks.metrics import count
from textin_provider.hooks.rate_limit_wait import RateLimitWait, rate_limit_seconds
from textin_provider.hooks.sender import Sender

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import timedelta

    from textin_provider.api.docflow.upload import DocFlowUpload
    from textin_provider.hooks.docflow_sources import PlanBatch
    from textin_provider.hooks.paths import PathValue

#: A batch that does not exist: asking for it is free of charge and checks the credentials.
_NO_BATCH = Selector("batch_number", "connection-test")


class DocFlowMethods(Sender):
    """The DocFlow side of :class:`~textin_provider.hooks.textin.TextInHook`."""

    def workspace(self, workspace_id: str | None = None) -> str:
        """
        Return the DocFlow workspace to use: the one given, else the connection's.

        :raises TextInConfigurationError: if neither names one.
        """
        if chosen := workspace_id or self.connection.workspace_id:
            return chosen
        about = f"workspace_id={workspace_id!r}"
        message = f"none is given, and the connection {self.textin_conn_id!r} has none"
        fix = "Pass workspace_id, or fill in the DocFlow workspace of the connection"
        raise ApiError(ErrorKind.CONFIGURATION, about=about, message=message, fix=fix)

    def upload_docflow_files(
        self,
        files: Sequence[PathValue] | PathValue | None = None,
        urls: Sequence[str] | str | None = None,
        *,
        batch_number: str | None = None,
        workspace_id: str | None = None,
        file_conn_id: str | None = None,
        on_accepted: Callable[[DocFlowUpload], None] | None = None,
        rate_limit_timeout: float | timedelta = RATE_LIMIT_TIMEOUT,
        resume: bool | PlanBatch = False,
        **options: Any,
    ) -> DocFlowUpload:
        """
        Upload files to DocFlow as one batch; a long list is sent in requests of ten.

        All files and URLs are checked before the first request.

        With ``resume`` no file is sent twice, however often the task runs: in later tries than the first one,
        and after a request that may have been accepted, the batch is asked which files it has, by name, and
        only those that it lacks are sent. Outside of a task it is always asked first. Files of the same name
        are sent in separate requests. Other tasks must not put files of the same names into the batch: they
        would be taken for these.

        :param files: local paths or object storage URLs; streamed, at most 100 MB each. Or
        :param urls: http(s) addresses from which DocFlow fetches the files.
        :param batch_number: a new or an existing batch; DocFlow makes one if it is None.
        :param on_accepted: called after each request with everything that is accepted so far.
        :param rate_limit_timeout: seconds for which a request waits for its turn while TextIn refuses it for
            the account's rate; after that the upload fails with ``TextInRateLimitError``.
        :param resume: whether to send only what the batch lacks; needs a ``batch_number``, the same in every
            try. An operator passes a function of the checked sources and options that returns both.
        :param options: see :func:`textin_provider.api.docflow.upload_options`.
        :raises TextInUncertainSubmitError: if files of a failed request, or of those before it, may have been
            accepted; with ``resume`` only if the batch holds files under unknown names.
        :raises TextInServerError: with ``resume``, if DocFlow accepts a request and does not list its files.
        """
        query = upload_options(**options)
        if password := query[PASSWORD_OPTION]:
            mask_secret(password)
        sources = Sources.checked(files, urls, file_conn_id)
        resuming = None
        if callable(resume):
            batch_number, resuming = resume(sources, query)
        elif resume:
            resuming = Resume.of_task(batch_number)
        if resuming:
            batch_number = Selector.of(batch_number=batch_number).value
        return BatchUpload(
            self,
            sources,
            workspace_id=self.workspace(workspace_id),
            batch_number=batch_number,
            options=query,
            resume=resuming,
            on_accepted=on_accepted,
            rate_limit_timeout=rate_limit_seconds(rate_limit_timeout),
        ).run()

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
        walk = PageWalk(self.workspace(workspace_id), selector, page_size=page_size, filters=filters)
        while (request := walk.next_request()) is not None:
            yield walk.take(self.send(request))

    def poll_docflow_progress(self, selector: Selector, workspace_id: str) -> Progress:
        """Return the progress of a batch from counts alone, without retries: a wait polls again later."""
        count("polls")
        return self.run(partial(poll_progress, workspace_id, selector), attempts=1)

    def _test_docflow(self, workspace_id: str) -> None:
        """Ask for a batch that does not exist; raise if DocFlow rejects the credentials or the workspace."""
        self.send(fetch_page(workspace_id, _NO_BATCH, page_size=1), turn=RateLimitWait(self, 0.0))
