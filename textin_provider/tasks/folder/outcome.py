"""What a run tells at its end: a line for each document, a summary, and the error of the task."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from textin_provider.api.errors import ApiError, ErrorKind
from textin_provider.api.json_lines import json_line
from textin_provider.api.text import one_line, summarize
from textin_provider.tasks.folder.records import INTENT, JOB, STORED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from textin_provider.tasks.folder.records import Content, Document, State
    from textin_provider.tasks.folder.sources import SourceDocument

MANIFEST = "manifest.jsonl"
SUCCEEDED = ("succeeded", "partial")


class Report:
    """
    What became of the documents of a run.

    :param problems: why documents are not done, by source: ``(status, message)``.
    :param run: token of the run.
    :param path: returns the address of a result from its name.
    """

    def __init__(
        self,
        documents: Sequence[SourceDocument],
        state: State,
        problems: Mapping[str, tuple[str, str]],
        run: str,
        path: Callable[[str], str],
    ) -> None:
        self._documents = documents
        self._state = state
        self._problems = problems
        self._run = run
        self._path = path

    def lines(self) -> Iterator[bytes]:
        """Yield the line of each document."""
        for document in self._documents:
            yield json_line(self._line(document))

    def _line(self, document: SourceDocument) -> dict[str, Any]:
        status, message, record, content = self._fate(document)
        stored = record if status in SUCCEEDED else None
        return {
            "source": document.source,
            "status": status,
            "output_paths": {"json": self._path(stored.output)} if stored else {},
            "job_id": content.job_id if content else None,
            "pages": content.pages if content else None,
            "failed_pages": content.failed_pages if content else None,
            "size_bytes": stored.size_bytes if stored else None,
            "sha256": stored.sha256 if stored else None,
            "message": message,
            "submitted_at": content.at if content and content.job_id else None,
            "stored_at": stored.stored_at if stored else None,
        }

    def _fate(self, document: SourceDocument) -> tuple[str, str | None, Document | None, Content | None]:
        """Return status, message and records of a document."""
        record = self._state.documents.get(document.source)
        content = self._state.contents.get(record.fingerprint) if record else None
        if problem := self._problems.get(document.source):
            return *problem, None, content if problem[0] != "left" else None
        if record is None or (record.size, record.mark) != (document.size, document.mark):
            return "left", "not read", None, None
        standing = content.standing if content else None
        if record.stored_at and standing == STORED:
            missing = content.message if content else None
            return "partial" if missing else "succeeded", missing, record, content
        if standing == JOB:
            return "submitted", "its job has not ended", record, content
        if standing == INTENT:
            return "uncertain", "its submit did not end", record, content
        return "left", "not sent", record, None

    def summary(self, ignored: int, manifest_path: str) -> dict[str, Any]:
        """Return the summary of the run, small enough for an XCom."""
        counts: Counter[str] = Counter()
        pages = failed_pages = 0
        for document in self._documents:
            status, _, record, content = self._fate(document)
            if status in SUCCEEDED and record:
                status = self._done_how(record)
                if status == "succeeded" and content:
                    pages += content.pages or 0
                    failed_pages += content.failed or 0
            counts[status] += 1
        names = ("unchanged", "copied", "succeeded", "failed", "uncertain", "left")
        contents = self._state.contents.values()
        return {
            "found": len(self._documents),
            "ignored": ignored,
            "submitted": sum(content.run == self._run and bool(content.job_id) for content in contents),
            **{name: counts[name] for name in names},
            "pages": pages,
            "failed_pages": failed_pages,
            "manifest_path": manifest_path,
        }

    def _done_how(self, record: Document) -> str:
        if record.run != self._run:
            return "unchanged"
        return "copied" if record.copied else "succeeded"

    def partial(self) -> list[str]:
        """Return the documents of which this run has stored a partial result, each with what is missing."""
        named = []
        for document in self._documents:
            status, missing, record, _ = self._fate(document)
            if status == "partial" and record and record.run == self._run:
                named.append(f"{one_line(document.source)}: {missing}")
        return named

    def named(self, status: str) -> list[str]:
        """Return the documents with that status, each with its message."""
        fates = ((document.source, *self._fate(document)[:2]) for document in self._documents)
        return [f"{one_line(source)}: {message}" for source, found, message in fates if found == status]


def partial_documents(partial: Sequence[str], found: int) -> ApiError:
    """Return the error of a run that has stored results of which pages or exports are missing."""
    about = f"{len(partial)} of {found} documents are partial"
    fix = "Their results are stored, and failed pages are not billed; on_partial='warn' accepts them"
    return ApiError(ErrorKind.PARTIAL_RESULT, about=about, message=summarize(partial, len(partial)), fix=fix)


def failed_documents(failed: Sequence[str], uncertain: Sequence[str], found: int) -> ApiError:
    """Return the error of a run with documents that failed, or may have been accepted."""
    kind = ErrorKind.JOB_FAILED if failed else ErrorKind.UNCERTAIN
    counts = [
        f"{len(failed)} failed" if failed else "",
        f"{len(uncertain)} are uncertain" if uncertain else "",
    ]
    listed = [*failed, *uncertain]
    fix = "Correct them, or set " + " and ".join(
        [*(["retry_failed=True"] if failed else []), *(["resubmit_uncertain=True"] if uncertain else [])]
    )
    return ApiError(
        kind,
        about=f"{' and '.join(filter(None, counts))} of {found} documents",
        message=summarize(listed, len(listed)),
        fix=f"{fix} to send them again. The results of the others are stored",
    )


def stopped_run(error: ApiError, left: int) -> ApiError:
    """Return the error of a run that stopped sending, which says how many documents are left."""
    return error.replace(message=f"{error.message}; {left} documents are left", request_id=error.request_id)
