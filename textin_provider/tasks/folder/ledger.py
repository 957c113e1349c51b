"""
The ledger of a folder: what was sent, and what became of it, kept beside the results.

Its invariants stand in :mod:`textin_provider.tasks.folder.records`. A record that must be durable before the
next step is a segment of its own; others are written with the next segment. Small segments are folded into
larger ones while the run goes on, and all of them are merged into one from time to time, so that a start
reads few files. A segment is deleted only after all its records stand in another one.
"""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from threading import Lock
from typing import TYPE_CHECKING, Any

from textin_provider.api.text import one_line
from textin_provider.hooks.local_files import TEMPORARY_SUFFIX
from textin_provider.tasks.folder.records import State
from textin_provider.tasks.folder.segments import (
    Account,
    bad_ledger,
    body_of,
    encoded,
    header_line,
    read_segment,
    run_of,
    segment_name,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from textin_provider.hooks.tree import FoundFile, Tree
    from textin_provider.tasks.folder.records import Record

log = logging.getLogger(__name__)

#: So many small segments are folded into one.
_FOLD_AT = 256
#: So many segments are merged into one at the start of a run.
_MERGE_AT = 32
_READERS = 8
#: Bytes from which on a segment is read line by line.
_LARGE = 1024 * 1024


class Ledger:
    """
    The records of a folder, in memory and in its segments. Threads may share it.

    :param tree: the folder of the segments.
    :param about: values that say which run writes, for the first line of each segment.
    :ivar state: all records, those included that are not written yet.
    """

    def __init__(self, tree: Tree, account: Account, token: str, about: Mapping[str, Any]) -> None:
        self.state = State()
        self._tree = tree
        self._account = account
        self._token = token
        self._about = about
        self._lock = Lock()
        self._run = 1
        self._number = 0
        #: Records that go into the next segment.
        self._pending: list[Record] = []
        #: The small segments of this run, with their lines.
        self._small: dict[str, list[bytes]] = {}

    def load(self) -> None:
        """
        Read all segments, and merge them into one if there are many.

        :raises ApiError: for a file that is torn or foreign, or of another account.
        """
        segments = self._segments()
        self._run = 1 + max((run_of(found.name) or 0 for found in segments), default=0)
        strings: dict[str, str] = {}
        for name, lines in self._bodies(segments):
            for record in read_segment(self._tree.path(name), lines, self._account, strings):
                self.state.merge(record)
        if len(segments) >= _MERGE_AT:
            self._merge([found.name for found in segments])

    def _bodies(self, segments: list[FoundFile]) -> Iterator[tuple[str, Iterable[bytes]]]:
        """Yield the lines of each segment: of large ones as they are read, of small ones from memory."""
        small = [found.name for found in segments if found.size < _LARGE]
        if len(small) > 1:
            with ThreadPoolExecutor(_READERS, thread_name_prefix="textin-ledger") as pool:
                for name, body in zip(small, pool.map(self._tree.read, small), strict=True):
                    yield name, BytesIO(body)
        elif small:
            yield small[0], BytesIO(self._tree.read(small[0]))
        for found in segments:
            if found.size >= _LARGE:
                with self._tree.reading(found.name) as lines:
                    yield found.name, lines

    def _segments(self) -> list[FoundFile]:
        """Return all segments; a foreign file among them is an error."""
        segments, leftovers = [], []
        for found in self._tree.files():
            if found.name.endswith(TEMPORARY_SUFFIX):
                leftovers.append(found.name)
            elif run_of(found.name) is None:
                raise bad_ledger(self._tree.path(found.name), "it is not a file of a ledger")
            else:
                segments.append(found)
        if leftovers:
            self._tree.delete(leftovers)
        return sorted(segments)

    def _merge(self, names: list[str]) -> None:
        """Write all records into one segment, and delete those that it replaces."""
        total = len(self.state.contents) + len(self.state.documents)

        def chunks() -> Iterator[bytes]:
            yield header_line(self._account, total, self._about)
            yield from map(encoded, self.state.records())

        self._tree.write_chunks(self._new_name(), chunks)
        self._tree.delete(names)

    def _new_name(self) -> str:
        with self._lock:
            self._number += 1
            return segment_name(self._run, self._token, self._number)

    def note(self, *records: Record) -> None:
        """Take in records that are written with the next segment."""
        with self._lock:
            for record in records:
                self.state.merge(record)
            self._pending += records

    def write(self, *records: Record) -> None:
        """Take in records, and return when they and the noted ones are durable."""
        self.note(*records)
        with self._lock:
            batch, self._pending = self._pending, []
        if not batch:
            return
        lines = [encoded(record) for record in batch]
        name = self._new_name()
        try:
            self._tree.write(name, body_of(self._account, lines, self._about))
        except BaseException:
            with self._lock:  # the next write tries again; a record that stands twice does no harm
                self._pending = batch + self._pending
            raise
        with self._lock:
            self._small[name] = lines

    def tidy(self, at_least: int = _FOLD_AT) -> None:
        """Fold the small segments of this run into one, if there are so many; an error is only logged."""
        with self._lock:
            small = dict(self._small)
        if len(small) < at_least:
            return
        try:
            lines = [line for segment in small.values() for line in segment]
            self._tree.write(self._new_name(), body_of(self._account, lines, self._about))
            self._tree.delete(small)
        except Exception as error:  # of any class: the small segments are there
            log.warning("The segments of the ledger could not be folded: %s", one_line(error))
        else:
            with self._lock:
                for name in small:
                    del self._small[name]
