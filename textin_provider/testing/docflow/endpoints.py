"""The DocFlow endpoints: upload, fetch, delete and retry files, list and get workspaces."""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from textin_provider.testing.background import filename_of
from textin_provider.testing.contract import read_query
from textin_provider.testing.docflow import status as st
from textin_provider.testing.docflow.file_json import Extras, encode_file
from textin_provider.testing.docflow.query_files import FileQueries, Quirks, page_of
from textin_provider.testing.docflow.upload_request import CONTRACT, Sources, read_json, read_sources
from textin_provider.testing.responses import (
    BAD_REQUEST,
    FILE_IN_WORK,
    FILE_UNKNOWN,
    WORKSPACE_UNKNOWN,
    Envelope,
    Refusal,
)
from textin_provider.testing.routing import Route, RoutedRequest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from textin_provider.testing.docflow.files import File
    from textin_provider.testing.docflow.registry import FileRegistry
    from textin_provider.testing.docflow.runner import FileRunner
    from textin_provider.testing.responses import HttpResponse
    from textin_provider.testing.uploads import Upload

log = logging.getLogger("textin_provider.testing")

_V2 = "/api/app-api/sip/platform/v2"
UPLOAD_PATH = f"{_V2}/file/upload"
FETCH_PATH = f"{_V2}/file/fetch"
DELETE_PATH = f"{_V2}/file/delete"
RETRY_PATH = f"{_V2}/file/retry"
WORKSPACES_PATH = f"{_V2}/workspace/list"
WORKSPACE_PATH = f"{_V2}/workspace/get"


class DocFlowEndpoints:
    """The endpoints of DocFlow; ``base_url`` is the base of the URLs in the JSON of files."""

    def __init__(
        self,
        files: FileRegistry,
        runner: FileRunner,
        *,
        workspaces: Sequence[str],
        quirks: Quirks,
        base_url: str,
    ) -> None:
        self._files = files
        self._queries = FileQueries(files)
        self._runner = runner
        self._workspaces = workspaces
        self._quirks = quirks
        self._base_url = base_url

    def routes(self) -> list[Route]:
        """Return the routes, the most frequent first."""
        return [
            Route("fetch", "GET", FETCH_PATH, self.fetch),
            Route("upload", "POST", UPLOAD_PATH, self.upload),
            Route("delete", "POST", DELETE_PATH, self.delete),
            Route("retry", "POST", RETRY_PATH, self.retry),
            Route("workspaces", "GET", WORKSPACES_PATH, self.list_workspaces),
            Route("workspaces", "GET", WORKSPACE_PATH, self.get_workspace),
        ]

    async def upload(self, request: RoutedRequest) -> HttpResponse:
        """Create a batch of uploaded files or URLs, or add them to a batch."""
        try:
            options = self._query(request, UPLOAD_PATH)
        except Refusal:
            await request.body.drain()
            raise
        spool, limit = self._runner.background.spool, self._runner.max_file_bytes
        sources = await read_sources(request, UPLOAD_PATH, spool, limit)
        batch_number = options.pop("batch_number", None) or self._files.new_batch_number()
        workspace_id = options.pop("workspace_id")
        taken = [await self._add(*item, options, batch_number, workspace_id) for item in _items(sources)]
        receipts = [_receipt(file) for file in taken if file is not None and file.script.named]
        return Envelope.DOCFLOW.success({"batch_number": batch_number, "files": receipts})

    async def fetch(self, request: RoutedRequest) -> HttpResponse:
        """Return one page of the files that meet all conditions."""
        query = _fetch_query(request.query)
        self._check_workspace(query["workspace_id"])
        now = time.monotonic()
        files, until = self._queries.find(query, now)
        page = page_of(files, query["page"], query["page_size"], self._quirks)
        extras = Extras(query["with_document"], query["with_task_detail_url"], query["with_image_url"])
        encoded = b",".join([encode_file(file, now, extras, self._base_url) for file in page])
        for file in files:
            # A child that is listed both inside its parent and beside it counts a fetch once.
            if file.parent is None or file.parent not in files:
                file.count_fetch()
        if now >= until:
            self._files.remove([file for file in files if file.has_vanished])
        head = b""
        if not self._quirks.omit_total:
            counts = len(files), query["page"], query["page_size"]
            head = b'"total":%d,"page":%d,"page_size":%d,' % counts
        return Envelope.DOCFLOW.success_json(b"{", head, b'"files":[', encoded, b"]}")

    async def delete(self, request: RoutedRequest) -> HttpResponse:
        """Delete the files that meet any of the conditions."""
        body = await read_json(request, DELETE_PATH)
        self._check_workspace(body["workspace_id"])
        if not body.keys() - {"workspace_id"}:
            raise Refusal(
                BAD_REQUEST, "give a condition: batch_number, task_id, file_id, start_time or end_time"
            )
        deleted = [file for file in self._files.values() if _is_selected(file, body)]
        self._files.remove(deleted)
        return Envelope.DOCFLOW.success({"deleted_count": len(deleted)})

    async def retry(self, request: RoutedRequest) -> HttpResponse:
        """Run a finished task again."""
        body = await read_json(request, RETRY_PATH)
        self._check_workspace(body["workspace_id"])
        file = self._files.by_task(body["task_id"])
        if file is None or file.workspace_id != body["workspace_id"]:
            raise Refusal(FILE_UNKNOWN, f"task_id {body['task_id']}")
        if file.parent is not None:
            raise Refusal(BAD_REQUEST, "task_id: a child cannot be retried; retry its parent")
        if file.status(time.monotonic()) in st.UNFINISHED:
            raise Refusal(FILE_IN_WORK, f"task_id {body['task_id']}")
        self._files.restart(file)
        return Envelope.DOCFLOW.success({})

    async def list_workspaces(self, request: RoutedRequest) -> HttpResponse:
        """List the workspaces."""
        query = read_query(CONTRACT, "GET", WORKSPACES_PATH, request.query)
        start = (query["page"] - 1) * query["page_size"]
        names = self._workspaces[start : start + query["page_size"]]
        counts = {"total": len(self._workspaces), "page": query["page"], "page_size": query["page_size"]}
        return Envelope.DOCFLOW.success(counts | {"workspaces": [_workspace(name) for name in names]})

    async def get_workspace(self, request: RoutedRequest) -> HttpResponse:
        """Describe a workspace."""
        query = read_query(CONTRACT, "GET", WORKSPACE_PATH, request.query)
        self._check_workspace(query["workspace_id"])
        return Envelope.DOCFLOW.success(_workspace(query["workspace_id"]))

    def _query(self, request: RoutedRequest, path: str) -> dict[str, Any]:
        query = read_query(CONTRACT, request.logged.method, path, request.query)
        self._check_workspace(query["workspace_id"])
        return query

    def _check_workspace(self, workspace_id: str) -> None:
        if workspace_id not in self._workspaces:
            raise Refusal(WORKSPACE_UNKNOWN, f"workspace_id {workspace_id}")

    async def _add(
        self,
        name: str,
        upload: Upload | None,
        url: str | None,
        options: Mapping[str, Any],
        batch_number: str,
        workspace_id: str,
    ) -> File | None:
        script = self._files.next_script()
        if not script.accepted:
            if upload is not None:
                upload.discard()
            return None
        listed_after = max(script.visible_after_seconds, self._quirks.uploads_listed_after)
        script = replace(script, visible_after_seconds=listed_after)
        file = self._files.make(script, name, batch_number, workspace_id, options=options, url=url)
        if upload is not None:
            file.size, file.sha256 = upload.size, upload.sha256
        self._files.add(file)
        self._files.uploads_accepted += 1
        log.info("file %s uploaded: %s, batch %s", file.file_id, file.name, batch_number)
        await self._runner.start(file, upload)
        return file


def _items(sources: Sources) -> list[tuple[str, Upload | None, str | None]]:
    files = [(upload.filename, upload, None) for upload in sources.uploads]
    return [*files, *((filename_of(url), None, url) for url in sources.urls)]


def _receipt(file: File) -> dict[str, str]:
    receipt = {"id": file.file_id, "task_id": file.task_id, "name": file.name, "format": file.format}
    return {name: value for name, value in receipt.items() if name not in file.script.omit_fields}


@lru_cache(maxsize=1024)
def _fetch_query(query: str) -> Mapping[str, Any]:
    """Return the parsed query of a fetch; cached, since polls repeat the same query."""
    return read_query(CONTRACT, "GET", FETCH_PATH, query)


def _is_selected(file: File, body: Mapping[str, Any]) -> bool:
    if file.workspace_id != body["workspace_id"]:
        return False
    if any(getattr(file, name) in body.get(name, ()) for name in ("batch_number", "task_id", "file_id")):
        return True
    if "start_time" not in body and "end_time" not in body:
        return False
    updated_at = file.updated_at(time.monotonic())
    return bool(body.get("start_time", 0) <= updated_at <= body.get("end_time", updated_at))


def _workspace(workspace_id: str) -> dict[str, Any]:
    return {"workspace_id": workspace_id, "name": workspace_id, "description": "", "auth_scope": 0}
