"""Upload files to DocFlow. Source: docs-docflow.textin.ai, REST API 2.8.4, file/upload."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from textin_provider.api.docflow.fetch import PATH, query_of
from textin_provider.api.docflow.options import upload_options
from textin_provider.api.errors import ApiError, ErrorKind, bad_input
from textin_provider.api.inputs import Document, as_list, check_http_url, check_path, exactly_one_of
from textin_provider.api.protocol import (
    Request,
    Response,
    Service,
    optional_text,
    read_data,
    read_submitted,
    server_error,
)
from textin_provider.api.text import one_line, redact_url, summarize

if TYPE_CHECKING:
    from textin_provider.api.docflow.models import DocFlowFile
    from textin_provider.api.docflow.roster import Receipt

__all__ = [
    "MAX_FILE_BYTES",
    "MAX_PER_UPLOAD",
    "DocFlowUpload",
    "check_sources",
    "listed_receipts",
    "partly_accepted",
    "unnamed_files",
    "upload_files",
    "upload_options",
]

MAX_FILE_BYTES = 100 * 1024 * 1024
#: The documented limit of URLs in one request; files are sent in requests of the same size.
MAX_PER_UPLOAD = 10


@dataclass(frozen=True)
class DocFlowUpload:
    """An accepted upload: the batch, and ``{"file_id", "task_id", "name", "format"}`` of each file."""

    batch_number: str | None
    files: tuple[Receipt, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the upload as the operator returns it."""
        return {"batch_number": self.batch_number, "files": list(self.files)}


def check_sources(files: Any, urls: Any) -> list[Any]:
    """Return the only list that is given, ``files`` or ``urls``; it is not empty, and holds paths or URLs."""
    name, given = exactly_one_of(files=files, urls=urls)
    listed = as_list(given)
    sources = [given] if listed is None else listed
    if not sources or sources == [""]:
        raise bad_input(name, given, "it is empty", "Pass at least one; check the task that made the list")
    check = check_path if urls is None else check_http_url
    return [check(name, source) for source in sources]


def upload_files(
    workspace_id: str,
    *,
    documents: Sequence[Document] = (),
    urls: Sequence[str] = (),
    batch_number: str | None = None,
    options: Mapping[str, Any] | None = None,
) -> Request[DocFlowUpload]:
    """
    Upload at most ten documents or ten URLs into a batch.

    The value names the files that were accepted, which may be fewer than were sent.

    :param batch_number: a new or an existing one; TextIn makes one where None is given.
    :param options: from :func:`upload_options`. The API takes a password in the query string.
    """
    for document in documents:
        document.check_size("files", MAX_FILE_BYTES)
    names = [document.name for document in documents] or list(urls)
    about = f"DocFlow upload of {one_line(', '.join(map(redact_url, names)))}"
    body = json.dumps({"urls": [check_http_url("urls", url) for url in urls]}) if urls else None
    parts = tuple(document.as_part() for document in documents)
    read = partial(read_submitted, partial(_read_upload, about, batch_number))
    query = query_of({"workspace_id": workspace_id, "batch_number": batch_number, **(options or {})})
    return Request(about, "POST", Service.DOCFLOW, f"{PATH}/upload", read, query, parts, body)


def _read_upload(about: str, batch_number: str | None, response: Response) -> DocFlowUpload:
    data = read_data(response, about, "result")
    records = data.get("files")
    number = optional_text(data.get("batch_number")) or batch_number
    if number is None or not isinstance(records, list):
        raise server_error(about, "the response reports success without batch_number or files")
    names = {"file_id": "id", "task_id": "task_id", "name": "name", "format": "format"}
    files = tuple(
        {ours: optional_text(record.get(theirs)) for ours, theirs in names.items()}
        for record in records
        if isinstance(record, Mapping)
    )
    return DocFlowUpload(number, files)


def listed_receipts(files: Sequence[DocFlowFile]) -> list[Receipt]:
    """Return the receipts of the uploads among the listed files of a batch, without parts of documents."""
    parts = {part.file_id for file in files for child in file.children for part in child.with_parts()}
    return [
        {"file_id": file.file_id, "task_id": file.task_id, "name": file.name, "format": file.format}
        for file in files
        if not file.is_part and file.file_id not in parts
    ]


def unnamed_files(about: str, batch_number: str | None, sent: int, unnamed: Sequence[str]) -> ApiError:
    """Return the error of a response that names fewer files than were sent, which may have been accepted."""
    message = (
        f"the response names {sent - len(unnamed)} of {sent} files, in batch {batch_number}; "
        f"missing: {summarize(unnamed, len(unnamed))}"
    )
    return server_error(about, message)


def partly_accepted(error: ApiError, accepted: DocFlowUpload, sources: Sequence[str]) -> ApiError:
    """Return the error of a request that failed after others were accepted, and that no retry may repeat."""
    # Not transient: a retry of the task would send all files again, and TextIn would bill them twice.
    kind = ErrorKind.UNCERTAIN if error.kind.is_transient else error.kind
    fix = "Upload the rest under the same batch_number; sending all again bills the accepted ones twice"
    return error.replace(kind=kind, message=f"{_count(accepted, sources)}{error.message}", fix=fix)


def resumably_failed(error: ApiError, accepted: DocFlowUpload, sources: Sequence[str]) -> ApiError:
    """Return the error of a request that failed after others were accepted; the next try sends the rest."""
    fix = error.fix
    if error.kind is not ErrorKind.UNCERTAIN:
        fix = "; ".join(filter(None, [fix, "The next try asks the batch and sends only what is missing"]))
    return error.replace(message=f"{_count(accepted, sources)}{error.message}", fix=fix)


def _count(accepted: DocFlowUpload, sources: Sequence[str]) -> str:
    files = f"{len(accepted.files)} of {len(sources)} files"
    return f"{files} were accepted under batch_number={accepted.batch_number!r}, then: "
