"""The local TextIn as one object: start it, use its address, look at what it saw, stop it."""

from __future__ import annotations

import hashlib
import secrets
import socket
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from textin_provider.testing import extra
from textin_provider.testing.faults import FaultQueue, ScriptedFault
from textin_provider.testing.jobs import Job, JobStore, Upload
from textin_provider.testing.journal import Journal, Request
from textin_provider.testing.script import JobScript

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

    from textin_provider.testing.outbound import Delivery

HOST = "127.0.0.1"
ENDPOINTS = ("submit", "status", "result", "unknown", "*")
MAX_FILE_BYTES = 500 * 1024 * 1024
SAMPLE = b"# Hello\n\nA document of the local TextIn.\n"


class TextInServer:
    """
    A local TextIn on 127.0.0.1, served from a thread of this process.

    Use it as a context manager, or call :meth:`start` and :meth:`stop`. What it saw stays readable after the
    stop.

    :param port: port to listen on; 0 takes a free one.
    :param app_id: the only app id it knows.
    :param secret_code: the only secret code it knows.
    :param pending_seconds: how long a job is queued, unless its script says otherwise.
    :param processing_seconds: how long it is worked on after that.
    :param max_file_bytes: the longest document it takes; TextIn takes 500 MB.
    :param keep_requests: how many of the newest requests :attr:`requests` holds.
    :raises MissingExtraError: if the extra ``testing`` is not installed.
    """

    def __init__(
        self,
        port: int = 0,
        app_id: str = "local-app",
        secret_code: str = "local-secret",  # noqa: S107 - known to everybody
        pending_seconds: float = 0.2,
        processing_seconds: float = 0.3,
        *,
        max_file_bytes: int = MAX_FILE_BYTES,
        keep_requests: int = 10_000,
    ) -> None:
        extra.require()
        self.app_id = app_id
        self.secret_code = secret_code
        self._port = port
        self._max_file_bytes = max_file_bytes
        self._journal = Journal(keep_requests)
        self._faults = FaultQueue()
        self._jobs = JobStore(pending_seconds, processing_seconds)
        self._webhooks: list[Delivery] = []
        self._running: _Running | None = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> Self:
        """Start serving and return when connections are accepted."""
        if self._running is not None:
            raise RuntimeError(f"the local TextIn already runs at {self.url}")
        self._running = _Running(self)
        return self

    def stop(self) -> None:
        """Drop all connections and jobs in work; return when thread, socket and files are gone."""
        running, self._running = self._running, None
        if running is not None:
            running.stop()

    @property
    def url(self) -> str:
        """The address, e.g. ``http://127.0.0.1:8866``; only while the server runs."""
        return self._running_now().url

    def connection(self) -> dict[str, Any]:
        """Return an Airflow connection to this server, ready for ``AIRFLOW_CONN_<ID>`` as JSON."""
        return {
            "conn_type": "textin",
            "login": self.app_id,
            "password": self.secret_code,
            "host": self.url,
            "extra": {"docflow_host": self.url},
        }

    def fault(self, endpoint: str, fault: ScriptedFault, times: int | None = 1) -> None:
        """
        Let ``fault`` strike the next ``times`` requests to ``endpoint``, or all of them if None.

        Faults of one endpoint strike one after the other, in the order given, until :meth:`clear_faults`.
        ``"*"`` stands for every endpoint.

        :raises ValueError: if there is no such endpoint; :data:`ENDPOINTS` lists them.
        """
        if endpoint not in ENDPOINTS:
            raise ValueError(f"there is no endpoint {endpoint!r}; there are {', '.join(ENDPOINTS)}")
        self._faults.add(endpoint, fault, times)

    def clear_faults(self) -> None:
        """Forget all faults."""
        self._faults.clear()

    def script(self, script: JobScript) -> None:
        """Let the next job that is submitted go as ``script`` says; scripts are used in the order given."""
        self._jobs.expect(script)

    def add_job(
        self, script: JobScript | None = None, document: bytes = SAMPLE, filename: str = "sample.md"
    ) -> str:
        """Create a job that nobody submitted, nor pays for, and return its id."""
        return self._running_now().add_job(script or JobScript(), document, filename)

    @property
    def jobs(self) -> Mapping[str, Job]:
        """All jobs by id, oldest first; new ones appear in it."""
        return self._jobs

    @property
    def requests(self) -> list[Request]:
        """The newest requests, oldest first."""
        return self._journal.requests()

    def count(self, endpoint: str) -> int:
        """Return how many requests ``endpoint`` has seen; ``"*"`` counts all of them."""
        return self._journal.count(endpoint)

    @property
    def submissions(self) -> int:
        """How many documents were accepted, which is how many TextIn would bill."""
        return self._jobs.submissions

    @property
    def connections(self) -> int:
        """How many TCP connections were accepted so far."""
        return self._journal.connections

    @property
    def webhooks(self) -> list[Delivery]:
        """The deliveries of webhooks so far."""
        return list(self._webhooks)

    def _running_now(self) -> _Running:
        if self._running is None:
            raise RuntimeError("the local TextIn is not running; call start() or use it as a context manager")
        return self._running


class _Running:
    """The parts of a server that exist only while it runs."""

    def __init__(self, server: TextInServer) -> None:
        from textin_provider.testing.app import Application, Credentials
        from textin_provider.testing.hosting import Host
        from textin_provider.testing.runner import Runner
        from textin_provider.testing.xparse import XParse

        listener = _listener(server._port)
        self.url = f"http://{HOST}:{listener.getsockname()[1]}"
        self._spool = tempfile.TemporaryDirectory(prefix="local-textin-")
        self._runner = Runner(Path(self._spool.name), server._max_file_bytes, server._webhooks)
        self._xparse = XParse(server._jobs, self._runner, self.url, server._max_file_bytes)
        credentials = Credentials(server.app_id, server.secret_code)
        app = Application(self._xparse.routes(), credentials, server._journal, server._faults)
        self._host = Host(app, listener, server._journal.connected, self._runner.close)
        try:
            self._host.start()
        except BaseException:
            listener.close()
            self._spool.cleanup()
            raise

    def stop(self) -> None:
        self._host.stop()
        self._spool.cleanup()

    def add_job(self, script: JobScript, document: bytes, filename: str) -> str:
        path = Path(self._spool.name) / f"{secrets.token_hex(16)}.upload"
        path.write_bytes(document)
        upload = Upload(path, filename, len(document), hashlib.sha256(document).hexdigest())
        job = Job(secrets.token_hex(16), script)
        job.describe(upload)
        self._xparse.add(job, upload, self._host.call_soon)
        return job.job_id


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
