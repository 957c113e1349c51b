"""The progress of a DocFlow batch: counts by state, without the files themselves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from textin_provider.api.docflow.fetch import count_files
from textin_provider.api.docflow.models import PENDING_STATUSES, TERMINAL_STATUSES, Selector

if TYPE_CHECKING:
    from textin_provider.api.protocol import Flow


@dataclass(frozen=True)
class Progress:
    """
    The progress of a batch, from counts alone: of all visible files, and of those in each terminal state.

    :param total: None where TextIn does not count.
    :param is_pending: whether some file is in a state that is not terminal.
    """

    total: int | None
    succeeded: int
    failed: int
    classified: int
    is_pending: bool

    @property
    def done(self) -> int:
        """The number of files in a terminal state."""
        return self.succeeded + self.failed + self.classified

    def is_settled(self, expected_files: int) -> bool:
        """Whether all files seem to have ended; a worker confirms that from the files themselves."""
        return self.done >= max(1, expected_files if self.total is not None else 1) and not self.is_pending

    def describe(self, expected_files: int) -> str:
        """Return the progress in words, for logs and errors."""
        if self.total == 0:
            return "no file is visible; check the id and the workspace if that stays so"
        if self.total is None:
            return "some are in progress" if self.is_pending else "no file in progress is visible"
        expected = f" ({expected_files} expected)" if expected_files > self.total else ""
        return f"{self.done} of {self.total}{expected} done, {self.failed} failed"


def poll_progress(workspace_id: str, selector: Selector) -> Flow[Progress]:
    """
    Count the files of a batch by state without reading them: a thousand files carry megabytes of data.

    Each request asks for a page of one file and its ``total``. The total of all states comes last: a file
    that arrives or ends between two counts makes the sum of the terminal states too small, never too large.
    """
    counts: list[int] = []
    for status in (*TERMINAL_STATUSES, None):
        page = yield count_files(workspace_id, selector, status)
        if page.total is None:
            return (yield from _poll_without_totals(workspace_id, selector))
        counts.append(page.total)
    succeeded, failed, classified, total = counts
    return Progress(total, succeeded, failed, classified, is_pending=succeeded + failed + classified < total)


def _poll_without_totals(workspace_id: str, selector: Selector) -> Flow[Progress]:
    """Find out whether a file is pending where TextIn does not count."""
    # Files pass through the states in this order: a file that changes its state meanwhile is seen again.
    found = {}
    for status in (*PENDING_STATUSES, *TERMINAL_STATUSES):
        page = yield count_files(workspace_id, selector, status)
        found[status] = len(page.files)
    is_pending = any(found[status] for status in PENDING_STATUSES)
    succeeded, failed, classified = (found[status] for status in TERMINAL_STATUSES)
    return Progress(None, succeeded, failed, classified, is_pending)
