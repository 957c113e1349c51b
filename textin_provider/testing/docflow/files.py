"""Files of DocFlow: a file's status, category and changes over time and fetches."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from textin_provider.testing.docflow import status as st

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from textin_provider.testing.scripts import FileScript

FOREVER = float("inf")
ALREADY = float("-inf")
_CLASSIFY = "classify"


@dataclass(frozen=True, slots=True)
class Reading:
    """
    The content that was read from a document.

    ``data`` is the extracted data as JSON; ``pages`` are width and height in pixels at ``dpi``; ``lines`` are
    the lines of each page with their corners; ``parts`` are the documents into which it was split or cropped,
    and ``first_page`` is the first page of such a part; ``failure_causes`` says why it could not be read.
    """

    category: str = "other"
    data: bytes = b'{"fields":[],"items":[],"tables":[],"stamps":[],"handwritings":[]}'
    pages: Sequence[tuple[int, int]] = ((1190, 1684),)
    lines: Sequence[Sequence[tuple[str, Sequence[int]]]] = ()
    first_page: int = 0
    dpi: int = 144
    parts: Sequence[Reading] = ()
    failure_causes: str | None = None


@dataclass(slots=True, eq=False)
class File:
    """
    One file: its upload and its progress.

    ``uploaded_at`` is in seconds since the epoch; ``size`` and ``sha256`` describe the document, and are
    empty until a ``url`` has been downloaded; ``options`` are the query parameters of its upload, typed, the
    password included; ``fetches`` counts the fetches whose conditions it met.
    """

    file_id: str
    task_id: str
    batch_number: str
    workspace_id: str
    name: str
    script: FileScript
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)
    format: str = ""
    url: str | None = field(default=None, repr=False)
    size: int = 0
    sha256: str = ""
    uploaded_at: float = field(default_factory=time.time)
    fetches: int = 0
    reading: Reading | None = field(default=None, repr=False)
    parent: File | None = field(default=None, repr=False)
    children: list[File] = field(default_factory=list, repr=False)
    invisible_fetches: int = field(default=0, repr=False)
    timeline: st.Timeline = field(default=st.Timeline(0.0, 0.0, 0.0, [st.EXTRACTING]), repr=False)
    encoded: dict[Any, bytes] = field(default_factory=dict, repr=False)
    _final_status: int | None = field(default=None, repr=False)
    _scripted_at: float = field(default=0.0, repr=False)

    def __post_init__(self) -> None:
        self.format = self.script.format or PurePath(self.name).suffix.lower().lstrip(".")

    def schedule(self, now: float, pending_seconds: float, processing_seconds: float) -> None:
        """Start the timeline at the monotonic time ``now``; times of the script override the given ones."""
        script = self.script
        pending = pending_seconds if script.pending_seconds is None else script.pending_seconds
        processing = processing_seconds if script.processing_seconds is None else script.processing_seconds
        self.timeline = st.Timeline(now, pending, processing, self._stages())
        self._scripted_at = time.time()
        self._final_status = None
        self.encoded.clear()
        for child in self.children:
            child.schedule_with(self)

    def schedule_with(self, parent: File) -> None:
        """Start the timeline of a child together with that of its parent."""
        timeline = parent.timeline
        self.schedule(timeline.started, timeline.pending, timeline.processing)

    def is_final(self, now: float) -> bool:
        """Return whether it and its children cannot change any more."""
        return self.status(now) == self._final_status and self.unchanged_until(now) == FOREVER

    def unchanged_until(self, now: float) -> float:
        """Return the time until which it and its children do not change by themselves."""
        if self.script.depends_on_fetches:
            return ALREADY
        visible_at = self.timeline.started + self.script.visible_after_seconds
        times = [child.unchanged_until(now) for child in self.children]
        if now < visible_at:
            times.append(visible_at)
        # After ready_at the file changes once it has been read, which changes the registry's version.
        if self._final_status is None and now < self.timeline.ready_at:
            times.append(self.timeline.until(now))
        return min(times, default=FOREVER)

    def is_visible(self, now: float) -> bool:
        """Return whether it is listed."""
        return (
            self.invisible_fetches >= self.script.visible_after_fetches
            and now >= self.timeline.started + self.script.visible_after_seconds
        )

    def status(self, now: float) -> int:
        """Return the recognition status at the monotonic time ``now``."""
        if self._final_status is not None:
            return self._final_status
        statuses = self.script.statuses
        if statuses:
            return statuses[min(self.fetches, len(statuses) - 1)]
        if self.reading is None or now < self.timeline.ready_at:
            return self.timeline.status(now)
        self._final_status = (
            self._status_after(self.reading) if self.script.ends else self.timeline.status(now)
        )
        return self._final_status

    def _status_after(self, reading: Reading) -> int:
        chosen = self.script.chosen_status
        if chosen is not None:
            return chosen
        if reading.failure_causes is not None:
            return st.FAILED
        return st.CLASSIFIED if self._is_only_classified else st.SUCCESS

    def updated_at(self, now: float) -> float:
        """Return the time of the last change of its status, in seconds since the epoch."""
        if self.script.statuses:
            return self._scripted_at
        changed = self.timeline.since(now) if self._final_status is None else self.timeline.ready_at
        return time.time() - now + changed

    def count_fetch(self) -> None:
        """Count a fetch whose conditions it meets."""
        self.fetches += 1
        statuses = self.script.statuses
        if statuses and self.fetches < len(statuses):
            self._scripted_at = time.time()
        for child in self.children:
            child.count_fetch()

    @property
    def has_vanished(self) -> bool:
        """Whether the number of fetches has reached ``vanish_after_fetches``."""
        limit = self.script.vanish_after_fetches
        return limit is not None and self.fetches >= limit

    @property
    def duration_ms(self) -> int:
        """Its processing time in milliseconds, without the time in the queue."""
        given = self.script.duration_ms
        return round(self.timeline.processing * 1000) if given is None else given

    @property
    def category(self) -> str:
        """Its category: the named one, or the guessed one once it has been read."""
        return self._named_category or (self.reading.category if self.reading else "")

    @property
    def _named_category(self) -> str | None:
        return self.script.category or self.options.get("category")

    def category_at(self, status: int) -> str:
        """Return the category to show with a status: empty before the file is classified."""
        return "" if status in st.BEFORE_CATEGORY and not self._named_category else self.category

    @property
    def _is_only_classified(self) -> bool:
        return self.options.get("target_process") == _CLASSIFY

    @property
    def task_type(self) -> int:
        """Its task type: regular, parent, split child or cropped child."""
        if self.script.task_type is not None:
            return self.script.task_type
        if self.parent is not None:
            cropped = self.options.get("crop_flag") and not self.options.get("split_flag")
            return st.CROPPED_CHILD if cropped else st.SPLIT_CHILD
        return st.PARENT if self.children else st.REGULAR

    def _stages(self) -> list[int]:
        options = self.options
        stages = [st.PREPARING, st.PARSING]
        if options.get("split_flag"):
            stages.append(st.SPLITTING)
        if options.get("crop_flag"):
            stages.append(st.CROPPING)
        if not options.get("category"):
            stages.append(st.CLASSIFYING)
        if not self._is_only_classified:
            stages.append(st.EXTRACTING)
        return stages
