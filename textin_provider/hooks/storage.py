"""Files on the worker and on object storage: documents to read, results to write completely or not at all."""

from __future__ import annotations

import hashlib
import secrets
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO
from urllib.parse import unquote, urlsplit

from textin_provider.api.errors import ApiError, bad_input
from textin_provider.api.inputs import Document
from textin_provider.api.text import one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

#: Schemes whose objects appear atomically at the end of an upload; elsewhere a move is atomic.
_ATOMIC_SCHEMES = frozenset({"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "adl", "wasb", "wasbs", "oss"})

_CHUNK_BYTES = 1024 * 1024


def local_path(path: str) -> Path | None:
    """Return the local path of a plain path or ``file://`` URL, None for object storage."""
    if path.startswith("file://"):
        return Path(unquote(urlsplit(path).path))
    return None if "://" in path else Path(path)


@contextmanager
def open_document(parameter: str, file: str, conn_id: str | None = None) -> Iterator[Document]:
    """Open a document from a local path or object storage; errors name the parameter."""
    if not file or not file.strip():
        raise bad_input(parameter, file, "it is empty", "Pass the path or URL of a document")
    path = local_path(file) or _object_path(parameter, file, conn_id)
    try:
        size = path.stat().st_size
        content: BinaryIO = path.open("rb")
    except FileNotFoundError:
        raise bad_input(parameter, file, "it does not exist", _how_to_find(file)) from None
    except OSError as error:
        problem = f"it is not readable: {one_line(error)}"
        raise bad_input(parameter, file, problem, "Check its permissions") from error
    with content:
        yield Document(path.name, size, content)


def check_documents(parameter: str, files: Iterable[str], max_bytes: int, conn_id: str | None = None) -> None:
    """Check before an upload that each of its documents exists and is neither empty nor too large."""
    for file in files:
        with open_document(parameter, file, conn_id) as document:
            document.check_size(parameter, max_bytes)


#: The names that object storages give to an object's digest or version, the most specific first.
_VERSION_FIELDS = ("md5Hash", "ETag", "etag", "checksum")


def document_identity(parameter: str, file: str, conn_id: str | None = None) -> dict[str, Any]:
    """
    Return plain values that identify a document and its content.

    An object is identified by its address and its checksum or ETag; any other document by its name and the
    sha256 of its content, which is read for that.
    """
    with open_document(parameter, file, conn_id) as document:
        if local_path(file) is None:
            stat = _object_path(parameter, file, conn_id).stat()
            version = next((str(stat[name]) for name in _VERSION_FIELDS if stat.get(name)), None)
            if version:
                return {"file": file, "conn_id": conn_id, "size": document.size, "mark": version}
        # Unlike the modification time, a digest distinguishes an edit from a copy on every storage.
        sha256 = hashlib.sha256()
        while chunk := document.content.read(_CHUNK_BYTES):
            sha256.update(chunk)
        return {"name": document.name, "sha256": sha256.hexdigest()}


def _how_to_find(file: str) -> str:
    if local_path(file) is None:
        return "Check the path and file_conn_id"
    return "Check the path on this worker; a fleet of workers shares files on object storage (s3://, gs://)"


def _object_path(parameter: str, path: str, conn_id: str | None) -> Any:
    from airflow.providers.common.compat.sdk import AirflowNotFoundException, ObjectStoragePath

    try:
        found = ObjectStoragePath(path, conn_id=conn_id)
        _ = found.fs  # here Airflow 2 resolves the scheme, and both versions the connection
    except (ValueError, ImportError) as error:
        fix = "Install the provider package of that storage, or correct the scheme"
        raise bad_input(parameter, path, f"Airflow cannot open it: {one_line(error)}", fix) from None
    except AirflowNotFoundException as error:
        fix = "Create that connection, or pass another one"
        raise bad_input(parameter, path, one_line(error), fix) from None
    return found


class _Digest:
    """A file that counts and hashes what is written to it."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.hash = hashlib.sha256()
        self.size = 0

    def write(self, data: bytes) -> None:
        self._file.write(data)
        self.hash.update(data)
        self.size += len(data)


class OutputFile:
    """
    A file to write, which appears completely or not at all.

    :param path: local path or object storage URL of the file; one that ends with ``/`` is a directory.
    :param name: name of the file in a directory.
    :param conn_id: connection for object storage.
    :param overwrite: whether an existing file may be replaced.
    """

    def __init__(self, path: str, name: str, conn_id: str | None = None, *, overwrite: bool = True) -> None:
        if not path or not path.strip():
            raise bad_input("output_path", path, "it is empty", "Pass the path or URL of the file to write")
        path = f"{path}{name}" if path.endswith("/") else path
        self.path = path
        self._overwrite = overwrite
        self._local = local_path(path)
        self._target: Any = self._local or _object_path("output_path", path, conn_id)

    def check(self) -> None:
        """Check before the download whether the file can be written, and may be replaced if it exists."""
        try:
            exists = self._target.exists()
            is_folder = exists and self._target.is_dir()
            if self._local:
                self._local.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise self._unwritable(error) from error
        if is_folder:
            raise bad_input("output_path", self.path, "it is a directory", "End it with / to write into it")
        if exists and not self._overwrite:
            raise bad_input("output_path", self.path, "it exists already", "Set overwrite=True to replace it")

    @contextmanager
    def writing(self) -> Iterator[_Digest]:
        """Yield the file to write to; the end of the block moves it into place, an error deletes it."""
        folder = self._local.parent if self._local else Path(tempfile.gettempdir())
        temporary = folder / f".textin-{secrets.token_hex(8)}.part"
        try:
            with temporary.open("xb") as file:
                digest = _Digest(file)
                yield digest
            self._move_into_place(temporary)
        except OSError as error:
            raise self._unwritable(error) from error
        finally:
            temporary.unlink(missing_ok=True)

    def manifest(self, written: _Digest) -> dict[str, Any]:
        """Return the manifest of the file: ``{"output_path", "size_bytes", "sha256"}``."""
        return {"output_path": self.path, "size_bytes": written.size, "sha256": written.hash.hexdigest()}

    def _move_into_place(self, temporary: Path) -> None:
        if self._local:
            temporary.replace(self._local)
            return
        fs, final = self._target.fs, self._target.path
        if self._target.protocol in _ATOMIC_SCHEMES:
            fs.put_file(str(temporary), final)
            return
        staged = f"{final}.{secrets.token_hex(8)}.part"
        fs.makedirs(final.rpartition("/")[0], exist_ok=True)
        try:
            fs.put_file(str(temporary), staged)
            fs.mv(staged, final)
        except BaseException:
            if fs.exists(staged):
                fs.rm_file(staged)
            raise

    def _unwritable(self, error: OSError) -> ApiError:
        fix = "Check its folder and permissions, and the space left there"
        return bad_input("output_path", self.path, f"it cannot be written: {one_line(error)}", fix)
