"""DocFlow files, their states and selectors. Source: docs-docflow.textin.ai, REST API 2.8.4, file/fetch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

from textin_provider.api.errors import bad_input
from textin_provider.api.inputs import exactly_one_of
from textin_provider.api.protocol import optional_text
from textin_provider.api.text import one_line


class RecognitionStatus(IntEnum):
    """
    The recognition states of a file, in the order in which a file passes through them.

    An unpublished code is UNKNOWN, and not terminal.
    """

    PENDING = 0
    PREPARING = 5
    PARSING = 20
    SPLITTING = 6
    CROPPING = 7
    CLASSIFYING = 3
    EXTRACTING = 4
    SUCCESS = 1
    FAILED = 2
    CLASSIFIED = 10
    UNKNOWN = -1

    @classmethod
    def _missing_(cls, value: object) -> RecognitionStatus:
        return cls.UNKNOWN

    @property
    def is_terminal(self) -> bool:
        """Whether the file has ended. CLASSIFIED is the end of a run that only classifies."""
        return self in TERMINAL_STATUSES


#: Files nest in fewer levels: a file is split into documents, of which each is cropped into others.
MAX_LEVELS = 20
TERMINAL_STATUSES = (RecognitionStatus.SUCCESS, RecognitionStatus.FAILED, RecognitionStatus.CLASSIFIED)
PENDING_STATUSES = tuple(status for status in RecognitionStatus if status >= 0 and not status.is_terminal)
#: ``task_type`` of a document that was split off, and of one that was cropped out.
_PART_TASK_TYPES = (0, 3)


class VerificationStatus(IntEnum):
    """The states of human verification. Unpublished codes are UNKNOWN."""

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
    A file as ``file/fetch`` returns it.

    :param reported: the recognition status as TextIn wrote it; :attr:`status` is its meaning.
    :param duration_ms: processing time in milliseconds, without queueing.
    :param is_part: whether the file is a document that another file was split or cropped into.
    :param children: the documents that the file was split or cropped into.
    :param record: TextIn's whole record, with extracted fields (``data``) and without passwords.
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
        """The meaning of the reported status."""
        return RecognitionStatus(self.reported)

    @property
    def has_result(self) -> bool:
        """Whether there is a result: the file succeeded, or was classified and nothing else was requested."""
        return self.status in (RecognitionStatus.SUCCESS, RecognitionStatus.CLASSIFIED)

    def with_parts(self) -> Iterator[DocFlowFile]:
        """Yield the file and all documents that it was split or cropped into."""
        yield self
        for child in self.children:
            yield from child.with_parts()

    @classmethod
    def of(
        cls, record: Mapping[str, Any], levels: int = MAX_LEVELS, inherited: int = RecognitionStatus.UNKNOWN
    ) -> DocFlowFile | None:
        """
        Read a record; null and missing members are tolerated. Return None for a record without an id.

        :param inherited: the status of a record without one, such as a document that was split off.
        :raises RecursionError: if child files nest in more levels than these.
        """
        file_id = optional_text(record.get("id"))
        if file_id is None:
            return None
        status = record.get("recognition_status")
        reported = inherited if status is None else integer(status, default=RecognitionStatus.UNKNOWN)
        return cls(
            file_id=file_id,
            reported=reported,
            task_id=optional_text(record.get("task_id")),
            name=optional_text(record.get("name")),
            format=optional_text(record.get("format")),
            batch_number=optional_text(record.get("batch_number")),
            category=optional_text(record.get("category")),
            verification=VerificationStatus(integer(record.get("verification_status"))),
            failure_causes=one_line(record["failure_causes"]) if record.get("failure_causes") else None,
            duration_ms=integer(record.get("duration_ms")),
            is_part=integer(record.get("task_type")) in _PART_TASK_TYPES,
            children=files_of(record.get("child_files"), levels - 1, reported),
            record=_without_password(record),
        )


@dataclass(frozen=True)
class FilePage:
    """One page of ``file/fetch``; ``total`` counts the files of all pages, None if TextIn did not count."""

    files: tuple[DocFlowFile, ...]
    total: int | None


@dataclass(frozen=True)
class Selector:
    """The files of a batch, or one file: ``batch_number``, ``file_id`` or ``task_id``, and its value."""

    parameter: str
    value: str

    @classmethod
    def of(cls, *, batch_number: Any = None, file_id: Any = None, task_id: Any = None) -> Selector:
        """
        Build the selector from the only parameter that is given.

        :raises ApiError: if none is given, or several, or the value is not a valid id.
        """
        name, value = exactly_one_of(batch_number=batch_number, file_id=file_id, task_id=task_id)
        text = str(value).strip() if isinstance(value, str | int) and not isinstance(value, bool) else ""
        if not text or text.lower() == "none" or not text.isprintable():
            fix = "Pass the value that the upload returned: one value, not a list"
            raise bad_input(name, value, "it is not a valid id", fix)
        return cls(name, text)

    def __str__(self) -> str:
        return f"{self.parameter}={self.value!r}"


def files_of(
    records: Any, levels: int = MAX_LEVELS, inherited: int = RecognitionStatus.UNKNOWN
) -> tuple[DocFlowFile, ...]:
    """Read the files of a list of records, without those that have no id; as :meth:`DocFlowFile.of`."""
    if not isinstance(records, list):
        return ()
    if not levels:
        raise RecursionError(f"files nest in more than {MAX_LEVELS} levels")
    files = (DocFlowFile.of(record, levels, inherited) for record in records if isinstance(record, Mapping))
    return tuple(file for file in files if file is not None)


def _without_password(record: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a record without the password that ``parser_params`` repeats, also in its child files."""
    clean = dict(record)
    if isinstance(params := record.get("parser_params"), Mapping):
        clean["parser_params"] = {name: value for name, value in params.items() if name != "pdf_pwd"}
    if isinstance(children := record.get("child_files"), list):
        clean["child_files"] = [
            _without_password(child) if isinstance(child, Mapping) else child for child in children
        ]
    return clean


def integer(value: Any, *, default: Any = None) -> Any:
    """Read an integer that may be text; ids are not read as numbers."""
    if isinstance(value, bool):
        return default
    try:
        return int(value)
    except (TypeError, ValueError, OverflowError):
        return default
