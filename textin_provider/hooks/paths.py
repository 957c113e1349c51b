"""Paths as users give them, read as Airflow means them: text, ``os.PathLike`` or ``ObjectStoragePath``."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from textin_provider.api.errors import bad_input
from textin_provider.api.inputs import PATH_FIX, check_path, is_object_path
from textin_provider.api.text import one_line, redact_url
from textin_provider.hooks.storage_errors import Place, StorageProblem

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow.providers.common.compat.sdk import ObjectStoragePath

    #: What a parameter that names a file takes.
    PathValue: TypeAlias = str | os.PathLike[str] | ObjectStoragePath

#: fsspec, and so Airflow, takes what follows for the name of a local file, in which nothing is quoted. A user
#: before ``@`` is a connection, which local files do not need.
_LOCAL = re.compile(r"(?:file|local):(?://(?:[^/@]*@)?)?", re.IGNORECASE)
_URL = re.compile(r"([a-z][a-z0-9+.-]+)://(?:([^/]*)@)?(.*)", re.IGNORECASE | re.DOTALL)
#: What pathlib.Path makes of a URL.
_BROKEN_URL = re.compile(r"([a-z][a-z0-9+.-]+):/(?!/)", re.IGNORECASE)
#: The parameter with the connection for each parameter that names files.
_CONN_PARAMETERS = {
    "file": "file_conn_id",
    "files": "file_conn_id",
    "output_path": "output_conn_id",
    "source": "source_conn_id",
}
_ADDRESS_PARAMETERS = {"file": "file_url", "files": "urls"}


@dataclass(frozen=True)
class Location:
    """
    A file or folder, on this worker or on object storage.

    :param parameter: the parameter that names it.
    :param text: the path as text, for manifests, XComs and errors.
    :param path: the path within ``fs``, or on this worker.
    :param fs: the fsspec file system of object storage, None for this worker.
    """

    parameter: str
    text: str
    path: str
    protocol: str = "file"
    fs: Any = field(default=None, repr=False)

    @property
    def local(self) -> Path | None:
        """The path on this worker, None on object storage."""
        return Path(self.path) if self.fs is None else None

    @property
    def name(self) -> str:
        """The last part of the path."""
        return Path(self.path).name

    @property
    def parent(self) -> str:
        """The path of its folder, or the bucket."""
        return self.path.rpartition("/")[0]

    @property
    def about(self) -> str:
        """Parameter and path, as errors name them."""
        return f"{self.parameter}={redact_url(self.text)!r}"

    @property
    def conn_parameter(self) -> str:
        """The parameter with its connection."""
        return _CONN_PARAMETERS.get(self.parameter, "the connection")

    def place(self, action: str, fixes: Mapping[StorageProblem, str]) -> Place:
        """Return the place for errors: what cannot be done there, and fixes of problems."""
        return Place(self.about, action, fixes)

    def info(self) -> dict[str, Any]:
        """
        Return what object storage itself says now: ``size``, ``type``, and its checksum or ETag.

        fsspec keeps listings, in which a new object is missing and a deleted one is listed.
        """
        self.forget_listings()
        found: dict[str, Any] = self.fs.info(self.path)
        return found

    def forget_listings(self) -> None:
        """Drop the listings that fsspec has kept of this path and of its folder."""
        if self.fs is not None:
            for path in (self.path, self.parent):
                with suppress(KeyError):  # of file systems that keep no listing of that folder
                    self.fs.invalidate_cache(path)


def read_path(parameter: str, value: PathValue, conn_id: str | None = None) -> Location:
    """
    Return the location that a parameter names.

    Text that begins with ``file:`` names a local file, without quoting. Other URLs are on object storage, and
    may name their connection, as in ``s3://conn_id@bucket/key``; an ``ObjectStoragePath`` keeps its own.

    :param conn_id: connection for object storage, from the parameter of its own.
    :raises ApiError: if the value is not a path, two connections are named, or Airflow cannot open it.
    """
    local, text = local_path(check_path(parameter, value)), path_text(value)
    if local is None:
        return _read_url(parameter, text, conn_id)
    is_local_url = _LOCAL.match(text) if isinstance(value, str) else None
    if is_local_url and not text[is_local_url.end() :].strip():
        raise bad_input(parameter, text, "it is empty", PATH_FIX)
    if (broken := _BROKEN_URL.match(text)) and not is_local_url:
        fix = "Pass the URL as text or as an ObjectStoragePath: pathlib.Path drops a slash of it"
        raise bad_input(parameter, text, f"it is not a URL of {broken[1]}", fix)
    return Location(parameter, text, str(local))


def local_path(value: PathValue) -> Path | None:
    """Return the path on this worker, None for object storage."""
    if isinstance(value, os.PathLike) and not is_object_path(value):
        return Path(value)
    text = path_text(value)
    if prefix := _LOCAL.match(text):
        text = text[prefix.end() :]
    elif _URL.match(text):
        return None
    # Unlike that of pathlib, it leaves a name alone that begins with a tilde and no user, as fsspec does.
    return Path(os.path.expanduser(text))  # noqa: PTH111


def path_text(value: PathValue) -> str:
    """Return a path as text; that of an ``ObjectStoragePath`` names its connection."""
    if not is_object_path(value):
        return os.fspath(value)  # type: ignore[arg-type]
    path: Any = value
    if path.protocol in ("", "file", "local"):
        return str(path.path)
    conn_id = getattr(path, "conn_id", None)
    return f"{path.protocol}://{conn_id}@{path.path}" if conn_id else str(path)


def _read_url(parameter: str, text: str, conn_id: str | None) -> Location:
    match = _URL.fullmatch(text)
    assert match is not None  # noqa: S101  # local_path has matched it
    protocol, own_conn_id, address = match[1].lower(), match[2], match[3]
    other = _CONN_PARAMETERS.get(parameter, "conn_id")
    if own_conn_id and ":" in own_conn_id:
        fix = f"Put the credentials into an Airflow connection, and pass its id as {other}"
        raise bad_input(parameter, text, "its part before the @ is not the id of a connection", fix)
    if own_conn_id and conn_id and own_conn_id != conn_id:
        problem = f"it names the connection {own_conn_id!r}, and {other} names {conn_id!r}"
        raise bad_input(parameter, text, problem, "Name the connection in one place")
    fs = _file_system(parameter, text, protocol, own_conn_id or conn_id)
    url = f"{protocol}://{address}"
    path = str(fs._strip_protocol(url)).removeprefix(f"{protocol}://")
    return Location(parameter, text, path, protocol, fs)


def _file_system(parameter: str, text: str, protocol: str, conn_id: str | None) -> Any:
    from airflow.providers.common.compat.sdk import AirflowNotFoundException, ObjectStoragePath

    if protocol in ("http", "https"):
        fix = f"Pass the address as {_ADDRESS_PARAMETERS.get(parameter, 'a path or another URL')}"
        raise bad_input(parameter, text, "it is not a path, and not on object storage", fix)
    try:
        # Only the scheme and the connection count: as a URL, a name with # or ? would be cut.
        return ObjectStoragePath(f"{protocol}://bucket/key", conn_id=conn_id).fs
    except AirflowNotFoundException as error:
        fix = "Create that connection, or pass another one"
        raise bad_input(parameter, text, one_line(error), fix) from None
    except (ValueError, ImportError) as error:
        fix = "Install the provider package of that storage, or correct the scheme"
        raise bad_input(parameter, text, f"Airflow cannot open it: {one_line(error)}", fix) from None
    except Exception as error:  # of any class: Airflow's API, a secrets backend, the library of the storage
        raise Place(f"{parameter}={redact_url(text)!r}", "its storage cannot be opened").error(
            error
        ) from None
