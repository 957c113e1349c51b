"""What a result tells of itself: its pages, those that failed, its exports and the name of its document."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from textin_provider.api.errors import ApiError, ErrorKind
from textin_provider.api.protocol import optional_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from textin_provider.api.xparse.result_scan import ResultScan

_MOST_PAGES = 10**9
_SUCCESS = "success"
#: Characters of a list of pages that a message may take.
_MOST_CHARS = 200


@dataclass(frozen=True, slots=True)
class ResultFacts:
    """
    The facts of one result.

    :param pages: pages that were parsed, which are the pages that TextIn bills (``success_count``).
    :param page_count: pages of the document.
    :param failed_pages: the pages that failed, such as ``"3-5,9"``; None if none did, or if TextIn does not
        say which.
    :param failed: how many pages failed.
    :param exports: of each export its format and status, such as ``{"docx": "success"}``.
    :param is_partial: whether pages or exports are missing.
    :param name: the name of the document, as TextIn reports it.
    """

    pages: int | None = None
    page_count: int | None = None
    failed_pages: str | None = None
    failed: int = 0
    exports: Mapping[str, str] | None = None
    is_partial: bool = False
    name: str | None = None

    @classmethod
    def of(cls, scan: ResultScan, *, said_partial: bool = False, chose_pages: bool = False) -> ResultFacts:
        """
        Read the facts from a result that was scanned to its end.

        :param said_partial: whether the state of the job, or a code, said that the result is partial.
        :param chose_pages: whether only some pages were asked for, so that the others did not fail.
        """
        metadata = scan.members.get("metadata")
        metadata = metadata if isinstance(metadata, dict) else {}
        pages = _count(scan.members.get("success_count"))
        page_count = _count(metadata.get("page_count"))
        numbers = {number for number, status in scan.pages or () if _has_failed(status) and _count(number)}
        failed = len(numbers)
        if scan.pages is None and not chose_pages and pages is not None and page_count is not None:
            failed = max(0, page_count - pages)
        exports = _exports(scan.members.get("exports"))
        has_failed_export = any(status != _SUCCESS for status in exports.values())
        return cls(
            pages,
            page_count,
            page_ranges(numbers) or None,
            failed,
            exports,
            bool(failed) or has_failed_export or said_partial,
            optional_text(metadata.get("filename")),
        )

    def to_manifest(self) -> dict[str, Any]:
        """Return the entries of a manifest."""
        return {
            "pages": self.pages,
            "page_count": self.page_count,
            "failed_pages": self.failed_pages,
            "exports": dict(self.exports or {}),
        }

    @property
    def missing(self) -> str | None:
        """What is missing of a partial result, in words; None of a whole one."""
        if not self.is_partial:
            return None
        exports = (self.exports or {}).items()
        parts = [self._missing_pages()] if self.failed else []
        parts += [f"the export {name} failed" for name, status in exports if status != _SUCCESS]
        return "; ".join(parts) or "TextIn says that some pages failed, and does not say which"

    def _missing_pages(self) -> str:
        pages = self.failed_pages or ""
        if len(pages) > _MOST_CHARS:
            pages = pages[:_MOST_CHARS].rpartition(",")[0] + ",..."
        which = f" ({pages})" if pages else ""
        return f"{self.failed} of {self.page_count or 'the'} pages{which} were not parsed"

    def error(self, about: str) -> ApiError:
        """Return the error of a partial result."""
        fix = "The result is stored; failed pages are not billed. on_partial='ignore' accepts such results"
        return ApiError(ErrorKind.PARTIAL_RESULT, about=about, message=self.missing or "", fix=fix)


def page_ranges(numbers: Iterable[int]) -> str:
    """Return page numbers as text such as ``"3-5,9"``."""
    ranges: list[list[int]] = []
    for number in sorted(numbers):
        if ranges and number == ranges[-1][1] + 1:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in ranges)


def _count(value: object) -> int | None:
    is_count = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MOST_PAGES
    return value if is_count else None  # type: ignore[return-value]


def _has_failed(status: object) -> bool:
    return isinstance(status, str) and status.strip().lower() != _SUCCESS


def _exports(value: object) -> dict[str, str]:
    found: dict[str, str] = {}
    for export in value if isinstance(value, list) else ():
        if isinstance(export, dict) and (name := optional_text(export.get("format"))):
            found[name] = (optional_text(export.get("status")) or _SUCCESS).lower()
    return found
