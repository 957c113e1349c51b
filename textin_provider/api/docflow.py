"""
The files of DocFlow and the endpoint that fetches them.

Source: docs-docflow.textin.ai, REST API 2.8.4, file/fetch.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import IntEnum
from functools import partial
from typing import Any

from textin_provider.api.protocol import (
    Response,
    Request,
    Service,
    code_of,
    optional_text,
    read_data,
    server_error,
)
from textin_provider.api.errors import SUCCESS, bad_input, one_line
from textin_provider.api.head import first_members

PATH = "/api/app-api/sip/platform/v2/file"
#: The default, and the largest page known to be served.
MAX_PAGE_SIZE = 1000
#: Files read at a time where they need not all be at hand: some megabytes even if each carries many fields.
READ_PAGE_SIZE = 40
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


class RecognitionStatus(IntEnum):
    """What DocFlow is doing with a file. A code that was never published is UNKNOWN, and not terminal."""

    PENDING = 0
    SUCCESS = 1
    FAILED = 2
    CLASSIFYING = 3
    EXTRACTING = 4
    PREPARING = 5
    SPLITTING = 6
    CROPPING = 7
    CLASSIFIED = 10
    PARSING = 20
    UNKNOWN = -1

    @classmethod
    def _missing_(cls, value: object) -> RecognitionStatus:
        return cls.UNKNOWN

    @property
    def is_terminal(self) -> bool:
        """Whether the file has ended, well or badly. CLASSIFIED is the end of a run that only classifies."""
        return self in TERMINAL_STATUSES


TERMINAL_STATUSES = (RecognitionStatus.SUCCESS, RecognitionStatus.FAILED, RecognitionStatus.CLASSIFIED)
#: ``task_type`` of a document split off, and of one cropped out.
_PART_TASK_TYPES = (0, 3)
#: The other states in the order that a file passes them in.
PENDING_STATUSES = (
    RecognitionStatus.PENDING,
    RecognitionStatus.PREPARING,
    RecognitionStatus.PARSING,
    RecognitionStatus.SPLITTING,
    RecognitionStatus.CROPPING,
    RecognitionStatus.CLASSIFYING,
    RecognitionStatus.EXTRACTING,
)


class VerificationStatus(IntEnum):
    """Where a file stands in human review. Codes that were never published are UNKNOWN."""

    TO_VERIFY = 0
    CONFIRMED = 2
    REJECTED = 3
    DELETED = 4
    DEFERRED = 5
    UNKNOWN = -1

    @classmethod
    def _missing_(cls, value: object) -> VerificationStatus:
        return cls.UNKNOWN


@dataclass(frozen=True)
class DocFlowFile:
    """
    A file as ``file/fetch`` shows it.

    :param reported: the recognition status as TextIn wrote it, which :attr:`status` understands.
    :param duration_ms: milliseconds that DocFlow worked on it, waiting excluded.
    :param is_part: whether it is itself a document that another file was split or cropped into.
    :param children: the documents that it was split or cropped into.
    :param record: all that TextIn said of it, extracted fields (``data``) included, without passwords.
    """

    file_id: str
    reported: int
    task_id: str | None = None
    name: str | None = None
    format: str | None = None
    batch_number: str | None = None
    category: str | None = None
    verification: VerificationStatus = VerificationStatus.UNKNOWN
    failure_causes: str | None = None
    duration_ms: int | None = None
    is_part: bool = False
    children: tuple[DocFlowFile, ...] = ()
    record: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def status(self) -> RecognitionStatus:
        """The recognition status, :attr:`RecognitionStatus.UNKNOWN` for a code that is not known."""
        return RecognitionStatus(self.reported)

    @property
    def has_result(self) -> bool:
        """Whether there is a result: the file succeeded, or was classified and no more was asked for."""
        return self.status in (RecognitionStatus.SUCCESS, RecognitionStatus.CLASSIFIED)

    def with_parts(self) -> Iterator[DocFlowFile]:
        """Yield the file and all documents within it."""
        yield self
        for child in self.children:
            yield from child.with_parts()

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> DocFlowFile | None:
        """Read a file, tolerant of null and absence; None for what has no id."""
        file_id = optional_text(record.get("id"))
        if file_id is None:
            return None
        return cls(
            file_id=file_id,
            reported=_integer(record.get("recognition_status"), default=RecognitionStatus.UNKNOWN),
            task_id=optional_text(record.get("task_id")),
            name=optional_text(record.get("name")),
            format=optional_text(record.get("format")),
            batch_number=optional_text(record.get("batch_number")),
            category=optional_text(record.get("category")),
            verification=VerificationStatus(
                _integer(record.get("verification_status"), default=VerificationStatus.UNKNOWN)
            ),
            failure_causes=one_line(record["failure_causes"]) if record.get("failure_causes") else None,
            duration_ms=_integer(record.get("duration_ms"), default=None),
            is_part=_integer(record.get("task_type"), default=None) in _PART_TASK_TYPES,
            children=_files_of(record.get("child_files")),
            record=_without_password(record),
        )


@dataclass(frozen=True)
class FilePage:
    """One page of ``file/fetch``; ``total`` counts the files of all pages, None if TextIn did not say."""

    files: tuple[DocFlowFile, ...]
    total: int | None


@dataclass(frozen=True)
class Selector:
    """Which files are meant: ``batch_number``, ``file_id`` or ``task_id``, and its value."""

    parameter: str
    value: str

    @classmethod
    def of(cls, *, batch_number: Any = None, file_id: Any = None, task_id: Any = None) -> Selector:
        """
        Take the one selector that is given.

        :raises ApiError: if none is given, or several.
        """
        given = {"batch_number": batch_number, "file_id": file_id, "task_id": task_id}
        chosen = {name: value for name, value in given.items() if value is not None}
        if len(chosen) != 1:
            problem = "none is given" if not chosen else "several are given"
            raise bad_input(
                "batch_number, file_id, task_id", tuple(chosen.values()), problem, "Give exactly one of them"
            )
        (name, value) = chosen.popitem()
        text = str(value).strip() if isinstance(value, str | int) and not isinstance(value, bool) else ""
        if not text or text.lower() == "none" or not text.isprintable():
            fix = "Give what uploading returned; each is one value, not a list"
            raise bad_input(name, value, "it is no such id", fix)
        return cls(name, text)

    def __str__(self) -> str:
        return f"{self.parameter}={self.value!r}"


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
        raise bad_input("filters", unknown, "there are no such filters", f"Use {', '.join(sorted(_FILTERS))}")
    about = f"DocFlow files of {selector}" if selector else f"DocFlow files of workspace {workspace_id}"
    chosen = {selector.parameter: selector.value} if selector else {}
    params = {"workspace_id": workspace_id, "page": page, "page_size": page_size, **chosen, **(filters or {})}
    return Request(
        about, "GET", Service.DOCFLOW, f"{PATH}/fetch", partial(_read_page, about), params=query_of(params)
    )


def count_files(
    workspace_id: str, selector: Selector, status: RecognitionStatus | None = None
) -> Request[FilePage]:
    """
    Ask how many files there are, in a certain state or in all.

    The page has one file at most, and none if ``total`` comes before it in the answer: then it is not even
    parsed.
    """
    filters = {"recognition_status": None if status is None else int(status)}
    call = fetch_page(workspace_id, selector, page_size=1, filters=filters)
    return replace(call, read=partial(_read_count, call))


def _read_count(call: Request[FilePage], answer: Response) -> FilePage:
    envelope, key, at = first_members(answer.body)
    if answer.status < 300 and code_of(envelope) == SUCCESS and key == "result":
        total = _integer(first_members(answer.body, at)[0].get("total"), default=None)
        if total is not None:
            return FilePage((), total)
    return call.read(answer)


def _read_page(about: str, answer: Response) -> FilePage:
    data = read_data(answer, about, "result")
    try:
        return FilePage(_files_of(data.get("files")), _integer(data.get("total"), default=None))
    except RecursionError:
        raise server_error(about, "the answer nests files without end") from None


def _files_of(records: Any) -> tuple[DocFlowFile, ...]:
    if not isinstance(records, list):
        return ()
    files = (DocFlowFile.of(record) for record in records if isinstance(record, Mapping))
    return tuple(file for file in files if file is not None)


def _without_password(record: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a record without the password that ``parser_params`` echoes, here and in files within it."""
    clean = dict(record)
    if isinstance(params := record.get("parser_params"), Mapping):
        clean["parser_params"] = {name: value for name, value in params.items() if name != "pdf_pwd"}
    if isinstance(children := record.get("child_files"), list):
        clean["child_files"] = [
            _without_password(child) if isinstance(child, Mapping) else child for child in children
        ]
    return clean


def query_of(params: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """Return query parameters as text, those that are None left out."""
    return tuple((name, _query_value(value)) for name, value in params.items() if value is not None)


def _query_value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _integer(value: Any, *, default: Any) -> Any:
    """Read a whole number that may come as text; snowflake ids are never read so."""
    if isinstance(value, bool):
        return default
    try:
        return int(value)
    except (TypeError, ValueError, OverflowError):
        return default
