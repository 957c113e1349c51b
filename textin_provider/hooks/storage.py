"""Files on the worker and on object storage: documents to read, results to write completely or not at all."""

from __future__ import annotations

import hashlib
import logging
import secrets
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from textin_provider.api.errors import ApiError, ErrorKind, bad_input
from textin_provider.api.inputs import Document, check_path
from textin_provider.api.text import one_line
from textin_provider.hooks.local_files import TEMPORARY_SUFFIX
from textin_provider.hooks.paths import local_path, path_text, read_path
from textin_provider.hooks.source import Source, sha256_of, source_place
from textin_provider.hooks.storage_errors import Place, StorageProblem, problem_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from textin_provider.hooks.paths import PathValue

log = logging.getLogger(__name__)

#: Schemes whose objects appear atomically at the end of an upload; elsewhere a move is atomic.
ATOMIC_SCHEMES = frozenset({"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "adl", "wasb", "wasbs", "oss"})


@contextmanager
def open_document(parameter: str, file: PathValue, conn_id: str | None = None) -> Iterator[Document]:
    """
    Open a document from a local path or object storage.

    :raises ApiError: names the parameter and the path; also when the document is read.
    """
    location = read_path(parameter, file, conn_id)
    source = Source(location)
    try:
        yield Document(location.name, source.size, cast("BinaryIO", source), location.about)
    finally:
        source.close()


#: The names that object storages give to an object's digest or version, the most specific first.
_VERSION_FIELDS = ("md5Hash", "ETag", "etag", "checksum")


def document_identity(parameter: str, file: PathValue, conn_id: str | None = None) -> dict[str, Any]:
    """
    Return plain values that identify a document and its content.

    An object is identified by its address and its checksum or ETag; any other document by its name and the
    sha256 of its content, which is read for that.
    """
    location = read_path(parameter, file, conn_id)
    if location.fs is not None:
        with source_place(location).errors():
            info = location.info()
        if version := next((str(info[name]) for name in _VERSION_FIELDS if info.get(name)), None):
            return {"file": location.text, "conn_id": conn_id, "size": info.get("size"), "mark": version}
    # Unlike the modification time, a digest distinguishes an edit from a copy on every storage.
    with open_document(parameter, file, conn_id) as document:
        return {"name": document.name, "sha256": sha256_of(document.content)}


class _Digest:
    """A file that counts and hashes what is written to it."""

    def __init__(self, file: BinaryIO, place: Place) -> None:
        self._file = file
        self._place = place
        self.hash = hashlib.sha256()
        self.size = 0

    def write(self, data: bytes) -> None:
        try:
            self._file.write(data)
        except OSError as error:
            raise self._place.error(error) from None
        self.hash.update(data)
        self.size += len(data)


class OutputFile:
    """
    A file to write, which appears completely or not at all.

    :param path: local path or object storage URL of the file; one that ends with ``/`` is a directory, and so
        is a :class:`pathlib.Path` of a directory that exists.
    :param name: name of the file in a directory.
    :param conn_id: connection for object storage.
    :param overwrite: whether an existing file may be replaced.
    """

    def __init__(
        self, path: PathValue, name: str, conn_id: str | None = None, *, overwrite: bool = True
    ) -> None:
        self._location = read_path("output_path", _file_in(path, name), conn_id)
        self._overwrite = overwrite
        fixes = {StorageProblem.GONE: "Create its bucket or folder, or correct the path"}
        if self._location.local:
            fixes[StorageProblem.DENIED] = "Check its folder and permissions"
        else:
            fixes[StorageProblem.DENIED] = f"Check that {self._location.conn_parameter} may write there"
        self._place = Place(self._location.about, "the target cannot be written", fixes)

    @property
    def path(self) -> str:
        """The path of the file as text."""
        return self._location.text

    def check(self) -> None:
        """Check before the download whether the file can be written, and may be replaced if it exists."""
        with self._place.errors():
            found = self._local_type() if self._location.local else self._object_type()
        if found == "directory":
            raise bad_input("output_path", self.path, "it is a directory", "End it with / to write into it")
        if found and not self._overwrite:
            raise bad_input("output_path", self.path, "it exists already", "Set overwrite=True to replace it")

    def _local_type(self) -> str | None:
        """Return what exists under the path, and make its folder if nothing does."""
        path = Path(self._location.path)
        if path.is_dir():
            return "directory"
        path.parent.mkdir(parents=True, exist_ok=True)
        return "file" if path.exists() else None

    def _object_type(self) -> str | None:
        """Return what exists under the path, None for nothing in a bucket that exists."""
        fs, bucket = self._location.fs, self._location.path.lstrip("/").partition("/")[0]
        try:
            return str(self._location.info().get("type", "file"))
        except Exception as error:  # of any class: storage libraries have no common one
            if problem_of(error) is not StorageProblem.GONE:
                raise
        if self._location.protocol in ATOMIC_SCHEMES:
            try:
                for listed in (bucket, ""):
                    fs.invalidate_cache(listed)
                fs.info(bucket)
            except Exception as error:
                # A role that may write into a bucket need not be allowed to read its metadata.
                if problem_of(error) is StorageProblem.GONE:
                    raise
        return None

    @contextmanager
    def writing(self) -> Iterator[_Digest]:
        """Yield the file to write to; the end of the block moves it in place, an error deletes it."""
        local = self._location.local
        folder = local.parent if local else _temporary_folder()
        place = self._place if local else _temporary_place(folder)
        temporary = folder / f".textin-{secrets.token_hex(8)}{TEMPORARY_SUFFIX}"
        with place.errors():
            file = temporary.open("xb")
        try:
            try:
                digest = _Digest(file, place)
                yield digest
            except BaseException:
                with suppress(OSError):
                    file.close()
                raise
            with place.errors():
                file.close()
            with self._place.errors():
                self._move_into_place(temporary)
        finally:
            _delete(temporary)

    def manifest(self, written: _Digest) -> dict[str, Any]:
        """Return the manifest of the file: ``{"output_path", "size_bytes", "sha256"}``."""
        return {"output_path": self.path, "size_bytes": written.size, "sha256": written.hash.hexdigest()}

    def _move_into_place(self, temporary: Path) -> None:
        if self._location.local:
            temporary.replace(self._location.local)
            return
        fs, final = self._location.fs, self._location.path
        if self._location.protocol in ATOMIC_SCHEMES:
            fs.put_file(str(temporary), final)
            return
        with staged(fs, final, self._location.parent) as name:
            fs.put_file(str(temporary), name)


@contextmanager
def staged(fs: Any, target: str, folder: str) -> Iterator[str]:
    """Yield a name to write an object under; the end of the block moves it in place, an error deletes it."""
    name = f"{target}.{secrets.token_hex(8)}{TEMPORARY_SUFFIX}"
    fs.makedirs(folder, exist_ok=True)
    try:
        yield name
        _move(fs, name, target)
    except BaseException:
        with suppress(Exception):  # the first error is raised
            if fs.exists(name):
                fs.rm_file(name)
        raise


def _move(fs: Any, source: str, target: str) -> None:
    """Move an object: in one step where the storage can, without taking ``?`` in its name for a pattern."""
    from fsspec import AbstractFileSystem

    if type(fs).mv is not AbstractFileSystem.mv:
        fs.mv(source, target)
    else:
        fs.cp_file(source, target)
        fs.rm_file(source)


def _file_in(path: PathValue, name: str) -> PathValue:
    """Return the path of the file to write: the path itself, or the file of that name in a directory."""
    check_path("output_path", path)
    text = path_text(path)
    if text.endswith("/"):
        return f"{text}{name}"
    if not isinstance(path, str) and (folder := local_path(path)):
        with suppress(OSError):  # check() raises the error
            return folder / name if folder.is_dir() else folder
    return path


def results_folder(path: PathValue) -> PathValue:
    """Return the ``output_path`` of many results: a directory with ``/`` at its end, or with ``{job_id}``."""
    check_path("output_path", path)
    text = path_text(path)
    if "{job_id}" in text:
        return path
    if isinstance(path, str) and not text.endswith("/"):
        fix = "End it with /: job_id is a list, and each result is a separate file in the directory"
        raise bad_input("output_path", text, "it is not a directory", fix)
    return f"{text.rstrip('/')}/"


def _temporary_folder() -> Path:
    try:
        return Path(tempfile.gettempdir())
    except OSError as error:  # none of the usual folders can be written, or all are full
        fix = "Free space there, or set TMPDIR to a folder of this worker"
        raise ApiError(
            ErrorKind.STORAGE, about="Temporary folder", message=one_line(error), fix=fix
        ) from None


def _temporary_place(folder: Path) -> Place:
    fix = "Free space there, or set TMPDIR to another folder of this worker"
    return Place(
        f"Temporary folder {str(folder)!r}",
        "the folder cannot be written",
        dict.fromkeys(StorageProblem, fix),
    )


def _delete(temporary: Path) -> None:
    try:
        temporary.unlink(missing_ok=True)
    except OSError as error:  # not raised: it would hide the first error
        log.warning("The temporary file %s could not be deleted: %s", temporary, one_line(error))
