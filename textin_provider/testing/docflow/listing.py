"""Which files a fetch shows: those that meet all its conditions, one page of them."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from textin_provider.testing.docflow.files import FOREVER

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from textin_provider.testing.docflow.files import File
    from textin_provider.testing.docflow.store import FileStore


@dataclass
class Quirks:
    """
    What is odd about all lists of files; the defaults are an ordinary server.

    :param omit_total: leave out ``total``, ``page`` and ``page_size``, as the page about task states does.
    :param duplicate_over_pages: each further page begins with the last file of the page before, as after
        something was put in front meanwhile; all files take that much more pages.
    :param ignore_page: answer the first page whatever page is asked for.
    :param max_page_size: serve no more files than this a page, and do not say so.
    :param shuffle: list the files in another order each time.
    """

    omit_total: bool = False
    duplicate_over_pages: bool = False
    ignore_page: bool = False
    max_page_size: int | None = None
    shuffle: bool = False


class Found(NamedTuple):
    """All files that meet the conditions of a fetch; ``until`` tells how long that holds true."""

    files: list[File]
    until: float


class Listing:
    """Finds files, and remembers what it found as long as it holds true: polls repeat themselves."""

    def __init__(self, store: FileStore) -> None:
        self._store = store
        self._version = store.version
        self._remembered: dict[tuple[Any, ...], Found] = {}

    def find(self, query: Mapping[str, Any], now: float) -> Found:
        """Return all files that meet the conditions of a fetch, oldest first."""
        conditions = tuple((name, query[name]) for name in (*_FIXED, *_MOVING) if name in query)
        if self._version != self._store.version or len(self._remembered) > _MOST_REMEMBERED:
            self._version = self._store.version
            self._remembered.clear()
        found = self._remembered.get(conditions)
        if found is None or now >= found.until:
            found = self._remembered[conditions] = self._search(query, now)
        return found

    def _search(self, query: Mapping[str, Any], now: float) -> Found:
        fixed = [(name, query[name]) for name in _FIXED if name in query]
        moving = [(_MOVING[name], query[name]) for name in _MOVING if name in query]
        files, until = [], FOREVER
        for file in self._candidates(query):
            if any(getattr(file, name) != value for name, value in fixed):
                continue
            if not file.is_visible(now):
                file.asked += 1
            elif all(is_met(file, value, now) for is_met, value in moving):
                files.append(file)
            until = min(until, file.changes_at(now))
        return Found(files, until)

    def _candidates(self, query: Mapping[str, Any]) -> Sequence[File]:
        for name, look in (("file_id", self._store.get), ("task_id", self._store.by_task)):
            if name in query:
                file = look(query[name])
                return [] if file is None else [file]
        if "batch_number" in query:
            return self._store.batch(query["batch_number"])
        return list(self._store.values())


_MOST_REMEMBERED = 256
_FIXED = ("workspace_id", "batch_number", "file_id", "task_id")
_MOVING: dict[str, Callable[[File, Any, float], bool]] = {
    "recognition_status": lambda file, wanted, now: file.status(now) == wanted,
    "verification_status": lambda file, wanted, now: file.script.verification_status == wanted,
    "category": lambda file, wanted, now: file.category_at(file.status(now)) == wanted,
    "start_time": lambda file, earliest, now: file.updated_at(now) >= earliest,
    "end_time": lambda file, latest, now: file.updated_at(now) <= latest,
}


def page_of(files: Sequence[File], page: int, page_size: int, quirks: Quirks) -> Sequence[File]:
    """Return the files that stand on a page."""
    size = min(page_size, quirks.max_page_size or page_size)
    if quirks.shuffle:
        files = random.sample(files, len(files))
    if quirks.ignore_page:
        page = 1
    step = size - 1 if quirks.duplicate_over_pages and size > 1 else size
    start = (page - 1) * step
    return files[start : start + size]
