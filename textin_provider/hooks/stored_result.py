"""A stored result: its manifest, and what is done if pages or exports are missing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from textin_provider.api.text import one_line
from textin_provider.api.xparse.models import JobStatus
from textin_provider.api.xparse.result_facts import ResultFacts

if TYPE_CHECKING:
    from collections.abc import Callable

    from textin_provider.api.errors import ApiError
    from textin_provider.api.xparse import XParseJob
    from textin_provider.api.xparse.on_partial import OnPartial
    from textin_provider.api.xparse.result_scan import ResultScan


@dataclass(frozen=True)
class ResultOf:
    """
    What is known of a document beside its job.

    :param source: its path or address as manifests show it; None takes the name that TextIn reports.
    :param chose_pages: whether only some of its pages were asked for.
    """

    source: str | None = None
    chose_pages: bool = False

    def stored(
        self, job: XParseJob, file: dict[str, Any], scan: ResultScan, *, said_partial: bool
    ) -> StoredResult:
        """
        Return the stored result.

        :param file: the manifest of the file.
        :param said_partial: whether an envelope said that the result is partial.
        """
        said_partial = said_partial or job.status is JobStatus.PARTIAL_COMPLETED
        facts = ResultFacts.of(scan, said_partial=said_partial, chose_pages=self.chose_pages)
        source = self.source or facts.name
        known = {"job_id": job.job_id, "file_id": job.file_id, "source": source}
        about = f"xParse job {job.job_id}" + (f", {one_line(source)}" if source else "")
        return StoredResult(about, known | file | facts.to_manifest(), facts)


@dataclass(frozen=True)
class StoredResult:
    """
    A result that is stored.

    :param about: which result it is, for messages.
    """

    about: str
    manifest: dict[str, Any]
    facts: ResultFacts

    def check(self, on_partial: OnPartial, warn: Callable[[str, object], object]) -> None:
        """
        Do what ``on_partial`` says if pages or exports are missing.

        :raises TextInPartialResultError: with ``"fail"``.
        """
        if self.facts.is_partial and on_partial == "fail":
            raise self.error
        self.log_missing(on_partial, warn)

    def log_missing(self, on_partial: OnPartial, warn: Callable[[str, object], object]) -> None:
        """Log what is missing, unless ``on_partial`` is ``"ignore"``."""
        if self.facts.is_partial and on_partial != "ignore":
            warn("%s", self.error)

    @property
    def error(self) -> ApiError:
        """The error of a partial result."""
        return self.facts.error(self.about)
