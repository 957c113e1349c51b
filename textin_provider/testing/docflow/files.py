"""A file of DocFlow, and the statuses it passes through."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from textin_provider.testing.docflow import status as st
from textin_provider.testing.docflow.timeline import Timeline

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from textin_provider.testing.docflow.script import FileScript

FOREVER = float("inf")
NOW = float("-inf")
_CLASSIFY = "classify"


@dataclass(frozen=True, slots=True)
class Reading:
    """
    What was read from a document.

    ``data`` is the extracted data as JSON; ``pages`` are width and height in pixels at ``dpi``; ``lines`` are
    the lines of each page with their corners; ``parts`` are the documents that it was split or cropped into,
    and ``first_page`` is where such a part begins; ``failure_causes`` says why it could not be read.
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
    One file: what was asked, and how far it is.

    ``uploaded_at`` is in seconds since the epoch; ``size`` and ``sha256`` describe the document, and are
    empty until a ``url`` has been fetched; ``options`` are the query parameters of its upload, typed, the
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
    asked: int = field(default=0, repr=False)
    timeline: Timeline = field(default=Timeline(0.0, 0.0, 0.0, [st.EXTRACTING]), repr=False)
    encoded: dict[Any, bytes] = field(default_factory=dict, repr=False)
    _settled: int | None = field(default=None, repr=False)
    _moved_at: float = field(default=0.0, repr=False)

    def __post_init__(self) -> None:
        self.format = self.script.format or PurePath(self.name).suffix.lower().lstrip(".")

    def schedule(self, now: float, pending_seconds: float, processing_seconds: float) -> None:
        """Start its clock at the monotonic time ``now``; its script goes before the given times."""
        script = self.script
        pending = pending_seconds if script.pending_seconds is None else script.pending_seconds
        processing = processing_seconds if script.processing_seconds is None else script.processing_seconds
        self.timeline = Timeline(now, pending, processing, self._stages())
        self._moved_at = time.time()
        self._settled = None
        self.encoded.clear()
        for child in self.children:
            child.follow(self)

    def follow(self, parent: File) -> None:
        """Start the clock of a child together with the one of its parent."""
        clock = parent.timeline
        self.schedule(clock.started, clock.pending, clock.processing)

    def is_steady(self, now: float) -> bool:
        """Whether nothing changes any more, in it and in the documents within it."""
        return self.status(now) == self._settled and self.changes_at(now) == FOREVER

    def changes_at(self, now: float) -> float:
        """Return until when nothing changes by itself, in it and in the documents within it."""
        if self.script.goes_by_fetches:
            return NOW
        visible_at = self.timeline.started + self.script.visible_after_seconds
        times = [child.changes_at(now) for child in self.children]
        if now < visible_at:
            times.append(visible_at)
        # The end waits for the document to be read, whenever that may be.
        if self._settled is None and now < self.timeline.ready_at:
            times.append(self.timeline.until(now))
        return min(times, default=FOREVER)

    def is_visible(self, now: float) -> bool:
        """Whether it is listed."""
        return (
            self.asked >= self.script.visible_after_fetches
            and now >= self.timeline.started + self.script.visible_after_seconds
        )

    def status(self, now: float) -> int:
        """Return the recognition status to show at the monotonic time ``now``."""
        if self._settled is not None:
            return self._settled
        statuses = self.script.statuses
        if statuses:
            return statuses[min(self.fetches, len(statuses) - 1)]
        if self.reading is None or now < self.timeline.ready_at:
            return self.timeline.status(now)
        self._settled = self.final_status(self.reading) if self.script.ends else self.timeline.status(now)
        return self._settled

    def final_status(self, reading: Reading) -> int:
        """Return the status it ends in."""
        chosen = self.script.chosen_status
        if chosen is not None:
            return chosen
        if reading.failure_causes is not None:
            return st.FAILED
        return st.CLASSIFIED if self._is_only_classified else st.SUCCESS

    def updated_at(self, now: float) -> float:
        """Return when its status changed last, in seconds since the epoch."""
        if self.script.statuses:
            return self._moved_at
        changed = self.timeline.since(now) if self._settled is None else self.timeline.ready_at
        return time.time() - now + changed

    def met(self) -> None:
        """Note a fetch whose conditions it met."""
        self.fetches += 1
        statuses = self.script.statuses
        if statuses and self.fetches < len(statuses):
            self._moved_at = time.time()
        if self.children:
            for child in self.children:
                child.met()

    @property
    def is_gone(self) -> bool:
        """Whether it is to be deleted by now."""
        most = self.script.vanish_after_fetches
        return most is not None and self.fetches >= most

    @property
    def duration_ms(self) -> int:
        """What it took, time in the queue not included."""
        given = self.script.duration_ms
        return round(self.timeline.processing * 1000) if given is None else given

    @property
    def category(self) -> str:
        """Its category, as it was named or as it is guessed once it is read."""
        return self._named_category or (self.reading.category if self.reading else "")

    @property
    def _named_category(self) -> str | None:
        return self.script.category or self.options.get("category")

    def category_at(self, status: int) -> str:
        """Return the category to show in a status: empty before the file is classified."""
        return "" if status in st.BEFORE_CATEGORY and not self._named_category else self.category

    @property
    def _is_only_classified(self) -> bool:
        return self.options.get("target_process") == _CLASSIFY

    @property
    def task_type(self) -> int:
        """Its task type: regular, a parent, or a child of one kind or the other."""
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
