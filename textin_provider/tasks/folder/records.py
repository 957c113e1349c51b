"""
What the ledger of a folder knows, as records whose order does not matter.

Invariants:

1. An intent stands before its submit, and a job before anything else is done with it.
2. A result stands before its record.
3. Nothing is sent whose content has an intent, a job, a failure or a result in the state, unless the user
   said so: ``resubmit_uncertain`` for an intent, ``retry_failed`` for a failure.
4. Each submit of a content is an attempt with a number of its own. Of two records of a content the one with
   the higher attempt holds, and within an attempt the one of the higher kind: intent, withdrawn, job, failed,
   stored. So a state is the same in whichever order its records are merged, and however often.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

INTENT = "intent"
WITHDRAWN = "withdrawn"
JOB = "job"
FAILED = "failed"
STORED = "stored"
DOCUMENT = "document"

_RANKS = {INTENT: 0, WITHDRAWN: 1, JOB: 2, FAILED: 3, STORED: 4}


class Content(NamedTuple):
    """
    What is known of a content, sent with a configuration by an account.

    :param fingerprint: digest of content, configuration and account.
    :param attempt: the number of its submit, from 1.
    :param source: the document that was sent.
    :param at: time of the intent, or of the submit, ISO 8601.
    :param run: the run that sent it.
    :param was: of a withdrawn attempt, the kind before it; None for a content that was never sent.
    :param message: why it failed, or what is missing of its result.
    :param pages: pages that TextIn bills.
    :param failed_pages: the pages that failed, such as ``"3-5,9"``, if TextIn says which.
    :param failed: how many pages failed.
    """

    kind: str
    fingerprint: str
    attempt: int
    source: str
    at: str
    run: str
    was: str | None = None
    job_id: str | None = None
    message: str | None = None
    pages: int | None = None
    failed_pages: str | None = None
    failed: int | None = None

    @property
    def standing(self) -> str | None:
        """The kind that decides whether the content may be sent; None if it may."""
        return self.was if self.kind == WITHDRAWN else self.kind

    @property
    def key(self) -> str:
        """The key of the record among those of its class."""
        return self.fingerprint

    @property
    def rank(self) -> tuple[int, int]:
        """Which record holds of two with the same key."""
        return self.attempt, _RANKS[self.kind]


class Document(NamedTuple):
    """
    A document as it was seen last, and its result.

    :param source: its address.
    :param mark: ETag or time of change.
    :param config: digest of the configuration.
    :param output: name of the result below the output folder.
    :param copied: whether the result is a copy of another document's.
    :param run: the run that stored the result.
    :param version: grows with each record of the document.
    """

    kind: str
    source: str
    size: int
    mark: str
    config: str
    fingerprint: str
    output: str
    run: str
    version: int = 1
    size_bytes: int | None = None
    sha256: str | None = None
    stored_at: str | None = None
    copied: bool = False

    @property
    def key(self) -> str:
        """The key of the record among those of its class."""
        return self.source

    @property
    def rank(self) -> tuple[int, int]:
        """Which record holds of two with the same key."""
        return self.version, 0


Record: TypeAlias = Content | Document


class State:
    """All records of a ledger, merged: one for each content and one for each document."""

    def __init__(self) -> None:
        self.contents: dict[str, Content] = {}
        self.documents: dict[str, Document] = {}

    def merge(self, record: Record) -> None:
        """Take in a record; one that another record supersedes changes nothing."""
        if isinstance(record, Content):
            known = self.contents.get(record.fingerprint)
            if known is None or _holds(record, known):
                self.contents[record.fingerprint] = record
        else:
            seen = self.documents.get(record.source)
            if seen is None or _holds(record, seen):
                self.documents[record.source] = record

    def records(self) -> Iterator[Record]:
        """Yield the records that make up the state."""
        yield from self.contents.values()
        yield from self.documents.values()

    def standing(self, fingerprint: str) -> str | None:
        """Return the kind that decides whether a content may be sent; None if it may."""
        content = self.contents.get(fingerprint)
        return content.standing if content else None


def _holds(record: Record, known: Record) -> bool:
    """Whether a record supersedes the known one; of equal rank, the order of their texts decides."""
    if record.rank != known.rank:
        return record.rank > known.rank
    return [str(value) for value in record] > [str(value) for value in known]


def to_json(record: Record) -> dict[str, Any]:
    """Return the record as a JSON object, without members that are None or False."""
    return {
        name: value for name, value in record._asdict().items() if value is not None and value is not False
    }


#: The types of members; all others are text.
_TYPES: dict[str, type] = {
    **dict.fromkeys(("attempt", "version", "size", "size_bytes", "pages", "failed"), int),
    "copied": bool,
}
_Shape: TypeAlias = tuple[type[Any], tuple[tuple[str, type, Any], ...]]
_REQUIRED = object()


def _shape(cls: Any) -> _Shape:
    defaults: Mapping[str, Any] = cls._field_defaults
    return cls, tuple(
        (name, _TYPES.get(name, str), defaults.get(name, _REQUIRED)) for name in cls._fields if name != "kind"
    )


_CONTENT, _DOCUMENT = _shape(Content), _shape(Document)
#: Values that many records share are kept once.
_SHARED = frozenset({"run", "config"})


def from_json(value: Any, strings: dict[str, str]) -> Record:
    """
    Build the record that :func:`to_json` described.

    :param strings: texts of other records, so that equal ones are kept once.
    :raises ValueError: if it is not a record.
    """
    kind = value.get("kind") if isinstance(value, dict) else None
    if kind != DOCUMENT and kind not in _RANKS:
        raise ValueError(f"its kind {kind!r} is unknown")
    cls, members = _DOCUMENT if kind == DOCUMENT else _CONTENT
    found: list[Any] = [sys.intern(kind)]
    for name, expected, default in members:
        member = value.get(name, default)
        if member is not default and type(member) is not expected:
            raise ValueError(f"its {name} is missing or malformed")
        if member is _REQUIRED:
            raise ValueError(f"its {name} is missing or malformed")
        found.append(strings.setdefault(member, member) if expected is str and member else member)
    record: Record = cls(*found)
    return record


def merged(records: Iterable[Record]) -> State:
    """Return the state that some records make up."""
    state = State()
    for record in records:
        state.merge(record)
    return state
