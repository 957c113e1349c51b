"""A document that is read: errors of its storage are raised as such."""

from __future__ import annotations

import errno
import hashlib
import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any, BinaryIO

from textin_provider.hooks.storage_errors import Place, StorageProblem

if TYPE_CHECKING:
    from textin_provider.hooks.paths import Location

_CHUNK_BYTES = 1024 * 1024


class Source:
    """An open document. An error of its storage is raised as such, and not taken for one of the network."""

    def __init__(self, location: Location) -> None:
        self._location = location
        self._place = source_place(location)
        with self._place.errors():
            location.forget_listings()
            local = location.local
            self._file: Any = local.open("rb") if local else location.fs.open(location.path, "rb")
        try:
            with self._place.errors():
                self._state = self._local_state()
                self.size = self._state[0] if self._state else self._object_size()
        except BaseException:
            self.close()
            raise

    def read(self, size: int = -1) -> bytes:
        """Read bytes; a local file that was written to since it was opened is an error."""
        with self._place.errors():
            data: bytes = self._file.read(size)
            if self._local_state() != self._state:
                raise OSError(errno.ESTALE, "it was written to while it was read")
            return data

    def seek(self, offset: int) -> None:
        """Continue at an offset from the beginning."""
        with self._place.errors():
            self._file.seek(offset)

    def close(self) -> None:
        """Close the file. It was only read, and an error must not lose what became of the document."""
        with suppress(Exception):
            self._file.close()

    def _local_state(self) -> tuple[int, int] | None:
        """Return what changes when a local file is written to; libraries of object storage check that."""
        if self._location.fs is not None:
            return None
        stat = os.fstat(self._file.fileno())
        return stat.st_size, stat.st_mtime_ns

    def _object_size(self) -> int:
        """Return the size of what was opened: until then the object may have been replaced."""
        size = getattr(self._file, "size", None)
        # An empty object may be a directory.
        info = {"size": size} if size else self._location.info()
        if info.get("type") == "directory":
            raise IsADirectoryError(errno.EISDIR, "it is a directory")
        if not isinstance(info.get("size"), int):
            raise OSError("the storage does not know its size")
        return int(info["size"])


def sha256_of(content: Source | BinaryIO) -> str:
    """Return the sha256 of what is left to read."""
    digest = hashlib.sha256()
    while chunk := content.read(_CHUNK_BYTES):
        digest.update(chunk)
    return digest.hexdigest()


def source_place(location: Location) -> Place:
    """Return the place of a document for errors."""
    on_worker = (
        "Check the path on this worker; a fleet of workers shares files on object storage (s3://, gs://)"
    )
    check = f"Check the path and {location.conn_parameter}"
    fixes = {
        StorageProblem.GONE: on_worker if location.local else check,
        StorageProblem.DENIED: "Check its permissions" if location.local else f"{check}, and its permissions",
        StorageProblem.CHANGED: "Nothing was accepted. Submit the file when it is complete",
    }
    return Place(location.about, "the source is not readable", fixes)
