"""Processing of uploaded files: download, read in a thread, finish after the scripted time."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING

from textin_provider.testing.background import DownloadError
from textin_provider.testing.docflow import status as st
from textin_provider.testing.docflow.extract import read_file
from textin_provider.testing.docflow.files import File, Reading
from textin_provider.testing.docflow.upload_request import check_size
from textin_provider.testing.documents import UnreadableError
from textin_provider.testing.responses import FILE_TYPE_UNSUPPORTED, Refusal

if TYPE_CHECKING:
    from textin_provider.testing.background import Background
    from textin_provider.testing.docflow.registry import FileRegistry
    from textin_provider.testing.uploads import Upload

log = logging.getLogger("textin_provider.testing")


class FileRunner:
    """Processes the uploaded files of one server."""

    def __init__(self, files: FileRegistry, background: Background, max_file_bytes: int) -> None:
        self._files = files
        self.background = background
        self.max_file_bytes = max_file_bytes

    async def start(self, file: File, upload: Upload | None) -> None:
        """Process a file in the background, or read it at once if its script lists statuses."""
        if file.script.statuses:
            await self._read(file, upload)
        else:
            self.background.start(self._run(file, upload))

    async def _run(self, file: File, upload: Upload | None) -> None:
        await self._read(file, upload)
        if file.script.ends:
            await asyncio.sleep(max(0.0, file.timeline.ready_at - time.monotonic()))
            status = file.status(time.monotonic())
            log.info("file %s ended with recognition_status %d: %s", file.file_id, status, file.name)

    async def _read(self, file: File, upload: Upload | None) -> None:
        self._files.set_reading(file, await self._reading(file, upload))

    async def _reading(self, file: File, upload: Upload | None) -> Reading:
        background = self.background
        try:
            if upload is None and file.url is not None:
                upload = await background.download(file.url, self.max_file_bytes)
                check_size(upload, self.max_file_bytes)
            if upload is None:
                return Reading()
            file.size, file.sha256 = upload.size, upload.sha256
            return await background.run_in_thread(read_file, upload, file.options)
        except DownloadError as exc:
            return Reading(pages=(), failure_causes=f"the url {exc}")
        except Refusal as exc:
            cause = st.UNSUPPORTED if exc.code == FILE_TYPE_UNSUPPORTED else str(exc)
            return Reading(pages=(), failure_causes=cause)
        except UnreadableError as exc:
            return Reading(pages=(), failure_causes=str(exc))
        except Exception as exc:
            log.exception("file %s: the document could not be read", file.file_id)
            return Reading(pages=(), failure_causes=f"document could not be read: {type(exc).__name__}")
        finally:
            if upload is not None:
                upload.discard()
