"""The outcome of a DocFlow batch, added up from its files."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from textin_provider.api.docflow.models import DocFlowFile, RecognitionStatus, Selector
from textin_provider.api.docflow.progress import Progress
from textin_provider.api.errors import ApiError, ErrorKind
from textin_provider.api.text import summarize

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

MAX_LISTED_FAILURES = 100


@dataclass
class BatchSummary:
    """
    The outcome of the files of a batch, added up one by one.

    A file that was split or cropped counts, and so does each document within it; a document that is also
    listed separately counts once. Durations are those of the uploaded files.
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
        """Whether the selector names a whole batch, where the parts of a file come within that file."""
        return self.selector.parameter == "batch_number"

    def add(self, files: Iterable[DocFlowFile]) -> None:
        """Add files to the summary."""
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
                    names = ("file_id", "task_id", "name", "failure_causes")
                    self.failures.append({name: getattr(file, name) for name in names})
            case _:
                self.pending += 1

    def is_settled(self, expected_files: int) -> bool:
        """Whether all files have ended, and there are as many as expected and at least one."""
        return self.uploaded >= max(1, expected_files) and not self.pending

    def describe(self, expected_files: int) -> str:
        """Return the progress in words, for logs."""
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


def failed_files(selector: Selector, value: Mapping[str, Any]) -> ApiError:
    """Return the error of a batch with failed files: twenty with their causes, the number of the others."""
    causes = [
        f"{failure['name'] or 'unnamed'} (file_id {failure['file_id']}):"
        f" {failure['failure_causes'] or 'no cause given'}"
        for failure in value["failures"]
    ]
    message = f"{value['failed']} of {value['total']} failed: {summarize(causes, value['failed'])}"
    fix = "Correct these files and upload them again; the others are done"
    return ApiError(ErrorKind.FILES_FAILED, about=f"DocFlow files of {selector}", message=message, fix=fix)
