"""Settings, state and components of the server: the state outlives a stop, the components do not."""

from __future__ import annotations

import secrets
import socket
import tempfile
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textin_provider.testing.docflow.files import Reading
from textin_provider.testing.faults import FaultQueue
from textin_provider.testing.synthetic import synthetic_data
from textin_provider.testing.uploads import Upload
from textin_provider.testing.xparse.jobs import Job

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from textin_provider.testing.background import Delivery
    from textin_provider.testing.docflow.query_files import Quirks
    from textin_provider.testing.docflow.registry import FileRegistry
    from textin_provider.testing.limits import AccountLimits
    from textin_provider.testing.request_log import RequestLog
    from textin_provider.testing.scripts import FileScript, JobScript
    from textin_provider.testing.xparse.jobs import JobRegistry

HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Settings:
    """The arguments of :class:`TextInServer`."""

    port: int
    app_id: str
    secret_code: str = field(repr=False)
    workspaces: Sequence[str]
    max_file_bytes: int
    max_docflow_file_bytes: int


@dataclass(frozen=True, slots=True)
class State:
    """The state of a server; it remains readable after a stop."""

    request_log: RequestLog
    jobs: JobRegistry
    files: FileRegistry
    quirks: Quirks
    limits: AccountLimits
    faults: FaultQueue = field(default_factory=FaultQueue)
    webhooks: list[Delivery] = field(default_factory=list)


class Running:
    """The components of a running server."""

    def __init__(self, settings: Settings, state: State) -> None:
        from textin_provider.testing.background import Background
        from textin_provider.testing.docflow.endpoints import DocFlowEndpoints
        from textin_provider.testing.docflow.runner import FileRunner
        from textin_provider.testing.finance import FinanceEndpoints
        from textin_provider.testing.http_server import HttpServer
        from textin_provider.testing.routing import Application, Credentials
        from textin_provider.testing.xparse.endpoints import XParseEndpoints
        from textin_provider.testing.xparse.runner import JobRunner
        from textin_provider.testing.xparse.slots import JobSlots

        listener = _listener(settings.port)
        self.url = f"http://{HOST}:{listener.getsockname()[1]}"
        self._spool = tempfile.TemporaryDirectory(prefix="local-textin-")
        self._files = state.files
        self._workspace_id = settings.workspaces[0]
        background = Background(Path(self._spool.name))
        self._slots = JobSlots(state.limits)
        job_runner = JobRunner(background, settings.max_file_bytes, state.webhooks, self._slots)
        self._xparse = XParseEndpoints(state.jobs, job_runner, self.url, settings.max_file_bytes)
        docflow = DocFlowEndpoints(
            state.files,
            FileRunner(state.files, background, settings.max_docflow_file_bytes),
            workspaces=settings.workspaces,
            quirks=state.quirks,
            base_url=self.url,
        )
        finance = FinanceEndpoints(state.limits)
        routes = [*self._xparse.routes(), *docflow.routes(), *finance.routes()]
        self._credentials = Credentials(settings.app_id, settings.secret_code)
        app = Application(routes, self._credentials, state)
        self._http_server = HttpServer(app, listener, state.request_log.add_connection, background.close)
        try:
            self._http_server.start()
        except BaseException:
            listener.close()
            self._spool.cleanup()
            raise

    def stop(self) -> None:
        """Abort all connections; return when the thread has ended and socket and files are removed."""
        self._http_server.stop()
        self._spool.cleanup()

    def rotate_secret(self, secret_code: str) -> None:
        """Replace the accepted secret code."""
        self._credentials.secret_code = secret_code

    def fill_slots(self) -> None:
        """Begin the queued jobs that the account allows now."""
        self._http_server.call_soon(self._slots.fill)

    def add_job(
        self, script: JobScript, document: bytes, filename: str, config: Mapping[str, Any] | None
    ) -> str:
        """Create a job without a submit request and return its id."""
        upload = Upload.of(document, filename, Path(self._spool.name))
        job = Job(secrets.token_hex(16), script, config=config)
        job.set_document(upload)
        self._xparse.add(job, upload, self._http_server.call_soon)
        return job.job_id

    def add_batch(
        self, batch_number: str | None, scripts: Sequence[FileScript], data_bytes: int | None
    ) -> str:
        """Create files without an upload request and return their batch number."""
        number = batch_number or self._files.new_batch_number()
        reading = Reading() if data_bytes is None else Reading(data=synthetic_data(data_bytes))
        added: Future[None] = Future()

        def add() -> None:
            try:
                self._files.add_batch(scripts, number, self._workspace_id, reading)
            except Exception as exc:
                added.set_exception(exc)
            else:
                added.set_result(None)

        self._http_server.call_soon(add)
        added.result()
        return number


def _listener(port: int) -> socket.socket:
    # asyncio sets TCP_NODELAY only on sockets whose protocol is IPPROTO_TCP.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, port))
    except BaseException:
        listener.close()
        raise
    return listener
