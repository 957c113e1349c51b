"""Registry of DocFlow files by id, task and batch."""

from __future__ import annotations

import itertools
import secrets
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from textin_provider.testing.docflow.files import File, Reading
from textin_provider.testing.responses import encode_json
from textin_provider.testing.scripts import FileScript, ScriptedRegistry

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

# DocFlow's ids have the format of Twitter's snowflakes, which count milliseconds from this epoch.
_SNOWFLAKE_EPOCH_MS = 1_288_834_974_657


class FileRegistry(ScriptedRegistry[File, FileScript]):
    """All DocFlow files."""

    def __init__(self, pending_seconds: float, processing_seconds: float) -> None:
        super().__init__(pending_seconds, processing_seconds, FileScript)
        self._tasks: dict[str, File] = {}
        self._batches: dict[str, dict[str, File]] = {}
        self._ids = itertools.count((int(time.time() * 1000) - _SNOWFLAKE_EPOCH_MS) << 22)
        self.uploads_accepted = 0
        #: Changes whenever a file is added, removed, restarted or read.
        self.version = 0

    def make(self, script: FileScript, name: str, batch_number: str, workspace_id: str, **more: Any) -> File:
        """Return a new file that is not in the registry yet."""
        file_id, task_id = script.file_id or str(next(self._ids)), script.task_id or str(next(self._ids))
        return File(file_id, task_id, batch_number, workspace_id, script.name or name, script, **more)

    def add(self, file: File) -> None:
        """Add an uploaded file and start its timeline."""
        file.schedule(time.monotonic(), *self.default_seconds)
        self._insert(file)

    def _insert(self, file: File) -> None:
        self.version += 1
        self._items[file.file_id] = file
        self._tasks[file.task_id] = file
        self._batches.setdefault(file.batch_number, {})[file.file_id] = file

    def add_batch(
        self, scripts: Sequence[FileScript], batch_number: str, workspace_id: str, reading: Reading
    ) -> None:
        """Create files without an upload, each with the same reading and no processing time."""
        now = time.monotonic()
        for number, script in enumerate(scripts, start=1):
            file = self.make(script, f"document_{number}.pdf", batch_number, workspace_id)
            file.schedule(now, 0.0, 0.0)
            self._insert(file)
            self.set_reading(file, reading)

    def restart(self, file: File) -> None:
        """Run a file again: restart its timeline."""
        file.schedule(time.monotonic(), *self.default_seconds)
        self.version += 1

    def set_reading(self, file: File, reading: Reading) -> None:
        """Set the reading of a file and create its children."""
        script = file.script
        if script.data is not None:
            reading = replace(reading, data=encode_json(script.data))
        file.reading = reading
        self.version += 1
        parts = [(FileScript(), part) for part in reading.parts]
        if script.children:
            parts = [(child, Reading()) for child in script.children]
        for number, (child_script, part) in enumerate(parts, start=1):
            name = _part_name(file.name, number)
            child = self.make(child_script, name, file.batch_number, file.workspace_id, options=file.options)
            child.parent = file
            child.schedule_with(file)
            self.set_reading(child, part)
            file.children.append(child)
            if script.list_children_at_top_level:
                self._insert(child)

    def remove(self, files: Iterable[File]) -> None:
        """Delete files and their children."""
        for file in files:
            self.version += 1
            self.remove(file.children)
            self._items.pop(file.file_id, None)
            self._tasks.pop(file.task_id, None)
            self._batches.get(file.batch_number, {}).pop(file.file_id, None)

    def by_task(self, task_id: str) -> File | None:
        """Return the file of a task."""
        return self._tasks.get(task_id)

    def batch(self, batch_number: str) -> list[File]:
        """Return the files of a batch, oldest first."""
        return list(self._batches.get(batch_number, {}).values())

    def new_batch_number(self) -> str:
        """Return an unused batch number of at most 20 characters."""
        return f"{time.strftime('%Y%m%d%H%M%S')}{secrets.randbelow(10**6):06d}"


def _part_name(name: str, number: int) -> str:
    stem, dot, ending = name.rpartition(".")
    return f"{stem}_{number}{dot}{ending}" if dot else f"{name}_{number}"
