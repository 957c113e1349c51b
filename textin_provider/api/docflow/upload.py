"""Upload files to DocFlow. Source: docs-docflow.textin.ai, REST API 2.8.4, file/upload."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from textin_provider.api.docflow.fetch import PATH, query_of
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
from textin_provider.api.text import one_line, redact_url

MAX_FILE_BYTES = 100 * 1024 * 1024
#: The documented limit of URLs in one request; files are sent in requests of the same size.
MAX_PER_UPLOAD = 10
_OPTION = re.compile(r"[a-z][a-z_]*")


@dataclass(frozen=True)
class DocFlowUpload:
    """An accepted upload: the batch, and ``{"file_id", "task_id", "name", "format"}`` of each file."""

    batch_number: str | None
    files: tuple[dict[str, str | None], ...]

    def plus(self, other: DocFlowUpload) -> DocFlowUpload:
        """Return this upload and a further one to the same batch as one."""
        return DocFlowUpload(other.batch_number, self.files + other.files)

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


def upload_options(
    *,
    category: str | None = None,
    target_process: str | None = None,
    split_flag: bool | None = None,
    crop_flag: bool | None = None,
    auto_verify_vat: bool | None = None,
    parser_params: Mapping[str, Any] | None = None,
    pdf_password: str | None = None,
) -> dict[str, Any]:
    """
    Return the query parameters of an upload; None leaves TextIn's default.

    :param category: of the files, instead of classifying them.
    :param target_process: ``"classify"`` to stop after classifying, or ``"extract"``.
    :param split_flag: whether a file that holds several documents is split.
    :param crop_flag: whether several receipts on one page are cropped out.
    :param auto_verify_vat: whether VAT invoices are checked with the tax authority.
    :param parser_params: ``parse_mode`` (``"auto"``, ``"scan"``, ``"vlm"``), ``dpi`` (144, 216),
        ``formula_level`` (0 to 2), ``apply_merge``, ``crop_dewarp``, ``remove_watermark``,
        ``table_text_split_mode``.
    :param pdf_password: password of the PDF files, sent as ``parser_pdf_pwd``.
    """
    if target_process not in (None, "classify", "extract"):
        problem = "it is not a known process"
        raise bad_input("target_process", target_process, problem, "Use classify or extract")
    parser = {str(name).removeprefix("parser_"): value for name, value in (parser_params or {}).items()}
    for name, value in parser.items():
        # The values are not quoted: one of them may be a password under another name.
        if "pwd" in name.lower() or "passw" in name.lower():
            fix = "Use pdf_password, which is masked"
            raise bad_input("parser_params", sorted(parser), "it holds a password", fix)
        if not _OPTION.fullmatch(name) or not isinstance(value, str | int):
            problem = f"{name!r} is not a valid name, or its value is not a number or text"
            fix = "Use the names of TextIn's documentation"
            raise bad_input("parser_params", sorted(parser), problem, fix)
    return {
        "category": category,
        "target_process": target_process,
        "split_flag": split_flag,
        "crop_flag": crop_flag,
        "auto_verify_vat": auto_verify_vat,
        # TextIn takes 0 and 1 here, not true and false.
        **{
            f"parser_{name}": int(value) if isinstance(value, bool) else value
            for name, value in parser.items()
        },
        "parser_pdf_pwd": pdf_password,
    }


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

    :param batch_number: a new or an existing one; TextIn makes one where None is given.
    :param options: from :func:`upload_options`. The API takes a password in the query string.
    """
    for document in documents:
        document.check_size("files", MAX_FILE_BYTES)
    names = [document.name for document in documents] or list(urls)
    about = f"DocFlow upload of {one_line(', '.join(map(redact_url, names)))}"
    body = json.dumps({"urls": [check_http_url("urls", url) for url in urls]}) if urls else None
    parts = tuple(document.as_part() for document in documents)
    read = partial(read_submitted, partial(_read_upload, about, batch_number, len(names)))
    query = query_of({"workspace_id": workspace_id, "batch_number": batch_number, **(options or {})})
    return Request(about, "POST", Service.DOCFLOW, f"{PATH}/upload", read, query, parts, body)


def chunked(sources: Sequence[Any]) -> list[Sequence[Any]]:
    """Split a list into the chunks that one request takes."""
    return [sources[at : at + MAX_PER_UPLOAD] for at in range(0, len(sources), MAX_PER_UPLOAD)]


def _read_upload(about: str, batch_number: str | None, sent: int, response: Response) -> DocFlowUpload:
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
    if len(files) < sent:
        raise server_error(about, f"the response names {len(files)} of {sent} files, in batch {number}")
    return DocFlowUpload(number, files)


def partly_accepted(error: ApiError, accepted: DocFlowUpload, sources: Sequence[str]) -> ApiError:
    """Return the error of a chunk that failed after others were accepted."""
    # Not transient: a retry of the task would send all files again, and TextIn would bill them twice.
    kind = ErrorKind.UNCERTAIN if error.kind.is_transient else error.kind
    before = f"{len(accepted.files)} of {len(sources)} files were accepted"
    message = f"{before} under batch_number={accepted.batch_number!r}, then: {error.message}"
    fix = "Upload the rest under the same batch_number; sending all again bills the accepted ones twice"
    return error.replace(kind=kind, message=message, fix=fix)
