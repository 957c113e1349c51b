"""What the tests of a folder's parts share: records, a clock, and collaborators in memory."""

from __future__ import annotations

from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, cast

from textin_provider.api.errors import ApiError, ErrorKind
from textin_provider.api.job_window import JobWindow
from textin_provider.tasks.folder.actions import Submitted
from textin_provider.tasks.folder.board import Board, Group, Rules
from textin_provider.tasks.folder.budget import Budget
from textin_provider.tasks.folder.names import ResultNames
from textin_provider.tasks.folder.records import DOCUMENT, JOB, STORED, Content, Document, merged
from textin_provider.tasks.folder.sending import Sending
from textin_provider.tasks.folder.sources import SourceDocument

if TYPE_CHECKING:
    import pytest

    from textin_provider.tasks.folder.records import Record, State

RULES = Rules("config-1", "run-1")


class Clock:
    """Stands in for the module ``time``; its two clocks differ, so that none can take the other's place."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def time(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.now - 900.0

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


class Backoffs:
    """Stands in for ``backoff``: it doubles, without chance."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, float]] = []

    def __call__(self, errors: int, *, cap: float = 120.0) -> float:
        self.asked.append((errors, cap))
        return min(cap, 2.0**errors)


class MemoryLedger:
    """A ledger that is written nowhere."""

    def __init__(self, *records: Record) -> None:
        self.state = merged(records)
        self.noted: list[Record] = []

    def note(self, *records: Record) -> None:
        for record in records:
            self.state.merge(record)
        self.noted += records


def found(name: str, /, **changes: Any) -> SourceDocument:
    """Return a document as it is found in the source."""
    source = f"/in/{name}"
    return SourceDocument(source, name, source, 10, "mark-1")._replace(**changes)


def document(name: str, fingerprint: str, **changes: Any) -> Document:
    """Return the record of a document whose result is not stored."""
    record = Document(
        DOCUMENT, f"/in/{name}", 10, "mark-1", "config-1", fingerprint, f"{name}.json", "run-0", version=3
    )
    return record._replace(**changes)


def stored(name: str, fingerprint: str, **changes: Any) -> Document:
    """Return the record of a document whose result is stored."""
    values = {"stored_at": "2026-01-02T03:04:05+00:00", "size_bytes": 7, "sha256": "5a", **changes}
    return document(name, fingerprint, **values)


def content(kind: str, fingerprint: str, **changes: Any) -> Content:
    """Return the record of a content."""
    job_id = f"job-{fingerprint}" if kind in (JOB, STORED) else None
    record = Content(
        kind, fingerprint, 2, "/in/first.pdf", "2026-01-02T03:00:00+00:00", "run-0", job_id=job_id
    )
    return record._replace(**changes)


def new_board(
    *records: Record, rules: Rules = RULES, missing: set[str] | None = None, state: State | None = None
) -> Board:
    state = state or merged(records)
    results = {record.output: record.source for record in state.documents.values() if record.output}
    return Board(state, rules, ResultNames(results), set() if missing is None else missing)


def error(kind: ErrorKind = ErrorKind.SERVER, message: str = "it broke", **values: Any) -> ApiError:
    return ApiError(kind, **{"about": "A document", "message": message, **values})


def done(value: Any) -> Future[Any]:
    """Return a future that has ended with a value, or with an error."""
    future: Future[Any] = Future()
    if isinstance(value, BaseException):
        future.set_exception(value)
    else:
        future.set_result(value)
    return future


class Work:
    """A board with its ledger, and what decides about sending; windows and budgets are wide by default."""

    def __init__(
        self,
        *records: Record,
        rules: Rules = RULES,
        window: JobWindow | None = None,
        budget: Budget | None = None,
        timeout: float = 60.0,
        stopped: ApiError | None = None,
    ) -> None:
        self.ledger = cast("Any", MemoryLedger(*records))
        self.board = new_board(rules=rules, state=self.ledger.state)
        self.window = window or JobWindow(10)
        self.budget = budget or Budget()
        self.sending = Sending(self.board, self.ledger, self.window, self.budget, timeout, stopped)

    def queue(self, *names: str) -> None:
        """Queue a content for each name, its fingerprint."""
        for name in names:
            self.board.identified(found(f"{name}.pdf"), name)

    def begin(self) -> Group:
        """Begin the next submit."""
        group = self.sending.next_group()
        assert group is not None
        self.ledger.note(self.board.next_attempt(group))
        return group

    def accept(self) -> Group:
        """Begin the next submit, which is accepted."""
        group = self.begin()
        job = content(JOB, group.fingerprint, run="run-1")
        self.ledger.note(job)
        self.sending.on_end(group, done(Submitted(job, was_sent=True)))
        return group

    def refuse(self, kind: ErrorKind, *, was_sent: bool = True, **values: Any) -> ApiError:
        """Begin the next submit, which ends with an error."""
        problem = error(kind, **values)
        self.sending.on_end(self.begin(), done(Submitted(error=problem, was_sent=was_sent)))
        return problem

    @property
    def queued(self) -> list[str]:
        """The contents that are to be sent."""
        return [group.fingerprint for group in self.board.to_send]


def logged(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    """Return the lines of the log, each with its level."""
    return [(record.levelname, record.getMessage()) for record in caplog.records]
