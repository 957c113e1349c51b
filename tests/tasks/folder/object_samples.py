"""Object storage in memory, for the tests of sources."""

from __future__ import annotations

import errno
from io import BytesIO
from typing import TYPE_CHECKING, Any

from textin_provider.hooks import paths

if TYPE_CHECKING:
    import pytest


class OpenObject(BytesIO):
    """An object that is read, and knows its size."""

    def __init__(self, content: bytes) -> None:
        super().__init__(content)
        self.size = len(content)


class Objects:
    """A file system of fsspec, as far as sources use one."""

    def __init__(self, files: dict[str, dict[str, Any]]) -> None:
        self.files = files
        self.contents: dict[str, bytes] = {}
        self.opened: list[OpenObject] = []
        self.conn_ids: list[str | None] = []
        self.error: Exception | None = None

    def install(self, monkeypatch: pytest.MonkeyPatch) -> Objects:
        def opened(_parameter: str, _text: str, _protocol: str, conn_id: str | None) -> Objects:
            self.conn_ids.append(conn_id)
            return self

        monkeypatch.setattr(paths, "_file_system", opened)
        return self

    def _strip_protocol(self, url: str) -> str:
        return url.partition("://")[2].rstrip("/")

    def invalidate_cache(self, path: str | None = None) -> None:
        pass

    def info(self, path: str) -> dict[str, Any]:
        if self.error:
            raise self.error
        if path in self.files:
            return self.files[path]
        if any(name.startswith(f"{path}/") for name in self.files):
            return {"type": "directory", "size": 0}
        raise FileNotFoundError(errno.ENOENT, "no such object", path)

    def find(self, path: str, *, detail: bool) -> dict[str, dict[str, Any]]:
        assert detail
        return {name: info for name, info in self.files.items() if name.startswith(f"{path}/")}

    def open(self, path: str, mode: str) -> OpenObject:
        assert mode == "rb"
        self.opened.append(OpenObject(self.contents[path]))
        return self.opened[-1]
