"""All files of one server, by id, batch and task."""

from __future__ import annotations

import itertools
import secrets
import time
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from textin_provider.testing.docflow.files import File, Reading
from textin_provider.testing.docflow.script import FileScript
from textin_provider.testing.wire import encode_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

# Twitter's snowflakes, which DocFlow's ids look like, count milliseconds from here.
_SNOWFLAKE_EPOCH_MS = 1_288_834_974_657


class FileStore(Mapping[str, File]):
    """All files of one server by id, oldest first, and the scripts that wait for the next ones."""

    def __init__(self, pending_seconds: float, processing_seconds: float) -> None:
        self._pending_seconds = pending_seconds
        self._processing_seconds = processing_seconds
        self._files: dict[str, File] = {}
        self._tasks: dict[str, File] = {}
        self._batches: dict[str, dict[str, File]] = {}
        self._scripts: deque[FileScript] = deque()
        self._ids = itertools.count((int(time.time() * 1000) - _SNOWFLAKE_EPOCH_MS) << 22)
        self.uploads_accepted = 0
        #: Changes whenever a file comes, goes, begins anew or has been read.
        self.version = 0

    def __getitem__(self, file_id: str) -> File:
        return self._files[file_id]

    def __iter__(self) -> Iterator[str]:
        # A copy, as a test may look while the server takes in files.
        return iter(list(self._files))

    def __len__(self) -> int:
        return len(self._files)

    def expect(self, script: FileScript) -> None:
        """Let the next file that is uploaded go as ``script`` says."""
        self._scripts.append(script)

    def next_script(self) -> FileScript:
        """Return the script for a file that is being uploaded."""
        return self._scripts.popleft() if self._scripts else FileScript()

    def make(self, script: FileScript, name: str, batch_number: str, workspace_id: str, **more: Any) -> File:
        """Return a new file, not yet taken in."""
        file_id, task_id = script.file_id or str(next(self._ids)), script.task_id or str(next(self._ids))
        return File(file_id, task_id, batch_number, workspace_id, script.name or name, script, **more)

    def add(self, file: File) -> None:
        """Take in a file that was uploaded; its clock starts now."""
        file.schedule(time.monotonic(), self._pending_seconds, self._processing_seconds)
        self.take(file)

    def take(self, file: File) -> None:
        """Take in a file whose clock runs."""
        self.version += 1
        self._files[file.file_id] = file
        self._tasks[file.task_id] = file
        self._batches.setdefault(file.batch_number, {})[file.file_id] = file

    def add_all(
        self, scripts: Sequence[FileScript], batch_number: str, workspace_id: str, reading: Reading
    ) -> None:
        """Create files that nobody uploaded, each with the same reading; they need no time."""
        now = time.monotonic()
        for number, script in enumerate(scripts, start=1):
            file = self.make(script, f"document_{number}.pdf", batch_number, workspace_id)
            file.schedule(now, 0.0, 0.0)
            self.take(file)
            self.understand(file, reading)

    def restart(self, file: File) -> None:
        """Run a file again; its clock starts anew."""
        file.schedule(time.monotonic(), self._pending_seconds, self._processing_seconds)
        self.version += 1

    def understand(self, file: File, reading: Reading) -> None:
        """Give a file what was read from it, and make the documents within it."""
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
            child.follow(file)
            self.understand(child, part)
            file.children.append(child)
            if script.list_children_at_top_level:
                self.take(child)

    def remove(self, files: Iterable[File]) -> None:
        """Delete files, and the documents within them."""
        for file in files:
            self.version += 1
            self.remove(file.children)
            self._files.pop(file.file_id, None)
            self._tasks.pop(file.task_id, None)
            self._batches.get(file.batch_number, {}).pop(file.file_id, None)

    def by_task(self, task_id: str) -> File | None:
        """Return the file of a task."""
        return self._tasks.get(task_id)

    def batch(self, batch_number: str) -> list[File]:
        """Return the files of a batch, oldest first."""
        return list(self._batches.get(batch_number, {}).values())

    def new_batch_number(self) -> str:
        """Return a batch number of at most 20 characters that is not taken."""
        return f"{time.strftime('%Y%m%d%H%M%S')}{secrets.randbelow(10**6):06d}"


def _part_name(name: str, number: int) -> str:
    stem, dot, ending = name.rpartition(".")
    return f"{stem}_{number}{dot}{ending}" if dot else f"{name}_{number}"
