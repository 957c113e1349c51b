"""The local TextIn as one object: start it, use its address, look at what it saw, stop it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

from textin_provider.testing import extra
from textin_provider.testing.docflow.listing import Quirks
from textin_provider.testing.docflow.script import FileScript
from textin_provider.testing.docflow.store import FileStore
from textin_provider.testing.journal import Journal, Request
from textin_provider.testing.running import Memory, Running, Settings
from textin_provider.testing.xparse.jobs import Job, JobStore
from textin_provider.testing.xparse.script import JobScript

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType

    from textin_provider.testing.docflow.files import File
    from textin_provider.testing.faults import ScriptedFault
    from textin_provider.testing.outbound import Delivery

ENDPOINTS = (
    "submit", "status", "result", "upload", "fetch", "delete", "retry", "workspaces", "unknown", "*",
)  # fmt: skip
MAX_FILE_BYTES = 500 * 1024 * 1024
MAX_DOCFLOW_FILE_BYTES = 100 * 1024 * 1024
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
    :param workspace_id: the only DocFlow workspace it knows, or several.
    :param quirks: what is odd about its lists of DocFlow files.
    :param max_file_bytes: the longest document xParse takes; TextIn takes 500 MB.
    :param max_docflow_file_bytes: the longest file DocFlow takes; TextIn takes 100 MB.
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
        workspace_id: str | Sequence[str] = "local-workspace",
        quirks: Quirks | None = None,
        max_file_bytes: int = MAX_FILE_BYTES,
        max_docflow_file_bytes: int = MAX_DOCFLOW_FILE_BYTES,
        keep_requests: int = 10_000,
    ) -> None:
        extra.require()
        self._settings = Settings(
            port=port,
            app_id=app_id,
            secret_code=secret_code,
            workspaces=(workspace_id,) if isinstance(workspace_id, str) else tuple(workspace_id),
            max_file_bytes=max_file_bytes,
            max_docflow_file_bytes=max_docflow_file_bytes,
        )
        self._memory = Memory(
            Journal(keep_requests),
            JobStore(pending_seconds, processing_seconds),
            FileStore(pending_seconds, processing_seconds),
            quirks or Quirks(),
        )
        self._running: Running | None = None

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
        self._running = Running(self._settings, self._memory)
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

    @property
    def app_id(self) -> str:
        """The app id it knows."""
        return self._settings.app_id

    @property
    def secret_code(self) -> str:
        """The secret code it knows."""
        return self._settings.secret_code

    def rotate_secret(self, secret_code: str) -> None:
        """Know another secret code from now on, and the former no more."""
        self._settings = replace(self._settings, secret_code=secret_code)
        if self._running is not None:
            self._running.rotate_secret(secret_code)

    @property
    def workspace_id(self) -> str:
        """The DocFlow workspace it knows, the first one if there are several."""
        return self._settings.workspaces[0]

    @property
    def quirks(self) -> Quirks:
        """What is odd about its lists of DocFlow files; its fields may be changed at any time."""
        return self._memory.quirks

    def connection(self) -> dict[str, Any]:
        """
        Return an Airflow connection to this server, ready for ``AIRFLOW_CONN_<ID>`` as JSON.

        It sets no ceiling to the requests, for this server has none to keep.
        """
        return {
            "conn_type": "textin",
            "login": self.app_id,
            "password": self.secret_code,
            "host": self.url,
            "extra": {
                "docflow_host": self.url,
                "workspace_id": self.workspace_id,
                "max_requests_per_second": 0,
            },
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
        self._memory.faults.add(endpoint, fault, times)

    def clear_faults(self) -> None:
        """Forget all faults."""
        self._memory.faults.clear()

    def script(self, script: JobScript) -> None:
        """Let the next job that is submitted go as ``script`` says; scripts are used in the order given."""
        self._memory.jobs.expect(script)

    def add_job(
        self, script: JobScript | None = None, document: bytes = SAMPLE, filename: str = "sample.md"
    ) -> str:
        """Create a job that nobody submitted, nor pays for, and return its id."""
        return self._running_now().add_job(script or JobScript(), document, filename)

    def script_file(self, script: FileScript) -> None:
        """Let the next file that is uploaded go as ``script`` says; scripts are used in the order given."""
        self._memory.files.expect(script)

    def add_batch(
        self,
        batch_number: str | None = None,
        files: Sequence[FileScript] = (),
        *,
        count: int = 0,
        data_bytes: int | None = None,
        script: FileScript | None = None,
    ) -> str:
        """
        Create files that nobody uploaded, nor pays for, and return their batch number.

        They are finished at once, unless a script says otherwise.

        :param batch_number: an existing one or a new one; None makes one.
        :param files: one script a file.
        :param count: how many further files there are, all of ``script``.
        :param data_bytes: how many bytes of extracted data in JSON each of all these files has (250 at
            least), unless its script says what was extracted.
        """
        scripts = [*files, *[script or FileScript()] * count]
        return self._running_now().add_batch(batch_number, scripts, data_bytes)

    @property
    def files(self) -> Mapping[str, File]:
        """All DocFlow files by id, oldest first; new ones appear in it and deleted ones leave it."""
        return self._memory.files

    @property
    def uploads_accepted(self) -> int:
        """How many files were accepted by DocFlow, which is how many TextIn would bill."""
        return self._memory.files.uploads_accepted

    @property
    def jobs(self) -> Mapping[str, Job]:
        """All jobs by id, oldest first; new ones appear in it."""
        return self._memory.jobs

    @property
    def requests(self) -> list[Request]:
        """The newest requests, oldest first."""
        return self._memory.journal.requests()

    def count(self, endpoint: str) -> int:
        """Return how many requests ``endpoint`` has seen; ``"*"`` counts all of them."""
        return self._memory.journal.count(endpoint)

    def bytes_sent(self, endpoint: str) -> int:
        """Return how many bytes of answers ``endpoint`` has sent, headers not included; ``"*"`` is all."""
        return self._memory.journal.bytes_sent(endpoint)

    @property
    def submissions(self) -> int:
        """How many documents were accepted, which is how many TextIn would bill."""
        return self._memory.jobs.submissions

    @property
    def connections(self) -> int:
        """How many TCP connections were accepted so far."""
        return self._memory.journal.connections

    @property
    def webhooks(self) -> list[Delivery]:
        """The deliveries of webhooks so far."""
        return list(self._memory.webhooks)

    def _running_now(self) -> Running:
        if self._running is None:
            raise RuntimeError("the local TextIn is not running; call start() or use it as a context manager")
        return self._running
