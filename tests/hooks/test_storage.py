"""Files that fail while they are read or written: which place, what it is, and nothing left behind."""

from __future__ import annotations

import errno
import io
import os
import resource
import tempfile
import uuid
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from fsspec.implementations.memory import MemoryFileSystem

from tests.airflow_versions import attach
from textin_provider.api.errors import ApiError
from textin_provider.api.inputs import Document
from textin_provider.api.xparse.endpoints import submit_job
from textin_provider.exceptions import TextInError, TextInRequestError, TextInStorageError
from textin_provider.hooks.requests_transport import send
from textin_provider.hooks.storage import OutputFile, open_document

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from textin_provider.hooks.textin import TextInHook
    from textin_provider.testing import TextInServer

SIZE = 200_000


@contextmanager
def file_size_limit(size: int) -> Iterator[None]:
    """Let the operating system refuse larger files, as a full disk does."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@pytest.fixture
def memory() -> str:
    """Return the URL of a bucket of its own on an object storage that lives in memory."""
    attach(protocol="memory", fs=MemoryFileSystem())
    return f"memory://{uuid.uuid4().hex}"


def write(path: str, content: bytes) -> OutputFile:
    output = OutputFile(path, "r.json")
    output.check()
    with output.writing() as file:
        file.write(content)
    return output


def test_a_full_disk_of_the_target_is_told_as_such(tmp_path: Path) -> None:
    path = str(tmp_path / "r.json")
    words = "no space is left: the target cannot be written"
    with file_size_limit(10_000), pytest.raises(TextInStorageError, match=words) as caught:
        write(path, b"x" * SIZE)
    assert str(caught.value).startswith(f"output_path={path!r}: ")
    assert list(tmp_path.iterdir()) == []


def test_a_full_temporary_folder_is_named_and_the_target_is_not(
    tmp_path: Path, memory: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(TextInStorageError, match="no space is left") as caught, file_size_limit(10_000):
        write(f"{memory}/r.json", b"x" * SIZE)
    assert f"Temporary folder '{tmp_path}'" in str(caught.value)
    assert "output_path" not in str(caught.value)
    assert "TMPDIR" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("folder", ["gone", "a file"])
def test_a_temporary_folder_that_cannot_be_used_is_named(
    tmp_path: Path, memory: str, monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    (tmp_path / "a file").touch()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / folder))
    with pytest.raises(TextInError) as caught:
        write(f"{memory}/r.json", b"x")
    assert f"Temporary folder '{tmp_path / folder}'" in str(caught.value)
    assert "output_path" not in str(caught.value)


def test_no_temporary_folder_at_all_is_told(memory: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def none() -> str:
        raise FileNotFoundError(errno.ENOENT, "No usable temporary directory found in ['/tmp']")

    monkeypatch.setattr(tempfile, "gettempdir", none)
    with pytest.raises(TextInStorageError, match=r"Temporary folder: .*No usable"):
        write(f"{memory}/r.json", b"x")


class Broken(BaseException):
    """Such as the end of the worker."""


@pytest.mark.parametrize("first", [ApiError, TypeError, OSError, Broken])
@pytest.mark.parametrize("scheme", ["local", "memory"])
def test_deleting_the_temporary_file_does_not_hide_the_first_error(
    tmp_path: Path,
    memory: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    first: type[BaseException],
    scheme: str,
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "not deleted")

    error: BaseException = (
        TextInStorageError.from_dict({"kind": "storage", "about": "a", "message": "m"})
        if first is ApiError
        else first("the first")
    )
    monkeypatch.setattr(Path, "unlink", fail)
    output = OutputFile(f"{tmp_path}/r.json" if scheme == "local" else f"{memory}/r.json", "r.json")
    with pytest.raises(BaseException) as caught, output.writing():  # noqa: PT011
        raise error

    # Errors of the block are its own, not those of the storage.
    assert caught.value is error
    assert "could not be deleted" in caplog.text


def test_cleaning_up_an_object_does_not_hide_why_it_was_not_moved(
    memory: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise PermissionError("not deleted")

    def busy(*_: object, **__: object) -> None:
        raise TimeoutError("not moved")

    monkeypatch.setattr(MemoryFileSystem, "mv", busy)
    monkeypatch.setattr(MemoryFileSystem, "rm_file", fail)
    with pytest.raises(TextInStorageError, match="not moved"):
        write(f"{memory}/r.json", b"x")


def test_a_write_of_what_is_not_bytes_is_our_own_error(tmp_path: Path) -> None:
    content: Any = "text"
    with pytest.raises(TypeError):
        write(str(tmp_path / "r.json"), content)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "change",
    [
        lambda path: path.write_bytes(b"y" * SIZE),
        lambda path: path.write_bytes(b"y" * (SIZE - 1)),
        lambda path: path.write_bytes(b"y" * (SIZE + 1)),
        lambda path: path.write_bytes(b""),
        lambda path: os.truncate(path, 100),
    ],
    ids=["same length", "shorter", "longer", "empty", "cut"],
)
def test_a_local_file_that_changes_while_it_is_read_is_told(tmp_path: Path, change: Any) -> None:
    path = tmp_path / "a.md"
    path.write_bytes(b"x" * SIZE)
    os.utime(path, (1, 1))
    with open_document("file", str(path)) as document:
        document.content.read(1000)
        change(path)
        with pytest.raises(TextInStorageError, match=f"file='{path}': it was changed") as caught:
            document.content.read(1000)
    assert "Nothing was accepted" in str(caught.value)


def test_a_local_file_that_is_replaced_while_it_is_read_is_read_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "a.md"
    path.write_bytes(b"x" * SIZE)
    with open_document("file", str(path)) as document:
        (tmp_path / "new").write_bytes(b"y")
        (tmp_path / "new").replace(path)
        assert document.content.read() == b"x" * SIZE


class Failing(io.BytesIO):
    """A file that fails at an offset."""

    def __init__(self, content: bytes, error: Exception, at: int) -> None:
        super().__init__(content)
        self._error, self._at = error, at

    def read(self, size: int | None = -1) -> bytes:
        if self.tell() >= self._at:
            raise self._error
        return super().read(size)


@pytest.mark.parametrize("at", [0, 50_000, SIZE])
@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (OSError(errno.EIO, "broken disk"), TextInStorageError),
        (BrokenPipeError(errno.EPIPE, "broken pipe"), TextInStorageError),
        (ConnectionResetError(errno.ECONNRESET, "reset"), TextInStorageError),
        (TimeoutError("too slow"), TextInStorageError),
        (ValueError("odd"), TextInStorageError),
        (MemoryError(), TextInStorageError),
        (PermissionError(errno.EACCES, "no"), TextInRequestError),
        (FileNotFoundError(errno.ENOENT, "gone"), TextInRequestError),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
@pytest.mark.parametrize("through", ["storage", "hand"])
def test_an_error_of_the_source_is_not_one_of_the_network(
    hook: TextInHook,
    textin: TextInServer,
    memory: str,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    expected: type[TextInError],
    at: int,
    through: str,
) -> None:
    file = Failing(b"x" * SIZE, error, at)
    file.size = SIZE  # type: ignore[attr-defined]
    monkeypatch.setattr(MemoryFileSystem, "open", lambda *_, **__: file)
    request = submit_job(document=Document("a.md", SIZE, file))
    submits: dict[str, Callable[[], object]] = {
        "hand": lambda: send(hook.get_conn(), request, hook.connection),
        "storage": lambda: hook.submit_xparse_job(f"{memory}/a.md"),
    }
    with pytest.raises(expected) as caught:
        submits[through]()

    assert type(caught.value) is expected
    assert "the source is not readable" in str(caught.value)
    assert ("file='memory://" if through == "storage" else "a.md") in str(caught.value)
    assert "may have been accepted" not in str(caught.value)
    assert textin.submissions == 0


def test_closing_a_source_does_not_lose_the_job(
    hook: TextInHook, textin: TextInServer, memory: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Unclosable(io.BytesIO):
        size = 5

        def close(self) -> None:
            raise OSError(errno.EIO, "not closed")

    monkeypatch.setattr(MemoryFileSystem, "open", lambda *_, **__: Unclosable(b"# Hi\n"))
    assert hook.submit_xparse_job(f"{memory}/a.md") in textin.jobs


def test_a_size_that_the_storage_does_not_know_is_told(memory: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MemoryFileSystem, "open", lambda *_, **__: io.BytesIO(b"x"))
    monkeypatch.setattr(MemoryFileSystem, "info", lambda *_, **__: {"type": "file", "size": None})
    with (
        pytest.raises(TextInStorageError, match="does not know its size"),
        open_document("file", f"{memory}/a"),
    ):
        pass
