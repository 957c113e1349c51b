"""Files on the worker and on object storage: documents to read, results that arrive whole or not at all."""

from __future__ import annotations

import hashlib
import secrets
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO
from urllib.parse import unquote, urlsplit

from textin_provider.api.document import Document
from textin_provider.api.errors import ApiError, bad_input, one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

#: Schemes whose objects appear whole when the upload ends; elsewhere a move makes files do so.
_ATOMIC_SCHEMES = frozenset({"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "adl", "wasb", "wasbs", "oss"})

_CHUNK_BYTES = 1024 * 1024


def local_path(path: str) -> Path | None:
    """Return the local path that a plain path or ``file://`` URL names, None for object storage."""
    if path.startswith("file://"):
        return Path(unquote(urlsplit(path).path))
    return None if "://" in path else Path(path)


@contextmanager
def open_document(parameter: str, file: str, conn_id: str | None = None) -> Iterator[Document]:
    """
    Open a document for reading, from a local path or object storage.

    :param parameter: the name that errors give it.
    :raises ApiError: if it is missing, no file, or not readable.
    """
    if not file or not file.strip():
        raise bad_input(parameter, file, "it is empty", "Give the path or URL of a document")
    path = local_path(file) or _object_path(parameter, file, conn_id)
    try:
        size = path.stat().st_size
        content: BinaryIO = path.open("rb")
    except FileNotFoundError:
        raise bad_input(parameter, file, "it does not exist", _how_to_find(file)) from None
    except OSError as error:
        raise bad_input(
            parameter, file, f"it is not readable: {one_line(error)}", "Check its permissions"
        ) from error
    with content:
        yield Document(path.name, size, content)


def check_documents(parameter: str, files: Iterable[str], max_bytes: int, conn_id: str | None = None) -> None:
    """
    Flow at documents that are to be sent together, before the first of them is.

    :raises ApiError: for the first that is missing, empty or too large.
    """
    for file in files:
        with open_document(parameter, file, conn_id) as document:
            document.check_size(parameter, max_bytes)


#: What object storages call the digest of an object or the mark of its version, the most telling first.
_MARKS = ("md5Hash", "ETag", "etag", "checksum")


def document_identity(parameter: str, file: str, conn_id: str | None = None) -> dict[str, Any]:
    """
    Return plain values that stay the same exactly as long as a document does.

    An object is known by its address and the mark that its storage gives (checksum, ETag); anything else by
    its name and the sha256 of its content, which is read for it.

    :raises ApiError: if it is missing, no file, or not readable.
    """
    with open_document(parameter, file, conn_id) as document:
        if local_path(file) is None:
            known = _object_path(parameter, file, conn_id).stat()
            mark = next((str(known[name]) for name in _MARKS if known.get(name)), None)
            if mark:
                return {"file": file, "conn_id": conn_id, "size": document.size, "mark": mark}
        # Unlike the time of the last change, this tells an edit from a copy, whatever the storage.
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
        _ = found.fs  # where Airflow 2 looks the scheme up, and both look for the connection
    except (ValueError, ImportError) as error:
        fix = "Install the provider package of that storage, or correct the scheme"
        raise bad_input(parameter, path, f"Airflow cannot open it: {one_line(error)}", fix) from None
    except AirflowNotFoundException as error:
        fix = "Create that connection, or name another one"
        raise bad_input(parameter, path, one_line(error), fix) from None
    return found


class _Digest:
    """A file being written that counts and hashes on the way."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._hash = hashlib.sha256()
        self.size = 0

    def write(self, data: bytes) -> None:
        self._file.write(data)
        self._hash.update(data)
        self.size += len(data)

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()


class OutputFile:
    """
    A place for one file, which appears there whole or not at all.

    :param path: local path or object storage URL of the file; one that ends with ``/`` is a directory.
    :param name: what the file is called in a directory.
    :param conn_id: connection for object storage.
    :param overwrite: whether a file that is already there may be replaced.
    """

    def __init__(self, path: str, name: str, conn_id: str | None = None, *, overwrite: bool = True) -> None:
        if not path or not path.strip():
            raise bad_input("output_path", path, "it is empty", "Give the path or URL of the file to write")
        path = f"{path}{name}" if path.endswith("/") else path
        self.path = path
        self._overwrite = overwrite
        self._local = local_path(path)
        self._target: Any = self._local or _object_path("output_path", path, conn_id)

    def check(self) -> None:
        """
        Find out before the download whether the file can be written.

        :raises ApiError: if it exists and may not be replaced, or its folder cannot be made.
        """
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
        """
        Yield what to write to. The file is put in place when the block ends well, and dropped otherwise.

        :raises ApiError: if it cannot be written.
        """
        folder = self._local.parent if self._local else Path(tempfile.gettempdir())
        beside = folder / f".textin-{secrets.token_hex(8)}.part"
        try:
            with beside.open("xb") as file:
                digest = _Digest(file)
                yield digest
            self._put_in_place(beside)
        except OSError as error:
            raise self._unwritable(error) from error
        finally:
            beside.unlink(missing_ok=True)

    def manifest(self, written: _Digest) -> dict[str, Any]:
        """Return what was written where: ``{"output_path", "size_bytes", "sha256"}``."""
        return {"output_path": self.path, "size_bytes": written.size, "sha256": written.sha256}

    def _put_in_place(self, beside: Path) -> None:
        if self._local:
            beside.replace(self._local)
            return
        fs, final = self._target.fs, self._target.path
        if self._target.protocol in _ATOMIC_SCHEMES:
            fs.put_file(str(beside), final)
            return
        staged = f"{final}.{secrets.token_hex(8)}.part"
        fs.makedirs(final.rpartition("/")[0], exist_ok=True)
        try:
            fs.put_file(str(beside), staged)
            fs.mv(staged, final)
        except BaseException:
            if fs.exists(staged):
                fs.rm_file(staged)
            raise

    def _unwritable(self, error: OSError) -> ApiError:
        fix = "Check its folder and permissions, and the space left there"
        return bad_input("output_path", self.path, f"it cannot be written: {one_line(error)}", fix)
