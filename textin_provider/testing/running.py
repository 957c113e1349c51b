"""What a server is told, what it remembers, and the parts that exist only while it runs."""

from __future__ import annotations

import secrets
import socket
import tempfile
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from textin_provider.testing.docflow.files import Reading
from textin_provider.testing.docflow.synthetic import synthetic_data
from textin_provider.testing.faults import FaultQueue
from textin_provider.testing.uploads import Upload
from textin_provider.testing.xparse.jobs import Job

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textin_provider.testing.docflow.listing import Quirks
    from textin_provider.testing.docflow.script import FileScript
    from textin_provider.testing.docflow.store import FileStore
    from textin_provider.testing.journal import Journal
    from textin_provider.testing.outbound import Delivery
    from textin_provider.testing.xparse.jobs import JobStore
    from textin_provider.testing.xparse.script import JobScript

HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Settings:
    """What a server is told once; see :class:`TextInServer`."""

    port: int
    app_id: str
    secret_code: str = field(repr=False)
    workspaces: Sequence[str]
    max_file_bytes: int
    max_docflow_file_bytes: int


@dataclass(frozen=True, slots=True)
class Memory:
    """What stays when a server is stopped."""

    journal: Journal
    jobs: JobStore
    files: FileStore
    quirks: Quirks
    faults: FaultQueue = field(default_factory=FaultQueue)
    webhooks: list[Delivery] = field(default_factory=list)


class Running:
    """A server that runs."""

    def __init__(self, settings: Settings, memory: Memory) -> None:
        from textin_provider.testing.app import Application, Credentials
        from textin_provider.testing.background import Background
        from textin_provider.testing.docflow.endpoints import DocFlow
        from textin_provider.testing.docflow.reader import Reader
        from textin_provider.testing.hosting import Host
        from textin_provider.testing.xparse.endpoints import XParse
        from textin_provider.testing.xparse.runner import Runner

        listener = _listener(settings.port)
        self.url = f"http://{HOST}:{listener.getsockname()[1]}"
        self._spool = tempfile.TemporaryDirectory(prefix="local-textin-")
        self._files = memory.files
        self._workspace_id = settings.workspaces[0]
        background = Background(Path(self._spool.name))
        runner = Runner(background, settings.max_file_bytes, memory.webhooks)
        self._xparse = XParse(memory.jobs, runner, self.url, settings.max_file_bytes)
        docflow = DocFlow(
            memory.files,
            Reader(memory.files, background, settings.max_docflow_file_bytes),
            workspaces=settings.workspaces,
            quirks=memory.quirks,
            base_url=self.url,
        )
        routes = [*self._xparse.routes(), *docflow.routes()]
        self._credentials = Credentials(settings.app_id, settings.secret_code)
        app = Application(routes, self._credentials, memory.journal, memory.faults)
        self._host = Host(app, listener, memory.journal.connected, background.close)
        try:
            self._host.start()
        except BaseException:
            listener.close()
            self._spool.cleanup()
            raise

    def stop(self) -> None:
        """Drop all connections; return when thread, socket and files are gone."""
        self._host.stop()
        self._spool.cleanup()

    def rotate_secret(self, secret_code: str) -> None:
        """Take another secret code from now on."""
        self._credentials.secret_code = secret_code

    def add_job(self, script: JobScript, document: bytes, filename: str) -> str:
        """Create a job that nobody submitted and return its id."""
        upload = Upload.of(document, filename, Path(self._spool.name))
        job = Job(secrets.token_hex(16), script)
        job.describe(upload)
        self._xparse.add(job, upload, self._host.call_soon)
        return job.job_id

    def add_batch(
        self, batch_number: str | None, scripts: Sequence[FileScript], data_bytes: int | None
    ) -> str:
        """Create files that nobody uploaded and return the number of their batch."""
        number = batch_number or self._files.new_batch_number()
        reading = Reading() if data_bytes is None else Reading(data=synthetic_data(data_bytes))
        added: Future[None] = Future()

        def add() -> None:
            try:
                self._files.add_all(scripts, number, self._workspace_id, reading)
            except Exception as exc:
                added.set_exception(exc)
            else:
                added.set_result(None)

        self._host.call_soon(add)
        added.result()
        return number


def _listener(port: int) -> socket.socket:
    # asyncio sends small packets at once only on sockets that were made for TCP by name.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, port))
    except BaseException:
        listener.close()
        raise
    return listener
