"""A folder on the worker or a prefix on object storage: list it, and read, write and delete its files."""

from __future__ import annotations

import os
import time
from contextlib import contextmanager, suppress
from copy import copy
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from textin_provider.api.errors import ApiError
from textin_provider.api.retry import backoff
from textin_provider.hooks.local_files import chunks_of, write_file
from textin_provider.hooks.paths import path_text, read_path
from textin_provider.hooks.storage import ATOMIC_SCHEMES, OutputFile, staged
from textin_provider.hooks.storage_errors import Place, StorageProblem, problem_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from textin_provider.hooks.paths import Location, PathValue

T = TypeVar("T")

#: How often a call into the storage is tried if its error is transient.
_ATTEMPTS = 5


class FoundFile(NamedTuple):
    """A file in a listing: its name within the folder, its size in bytes, and its ETag or time of change."""

    name: str
    size: int
    mark: str


class Tree:
    """
    A folder and everything below it. Names are relative to it, with ``/`` on every system.

    Calls are repeated after transient errors of the storage. Files appear completely or not at all.

    :param parameter: the parameter that names the folder.
    :param conn_id: connection for object storage.
    :raises ApiError: if the value is not a path, or its storage cannot be opened.
    """

    def __init__(self, parameter: str, value: PathValue, conn_id: str | None = None) -> None:
        location = read_path(parameter, value, conn_id)
        self.conn_id = conn_id or connection_in(value)
        root = location.path.rstrip("/") or "/"
        if location.local:
            root = os.path.abspath(root)  # noqa: PTH100  # Path.absolute() keeps ".."
        self.root: Location = replace(location, path=root)
        #: The address of the folder without its connection, for names of its files.
        self.address = root if location.local else f"{location.protocol}://{root}"
        self._place = Place(
            location.about,
            "the folder cannot be read or written",
            {StorageProblem.GONE: "Create its bucket or folder, or correct the path"},
        )

    @property
    def is_local(self) -> bool:
        """Whether the folder is on this worker."""
        return self.root.fs is None

    def below(self, name: str) -> Tree:
        """Return a folder in this one."""
        tree = copy(self)
        tree.root = replace(self.root, path=self._object(name), text=f"{self.root.text.rstrip('/')}/{name}")
        tree.address = self.path(name)
        return tree

    def path(self, name: str) -> str:
        """Return the address of a file, to pass on with the connection of the folder."""
        return f"{self.address.rstrip('/')}/{name}"

    def type(self) -> str | None:
        """Return ``"directory"`` or ``"file"``; None if there is nothing, or no object with that prefix."""
        if self.root.local:
            local = self.root.local
            return "directory" if local.is_dir() else "file" if local.exists() else None

        def info() -> str | None:
            try:
                return str(self.root.info().get("type", "file"))
            except Exception as error:  # of any class: storage libraries have no common one
                if problem_of(error) is StorageProblem.GONE:
                    return None
                raise

        return self._retried(info)

    def files(self, is_skipped: Callable[[str], bool] = lambda _: False) -> Iterator[FoundFile]:
        """
        List all files; there are none in a folder that does not exist.

        :param is_skipped: takes the name of a folder that need not be listed.
        """
        if self.root.local:
            yield from self._local_files(str(self.root.local), "", is_skipped, set())
        else:
            yield from self._objects(is_skipped)

    def _local_files(
        self, folder: str, prefix: str, is_skipped: Callable[[str], bool], seen: set[tuple[int, int]]
    ) -> Iterator[FoundFile]:
        try:
            entries = self._retried(lambda: list(os.scandir(folder)))
        except ApiError:
            if Path(folder).exists():
                raise
            return
        for entry in entries:
            name = prefix + entry.name
            with suppress(FileNotFoundError):  # deleted meanwhile, or a link to nothing
                if not entry.is_dir():
                    stat = entry.stat()
                    yield FoundFile(name, stat.st_size, str(stat.st_mtime_ns))
                elif not is_skipped(name):
                    stat = entry.stat()
                    if (stat.st_dev, stat.st_ino) not in seen:  # a link may lead to a parent
                        inside = {*seen, (stat.st_dev, stat.st_ino)}
                        yield from self._local_files(entry.path, f"{name}/", is_skipped, inside)

    def _objects(self, is_skipped: Callable[[str], bool]) -> Iterator[FoundFile]:
        fs, root = self.root.fs, self.root.path.strip("/")

        def find() -> dict[str, dict[str, Any]]:
            fs.invalidate_cache()
            found: dict[str, dict[str, Any]] = fs.find(self.root.path, detail=True)
            fs.invalidate_cache()  # the listing of many objects takes much memory
            return found

        found = self._retried(find)
        while found:
            path, info = found.popitem()
            name = path.strip("/").removeprefix(root).lstrip("/")
            is_file = info.get("type", "file") == "file" and not path.endswith("/")
            if name and is_file and not is_skipped(name.rpartition("/")[0]):
                yield FoundFile(name, int(info.get("size") or 0), mark_of(info))

    def read(self, name: str) -> bytes:
        """Return the content of a file; ApiError if it does not exist."""
        local, path = self._local(name), self._object(name)

        def read() -> bytes:
            if local:
                return local.read_bytes()
            self.root.fs.invalidate_cache(path)
            content: bytes = self.root.fs.cat_file(path)
            return content

        return self._retried(read)

    @contextmanager
    def reading(self, name: str) -> Iterator[Iterable[bytes]]:
        """Yield the lines of a file, in constant memory."""
        local, path = self._local(name), self._object(name)
        file = self._retried(lambda: local.open("rb") if local else self.root.fs.open(path, "rb"))
        try:
            yield self._lines(file)
        finally:
            file.close()

    def _lines(self, file: Any) -> Iterator[bytes]:
        with self._place.errors():
            yield from file

    def read_if_exists(self, name: str) -> bytes | None:
        """Return the content of a file, None if it does not exist."""
        try:
            return self.read(name)
        except ApiError as error:
            if StorageProblem.GONE.meaning in error.message:
                return None
            raise

    def write(self, name: str, content: bytes) -> None:
        """Write a file, and return when it is durable."""
        local, path = self._local(name), self._object(name)
        self._retried(lambda: write_file(local, [content]) if local else self._write_object(path, content))

    def write_chunks(self, name: str, chunks: Callable[[], Iterable[bytes]]) -> None:
        """Write a large file; ``chunks`` is called again for another attempt."""
        local = self._local(name)

        def write() -> None:
            if local:
                write_file(local, chunks())
                return
            with OutputFile(self.path(name), name, self.conn_id).writing() as file:
                for chunk in chunks():
                    file.write(chunk)

        self._retried(write)

    def _write_object(self, path: str, data: bytes) -> None:
        fs = self.root.fs
        if self.root.protocol in ATOMIC_SCHEMES:
            fs.pipe_file(path, data)
            return
        with staged(fs, path, path.rpartition("/")[0]) as name:
            fs.pipe_file(name, data)

    def copy(self, name: str, target: str) -> None:
        """Copy a file within the folder; on object storage nothing is transferred where the storage can."""
        source, copied = self._local(name), self._local(target)

        def copy_file() -> None:
            if source and copied:
                write_file(copied, chunks_of(source))
            elif self.root.protocol in ATOMIC_SCHEMES:
                self.root.fs.cp_file(self._object(name), self._object(target))
            else:
                path = self._object(target)
                with staged(self.root.fs, path, path.rpartition("/")[0]) as temporary:
                    self.root.fs.cp_file(self._object(name), temporary)

        self._retried(copy_file)

    def delete(self, names: Iterable[str]) -> None:
        """Delete files; one that does not exist is no error."""
        names = list(names)
        if folder := self.root.local:
            for name in names:
                self._retried(partial((folder / name).unlink, missing_ok=True))
            return
        for start in range(0, len(names), 1000):
            paths = [self._object(name) for name in names[start : start + 1000]]

            def remove(paths: list[str] = paths) -> None:
                try:
                    self.root.fs.rm(paths)
                except FileNotFoundError:
                    for path in paths:
                        with suppress(FileNotFoundError):
                            self.root.fs.rm_file(path)

            self._retried(remove)

    def _local(self, name: str) -> Path | None:
        return self.root.local / name if self.root.local else None

    def _object(self, name: str) -> str:
        return f"{self.root.path.rstrip('/')}/{name}"

    def _retried(self, action: Callable[[], T]) -> T:
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                with self._place.errors():
                    return action()
            except ApiError as error:
                if attempt == _ATTEMPTS or not error.kind.is_transient:
                    raise
            time.sleep(backoff(attempt))
        raise AssertionError("unreachable: the last attempt returns or raises")


def connection_in(value: PathValue) -> str | None:
    """Return the connection that an address names, as in ``s3://conn_id@bucket/key``."""
    scheme, separator, rest = path_text(value).partition("://")
    user, at, _ = rest.partition("/")[0].rpartition("@")
    return user or None if separator and at and scheme.lower() not in ("file", "local") else None


def mark_of(info: dict[str, Any]) -> str:
    """Return what changes in a listing when an object is written to: its ETag, or a time of change."""
    for name in ("ETag", "md5Hash", "etag", "checksum", "LastModified", "last_modified", "mtime", "updated"):
        if info.get(name):
            return str(info[name]).strip('"')
    return str(info.get("created") or "")
