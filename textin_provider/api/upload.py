"""
The DocFlow endpoint that takes files: what an upload consists of, and how its answer is read.

Source: docs-docflow.textin.ai, REST API 2.8.4, file/upload.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from textin_provider.api.docflow import PATH, query_of
from textin_provider.api.document import Document, check_http_url
from textin_provider.api.protocol import (
    Response,
    Request,
    Part,
    Service,
    optional_text,
    read_data,
    read_submitted,
    server_error,
)
from textin_provider.api.errors import ApiError, ErrorKind, bad_input, one_line, redact_url

MAX_FILE_BYTES = 100 * 1024 * 1024
#: The documented limit for URLs in one upload; files are sent in portions of the same size.
MAX_PER_UPLOAD = 10
_OPTION = re.compile(r"[a-z][a-z_]*")


@dataclass(frozen=True)
class DocFlowUpload:
    """What was accepted: the batch, and ``{"file_id", "task_id", "name", "format"}`` of each file."""

    batch_number: str | None
    files: tuple[dict[str, str | None], ...]

    def plus(self, other: DocFlowUpload) -> DocFlowUpload:
        """Return this upload and a further portion of the same batch as one."""
        return DocFlowUpload(other.batch_number, self.files + other.files)

    def to_dict(self) -> dict[str, Any]:
        """Return the upload as the operator returns it."""
        return {"batch_number": self.batch_number, "files": list(self.files)}


def check_sources(files: Sequence[str] | str | None, urls: Sequence[str] | str | None) -> list[str]:
    """Return the one list that is given, ``files`` or ``urls``, as a list that is not empty."""
    if (files is None) == (urls is None):
        problem = "files is given too" if files is not None else "neither it nor files is given"
        raise bad_input("urls", urls, problem, "Give exactly one of files and urls")
    name, given = ("files", files) if files is not None else ("urls", urls)
    is_list = isinstance(given, Iterable) and not isinstance(given, str)
    sources: list[Any] = list(given) if is_list else [given]  # type: ignore[arg-type]  # narrowed above
    if not sources or sources == [""]:
        raise bad_input(name, given, "it is empty", "Give at least one; check what it was made from")
    if urls is not None:
        return [check_http_url("urls", url) for url in sources]
    for source in sources:
        if not isinstance(source, str):
            raise bad_input("files", source, f"it is a {type(source).__name__}", "Give paths or URLs as text")
    return sources


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
        raise bad_input("target_process", target_process, "it is unknown", "Use classify or extract")
    parser = {str(name).removeprefix("parser_"): value for name, value in (parser_params or {}).items()}
    for name, value in parser.items():
        # The values are not quoted: a password under a wrong name is a password all the same.
        if "pwd" in name.lower() or "passw" in name.lower():
            fix = "Use pdf_password, which is masked"
            raise bad_input("parser_params", sorted(parser), "it holds a password", fix)
        if not _OPTION.fullmatch(name) or not isinstance(value, str | int):
            problem = f"{name!r} is no usable name, or its value is no number or text"
            raise bad_input(
                "parser_params", sorted(parser), problem, "Use the names of TextIn's documentation"
            )
    return {
        "category": category,
        "target_process": target_process,
        "split_flag": split_flag,
        "crop_flag": crop_flag,
        "auto_verify_vat": auto_verify_vat,
        # TextIn wants 0 and 1 here, not true and false.
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
    Upload one portion, at most ten documents or ten URLs, into a batch.

    :param batch_number: a new or an existing one; TextIn makes one where None is given.
    :param options: from :func:`upload_options`. A password travels in the query string, as the API wants it.
    """
    for document in documents:
        document.check_size("files", MAX_FILE_BYTES)
    params = {"workspace_id": workspace_id, "batch_number": batch_number, **(options or {})}
    names = [document.name for document in documents] or list(urls)
    about = f"DocFlow upload of {one_line(', '.join(map(redact_url, names)))}"
    body = json.dumps({"urls": [check_http_url("urls", url) for url in urls]}) if urls else None
    return Request(
        about,
        "POST",
        Service.DOCFLOW,
        f"{PATH}/upload",
        partial(read_submitted, partial(_read_upload, about, batch_number, len(names))),
        params=query_of(params),
        parts=tuple(
            Part("file", document.content, "application/octet-stream", document.name, document.size)
            for document in documents
        ),
        json=body,
    )


def chunked(sources: Sequence[str]) -> list[Sequence[str]]:
    """Cut a list into the portions that one upload takes."""
    return [sources[at : at + MAX_PER_UPLOAD] for at in range(0, len(sources), MAX_PER_UPLOAD)]


def _read_upload(about: str, batch_number: str | None, sent: int, answer: Response) -> DocFlowUpload:
    data = read_data(answer, about, "result")
    records = data.get("files")
    number = optional_text(data.get("batch_number")) or batch_number
    if number is None or not isinstance(records, list):
        raise server_error(about, "the answer says success but names no batch_number or files")
    files = tuple(_uploaded(record) for record in records if isinstance(record, Mapping))
    if len(files) < sent:
        raise server_error(about, f"the answer names {len(files)} of {sent} files, in batch {number}")
    return DocFlowUpload(number, files)


def _uploaded(record: Mapping[str, Any]) -> dict[str, str | None]:
    names = {"file_id": "id", "task_id": "task_id", "name": "name", "format": "format"}
    return {ours: optional_text(record.get(theirs)) for ours, theirs in names.items()}


def partly_accepted(fault: ApiError, accepted: DocFlowUpload, sources: Sequence[str]) -> ApiError:
    """
    Return the fault of a portion that failed after others were accepted.

    A transient one becomes uncertain: a retry of the task would send all files again, to be billed twice.
    """
    kind = ErrorKind.UNCERTAIN if fault.kind.is_transient else fault.kind
    before = f"{len(accepted.files)} of {len(sources)} files were accepted"
    message = f"{before} under batch_number={accepted.batch_number!r}, then: {fault.message}"
    fix = "Upload the rest under the same batch_number; sending all again bills the accepted ones twice"
    return ApiError.from_dict(fault.to_dict() | {"kind": kind, "message": message, "fix": fix})
