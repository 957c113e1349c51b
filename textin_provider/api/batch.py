"""
What the files of a DocFlow batch add up to: how far it is, when it is settled, what came of it.

The questions to ask are generators and small machines without I/O: they hand out calls and take answers.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from textin_provider.api.docflow import (
    MAX_PAGE_SIZE,
    PENDING_STATUSES,
    TERMINAL_STATUSES,
    DocFlowFile,
    FilePage,
    RecognitionStatus,
    Selector,
    count_files,
    fetch_page,
)
from textin_provider.api.errors import ApiError, ErrorKind, summarize

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from textin_provider.api.protocol import Request, Flow

MAX_LISTED_FAILURES = 100
#: How often all pages are walked through before files that never turn up are given up.
_WALKS = 3


@dataclass(frozen=True)
class Progress:
    """
    How far a batch is, as counts alone tell.

    :param total: files visible; None where TextIn does not count.
    :param succeeded: of these, the ones in that state; likewise ``failed`` and ``classified``.
    :param is_pending: whether some file is in a state that is not terminal.
    """

    total: int | None
    succeeded: int
    failed: int
    classified: int
    is_pending: bool

    @property
    def done(self) -> int:
        """Files in a terminal state."""
        return self.succeeded + self.failed + self.classified

    def is_settled(self, expected_files: int) -> bool:
        """Whether it seems that nothing moves any more; a worker reads the files before it says so."""
        return self.done >= max(1, expected_files if self.total is not None else 1) and not self.is_pending

    def describe(self, expected_files: int) -> str:
        """Say in words how far it is, for logs and errors."""
        if self.total == 0:
            return "no file is visible; check the id and the workspace if that stays so"
        if self.total is None:
            return "some are still in work" if self.is_pending else "none is visible in work"
        expected = f" ({expected_files} expected)" if expected_files > self.total else ""
        return f"{self.done} of {self.total}{expected} done, {self.failed} failed"


def poll_progress(workspace_id: str, selector: Selector) -> Flow[Progress]:
    """
    Count the files of a batch by state without reading them: a thousand of them carry megabytes of data.

    Pages of one file and their ``total`` are asked for. The grand total comes last: a file that arrives or
    ends while the others are counted makes the sum too small, never large enough.
    """
    counts: dict[RecognitionStatus, int] = {}
    for status in TERMINAL_STATUSES:
        page = yield count_files(workspace_id, selector, status)
        if page.total is None:
            return (yield from _poll_without_totals(workspace_id, selector))
        counts[status] = page.total
    everything = yield count_files(workspace_id, selector)
    if everything.total is None:
        return (yield from _poll_without_totals(workspace_id, selector))
    return Progress(
        total=everything.total,
        succeeded=counts[RecognitionStatus.SUCCESS],
        failed=counts[RecognitionStatus.FAILED],
        classified=counts[RecognitionStatus.CLASSIFIED],
        is_pending=sum(counts.values()) < everything.total,
    )


def _poll_without_totals(workspace_id: str, selector: Selector) -> Flow[Progress]:
    """
    Find out whether anything moves where TextIn does not count.

    The moving states are asked for in the order that files pass them in, so that one which moves on meanwhile
    is met again, and the terminal ones after them.
    """
    is_pending = False
    for status in PENDING_STATUSES:
        page = yield count_files(workspace_id, selector, status)
        is_pending = is_pending or bool(page.files)
    found = []
    for status in TERMINAL_STATUSES:
        page = yield count_files(workspace_id, selector, status)
        found.append(len(page.files))
    succeeded, failed, classified = found
    return Progress(None, succeeded, failed, classified, is_pending)


class PageWalk:
    """
    Walks through all pages of a fetch, giving each file once.

    The order of files is not documented, and it and the files may change while pages are fetched: a file can
    turn up twice, or slip to a page that was read already. What turns up twice counts once. A walk is whole
    if it met as many files as ``total`` says, and that did not change on the way; if not, there is another.
    """

    def __init__(
        self,
        workspace_id: str,
        selector: Selector | None,
        *,
        page_size: int = MAX_PAGE_SIZE,
        filters: Mapping[str, Any] | None = None,
    ) -> None:
        self._workspace_id = workspace_id
        self._selector = selector
        self._page_size = page_size
        self._filters = filters
        self._walks_left = _WALKS
        self._seen: set[str] = set()
        self._is_over = False
        self._begin()

    def _begin(self) -> None:
        self._walks_left -= 1
        self._page = 0
        self._met: set[str] = set()
        self._totals: list[int] = []

    def next_call(self) -> Request[FilePage] | None:
        """Return the call for the next page, None when the walk is over."""
        if self._is_over:
            return None
        self._page += 1
        return fetch_page(
            self._workspace_id,
            self._selector,
            page=self._page,
            page_size=self._page_size,
            filters=self._filters,
        )

    def take(self, page: FilePage) -> list[DocFlowFile]:
        """
        Take a page and return the files on it that were not met before.

        :raises ApiError: if the last walk is over and fewer files were met than there are.
        """
        ids = {file.file_id for file in page.files}
        is_news = not ids <= self._met
        self._met |= ids
        self._totals += [page.total] if page.total is not None else []
        # Without a total only a page with nothing new proves the end: the page size may have been cut.
        if not is_news or (self._totals and len(self._met) >= self._totals[-1]):
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
            raise ApiError(
                ErrorKind.SERVER,
                about=f"DocFlow files of {self._selector or f'workspace {self._workspace_id}'}",
                message=f"only {len(self._met)} of {self._totals[-1]} turned up on {_WALKS} walks",
                fix="Ask again when the files have stopped moving",
            )


@dataclass
class BatchSummary:
    """
    What came of the files of a batch, added up one by one.

    A file that was split or cropped counts, and so does each document within it; a document that is also
    listed by itself counts once. Durations are those of the files as they were uploaded.
    """

    selector: Selector
    uploaded: int = 0
    total: int = 0
    succeeded: int = 0
    failed: int = 0
    classified: int = 0
    duration_total_ms: int = 0
    duration_max_ms: int = 0
    pending: int = 0
    batch_number: str | None = None
    failures: list[dict[str, str | None]] = field(default_factory=list)
    _seen: set[str] = field(default_factory=set, repr=False)

    def __post_init__(self) -> None:
        if self.is_batch:
            self.batch_number = self.selector.value

    @property
    def is_batch(self) -> bool:
        """Whether a whole batch is meant, in which the parts of a file come with it."""
        return self.selector.parameter == "batch_number"

    def add(self, files: Iterable[DocFlowFile]) -> None:
        """Add files to the sum."""
        for file in files:
            if file.file_id not in self._seen and not (self.is_batch and file.is_part):
                self.uploaded += 1
                self.batch_number = self.batch_number or file.batch_number
                self.duration_total_ms += file.duration_ms or 0
                self.duration_max_ms = max(self.duration_max_ms, file.duration_ms or 0)
            for member in file.with_parts():
                if member.file_id not in self._seen:
                    self._seen.add(member.file_id)
                    self._count(member)

    def _count(self, file: DocFlowFile) -> None:
        self.total += 1
        match file.status:
            case RecognitionStatus.SUCCESS:
                self.succeeded += 1
            case RecognitionStatus.CLASSIFIED:
                self.classified += 1
            case RecognitionStatus.FAILED:
                self.failed += 1
                if len(self.failures) < MAX_LISTED_FAILURES:
                    self.failures.append(_failure(file))
            case _:
                self.pending += 1

    def is_settled(self, expected_files: int) -> bool:
        """Whether there are as many files as expected, at least one, and all have ended."""
        return self.uploaded >= max(1, expected_files) and not self.pending

    def describe(self, expected_files: int) -> str:
        """Say in words how far it is, for logs."""
        progress = Progress(self.total, self.succeeded, self.failed, self.classified, bool(self.pending))
        return progress.describe(expected_files)

    def to_dict(self) -> dict[str, Any]:
        """Return the summary as sensors return it; at most 100 failures are listed, ``failed`` counts all."""
        return {
            "batch_number": self.batch_number,
            "total": self.total,
            "succeeded": self.succeeded,
            "failed": self.failed,
            "classified": self.classified,
            "duration_ms": {"total": self.duration_total_ms, "max": self.duration_max_ms},
            "failures": list(self.failures),
        }


def _failure(file: DocFlowFile) -> dict[str, str | None]:
    return {
        "file_id": file.file_id,
        "task_id": file.task_id,
        "name": file.name,
        "failure_causes": file.failure_causes,
    }


def failed_files(selector: Selector, value: Mapping[str, Any]) -> ApiError:
    """Return the fault of a batch with failed files: the first twenty with their causes, the rest counted."""
    causes = [
        f"{failure['name'] or 'unnamed'} (file_id {failure['file_id']}):"
        f" {failure['failure_causes'] or 'no cause given'}"
        for failure in value["failures"]
    ]
    return ApiError(
        ErrorKind.FILES_FAILED,
        about=f"DocFlow files of {selector}",
        message=f"{value['failed']} of {value['total']} failed: {summarize(causes, value['failed'])}",
        fix="Correct these files and upload them anew; the others are done",
    )
