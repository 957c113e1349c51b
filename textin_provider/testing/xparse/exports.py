"""Export files of results: their entries in a result, and their download."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from textin_provider.testing.documents.export_files import FORMATS, write_export
from textin_provider.testing.responses import NOT_FOUND, PARAMETER_ERROR, FileBody, HttpResponse, Refusal
from textin_provider.testing.routing import Route, RoutedRequest

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from textin_provider.testing.scripts import JobScript

EXPORT_PATH = "/export_file/download"
LIFETIME = 30 * 24 * 3600.0


@dataclass(frozen=True, slots=True)
class _ExportFile:
    path: Path
    expires: float


class ExportFiles:
    """The export files of one running server, in the directory ``spool``."""

    def __init__(self, spool: Path) -> None:
        self._spool = spool
        self._files: dict[str, _ExportFile] = {}

    def route(self) -> Route:
        """Return the route of the download; another app learns no more than that the file does not exist."""
        return Route("export", "GET", EXPORT_PATH, self.download, foreign_app_code=NOT_FOUND)

    async def download(self, request: RoutedRequest) -> HttpResponse:
        """Return the bytes of one export file."""
        file_ids = parse_qs(request.query).get("file_id", [])
        if len(file_ids) != 1:
            raise Refusal(PARAMETER_ERROR, "file_id: it is required, once")
        file = self._files.get(file_ids[0])
        if file is None or time.monotonic() >= file.expires:
            raise Refusal(NOT_FOUND, "the export file has expired, or was never there")
        return HttpResponse(FileBody(file.path), content_type="application/octet-stream")

    def entries(
        self, result: Mapping[str, Any], config: Mapping[str, Any], script: JobScript
    ) -> list[dict[str, Any]]:
        """Write the files that the config asks for, and return the ``exports`` of the result; blocking."""
        formats = [export["format"] for export in config.get("exports", [])]
        return [
            _failure(name) if name in script.failed_exports else self._success(name, result, script)
            for name in formats
        ]

    def _success(self, name: str, result: Mapping[str, Any], script: JobScript) -> dict[str, Any]:
        lifetime = LIFETIME if script.export_lifetime is None else script.export_lifetime
        file_id = f"{secrets.token_hex(16)}.{name}"
        path = self._spool / file_id
        write_export(name, result, path)
        self._files[file_id] = _ExportFile(path, time.monotonic() + lifetime)
        expires_at = datetime.now(UTC) + timedelta(seconds=lifetime)
        file = {
            "file_id": file_id,
            "mime_type": FORMATS[name].mime,
            "size": path.stat().st_size,
            "expires_at": expires_at.isoformat(timespec="seconds"),
        }
        return {"format": name, "status": "success", "file": file, "warnings": []}


def _failure(name: str) -> dict[str, Any]:
    error = {"message": f"export to {name} failed"}
    return {"format": name, "status": "fail", "warnings": [], "error": error}
