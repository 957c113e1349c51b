"""Fetch the files of DocFlow page by page. Source: docs-docflow.textin.ai, REST API 2.8.4, file/fetch."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from textin_provider.api.docflow.models import (
    DocFlowFile,
    FilePage,
    RecognitionStatus,
    Selector,
    files_of,
    integer,
)
from textin_provider.api.envelope import code_of
from textin_provider.api.errors import SUCCESS, ApiError, ErrorKind, bad_input
from textin_provider.api.json_prefix import first_members
from textin_provider.api.protocol import Request, Response, Service, read_data, server_error

if TYPE_CHECKING:
    from collections.abc import Mapping

PATH = "/api/app-api/sip/platform/v2/file"
#: The default, and the largest page size that TextIn is known to serve.
MAX_PAGE_SIZE = 1000
#: Page size where files are processed page by page: some megabytes even if each file has many fields.
READ_PAGE_SIZE = 40
#: The number of walks through all pages before missing files are an error.
_WALKS = 3
_FILTERS = {
    "category",
    "recognition_status",
    "verification_status",
    "start_time",
    "end_time",
    "with_document",
    "with_task_detail_url",
    "with_image_url",
}


def fetch_page(
    workspace_id: str,
    selector: Selector | None = None,
    *,
    page: int = 1,
    page_size: int = MAX_PAGE_SIZE,
    filters: Mapping[str, Any] | None = None,
) -> Request[FilePage]:
    """
    Fetch one page of files.

    :param filters: ``category``, ``recognition_status`` (a :class:`RecognitionStatus`),
        ``verification_status`` (a :class:`VerificationStatus`), ``start_time`` and ``end_time`` (RFC 3339, of
        the last update), ``with_document``, ``with_task_detail_url``, ``with_image_url``.
    """
    if unknown := sorted(set(filters or {}) - _FILTERS):
        raise bad_input("filters", unknown, "unknown filters", f"Use {', '.join(sorted(_FILTERS))}")
    about = f"DocFlow files of {selector or f'workspace {workspace_id}'}"
    chosen = {selector.parameter: selector.value} if selector else {}
    params = {"workspace_id": workspace_id, "page": page, "page_size": page_size, **chosen, **(filters or {})}
    return Request(
        about, "GET", Service.DOCFLOW, f"{PATH}/fetch", partial(_read_page, about), params=query_of(params)
    )


def count_files(
    workspace_id: str, selector: Selector, status: RecognitionStatus | None = None
) -> Request[FilePage]:
    """Count the files in one state or in all; the files are not parsed if ``total`` precedes them."""
    filters = {"recognition_status": None if status is None else int(status)}
    request = fetch_page(workspace_id, selector, page_size=1, filters=filters)
    return replace(request, read=partial(_read_count, request))


def _read_count(request: Request[FilePage], response: Response) -> FilePage:
    envelope, key, at = first_members(response.body)
    if response.status < 300 and code_of(envelope) == SUCCESS and key == "result":
        total = integer(first_members(response.body, at)[0].get("total"))
        if total is not None:
            return FilePage((), total)
    return request.read(response)


def _read_page(about: str, response: Response) -> FilePage:
    data = read_data(response, about, "result")
    try:
        return FilePage(files_of(data.get("files")), integer(data.get("total")))
    except RecursionError:
        raise server_error(about, "the response nests files too deeply") from None


def query_of(params: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """Return query parameters as text, without those that are None."""
    return tuple((name, _query_value(value)) for name, value in params.items() if value is not None)


def _query_value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


class PageWalk:
    """
    Walks through all pages of a fetch, and returns each file once.

    The order of files is not documented, and order and files may change between two pages: a file can appear
    twice, or slip to a page that was already read. A walk is complete if it met as many files as ``total``
    says and ``total`` stayed the same; otherwise another walk follows.
    """

    def __init__(
        self,
        workspace_id: str,
        selector: Selector | None,
        *,
        page_size: int = MAX_PAGE_SIZE,
        filters: Mapping[str, Any] | None = None,
    ) -> None:
        self._fetch = partial(fetch_page, workspace_id, selector, page_size=page_size, filters=filters)
        self._walks_left = _WALKS
        self._seen: set[str] = set()
        self._is_over = False
        self._begin()

    def _begin(self) -> None:
        self._walks_left -= 1
        self._page = 0
        self._met: set[str] = set()
        self._totals: list[int] = []

    def next_request(self) -> Request[FilePage] | None:
        """Return the request for the next page, None after a complete walk."""
        if self._is_over:
            return None
        self._page += 1
        return self._fetch(page=self._page)

    def take(self, page: FilePage) -> list[DocFlowFile]:
        """Return the files that no page had before; ApiError if the last walk met fewer than ``total``."""
        ids = {file.file_id for file in page.files}
        is_new = not ids <= self._met
        self._met |= ids
        self._totals += [page.total] if page.total is not None else []
        # Without a total only a page without new files proves the end: TextIn may cut the page size.
        if not is_new or (self._totals and len(self._met) >= self._totals[-1]):
            self._end_walk()
        new = {file.file_id: file for file in page.files if file.file_id not in self._seen}
        self._seen.update(new)
        return list(new.values())

    def _end_walk(self) -> None:
        has_all = not self._totals or len(self._met) >= self._totals[-1]
        is_steady = len(set(self._totals)) <= 1
        if has_all and (is_steady or self._walks_left == 0):
            self._is_over = True
        elif self._walks_left:
            self._begin()
        else:
            message = f"only {len(self._met)} of {self._totals[-1]} files appeared in {_WALKS} walks"
            fix = "Retry when no file is pending"
            raise ApiError(ErrorKind.SERVER, about=self._fetch().about, message=message, fix=fix)
