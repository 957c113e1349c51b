"""The files of a fetch: those that meet all conditions of its query, one page of them."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from textin_provider.testing.docflow.files import FOREVER

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from textin_provider.testing.docflow.files import File
    from textin_provider.testing.docflow.registry import FileRegistry


@dataclass
class Quirks:
    """
    Irregularities of all lists of files; the defaults make an ordinary server.

    :param omit_total: omit ``total``, ``page`` and ``page_size``, as TextIn's page about task states does.
    :param duplicate_over_pages: start each page after the first with the last file of the page before, as if
        files had been inserted in between; all files take more pages accordingly.
    :param ignore_page: return the first page for every ``page``.
    :param max_page_size: return at most this many files per page, and still report the ``page_size`` of the
        query.
    :param shuffle: list the files in a different order each time.
    :param uploads_listed_after: seconds before an uploaded file is listed, unless its script says more.
    """

    omit_total: bool = False
    duplicate_over_pages: bool = False
    ignore_page: bool = False
    max_page_size: int | None = None
    shuffle: bool = False
    uploads_listed_after: float = 0.0


class Found(NamedTuple):
    """All files that meet the conditions of a fetch; ``until`` is when that may change."""

    files: list[File]
    until: float


class FileQueries:
    """Finds files, and caches what it finds until it may change, since polls repeat the same query."""

    def __init__(self, files: FileRegistry) -> None:
        self._files = files
        self._version = files.version
        self._cache: dict[tuple[Any, ...], Found] = {}

    def find(self, query: Mapping[str, Any], now: float) -> Found:
        """Return all files that meet the conditions of a fetch, oldest first."""
        conditions = tuple((name, query[name]) for name in (*_CONSTANT, *_VARYING) if name in query)
        if self._version != self._files.version or len(self._cache) > _MAX_CACHED:
            self._version = self._files.version
            self._cache.clear()
        found = self._cache.get(conditions)
        if found is None or now >= found.until:
            found = self._cache[conditions] = self._search(query, now)
        return found

    def _search(self, query: Mapping[str, Any], now: float) -> Found:
        constant = [(name, query[name]) for name in _CONSTANT if name in query]
        varying = [(_VARYING[name], query[name]) for name in _VARYING if name in query]
        files, until = [], FOREVER
        for file in self._candidates(query):
            if any(getattr(file, name) != value for name, value in constant):
                continue
            if not file.is_visible(now):
                file.invisible_fetches += 1
            elif all(is_met(file, value, now) for is_met, value in varying):
                files.append(file)
            until = min(until, file.unchanged_until(now))
        return Found(files, until)

    def _candidates(self, query: Mapping[str, Any]) -> Sequence[File]:
        for name, get in (("file_id", self._files.get), ("task_id", self._files.by_task)):
            if name in query:
                file = get(query[name])
                return [] if file is None else [file]
        if "batch_number" in query:
            return self._files.batch(query["batch_number"])
        return list(self._files.values())


_MAX_CACHED = 256
_CONSTANT = ("workspace_id", "batch_number", "file_id", "task_id")
_VARYING: dict[str, Callable[[File, Any, float], bool]] = {
    "recognition_status": lambda file, wanted, now: file.status(now) == wanted,
    "verification_status": lambda file, wanted, now: file.script.verification_status == wanted,
    "category": lambda file, wanted, now: file.category_at(file.status(now)) == wanted,
    "start_time": lambda file, earliest, now: file.updated_at(now) >= earliest,
    "end_time": lambda file, latest, now: file.updated_at(now) <= latest,
}


def page_of(files: Sequence[File], page: int, page_size: int, quirks: Quirks) -> Sequence[File]:
    """Return the files of one page."""
    size = min(page_size, quirks.max_page_size or page_size)
    if quirks.shuffle:
        files = random.sample(files, len(files))
    if quirks.ignore_page:
        page = 1
    step = size - 1 if quirks.duplicate_over_pages and size > 1 else size
    start = (page - 1) * step
    return files[start : start + size]
