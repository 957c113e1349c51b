"""The server class: start and stop, scripts and faults, recorded requests, jobs and files."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

from textin_provider.testing import extra
from textin_provider.testing.account import Account, Usage
from textin_provider.testing.docflow.query_files import Quirks
from textin_provider.testing.docflow.registry import FileRegistry
from textin_provider.testing.limits import AccountLimits
from textin_provider.testing.request_log import Request, RequestLog
from textin_provider.testing.running import Running, Settings, State
from textin_provider.testing.scripts import FileScript, JobScript
from textin_provider.testing.xparse.jobs import Job, JobRegistry

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType

    from textin_provider.testing.background import Delivery
    from textin_provider.testing.docflow.files import File
    from textin_provider.testing.faults import ScriptedFault

ENDPOINTS = (
    "submit", "status", "result", "sync", "export", "image", "upload", "fetch", "delete", "retry",
    "workspaces", "balance", "package", "unknown", "*",
)  # fmt: skip
MAX_FILE_BYTES = 500 * 1024 * 1024
MAX_DOCFLOW_FILE_BYTES = 100 * 1024 * 1024
SAMPLE = b"# Hello\n\nA document of the local TextIn.\n"


class TextInServer:
    """
    A local TextIn on 127.0.0.1, served by a thread of this process.

    Use it as a context manager, or call :meth:`start` and :meth:`stop`. Recorded requests, jobs and files
    stay readable after the stop.

    :param port: port to listen on; 0 takes a free one.
    :param app_id: the only accepted app id.
    :param secret_code: the only accepted secret code.
    :param pending_seconds: seconds that a job or file is queued, unless its script defines another time.
    :param processing_seconds: seconds that it is processed after that.
    :param workspace_id: the existing DocFlow workspace, or several.
    :param account: limits of request rate and jobs in work, balance and packages, e.g. ``PLANS["paid"]``;
        None is ``Account()``, which limits nothing.
    :param quirks: irregularities of the lists of DocFlow files.
    :param max_file_bytes: the largest document that xParse accepts; TextIn's limit is 500 MB.
    :param max_docflow_file_bytes: the largest file that DocFlow accepts; TextIn's limit is 100 MB.
    :param keep_requests: how many of the newest requests :attr:`requests` contains.
    :raises MissingExtraError: if the extra ``testing`` is not installed.
    """

    def __init__(
        self,
        port: int = 0,
        app_id: str = "local-app",
        secret_code: str = "local-secret",  # noqa: S107 - not a secret
        pending_seconds: float = 0.2,
        processing_seconds: float = 0.3,
        *,
        workspace_id: str | Sequence[str] = "local-workspace",
        account: Account | None = None,
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
        self._state = State(
            RequestLog(keep_requests),
            JobRegistry(pending_seconds, processing_seconds),
            FileRegistry(pending_seconds, processing_seconds),
            quirks or Quirks(),
            AccountLimits(account or Account()),
        )
        self._running: Running | None = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> Self:
        """Start the server and return when it accepts connections."""
        if self._running is not None:
            raise RuntimeError(f"the local TextIn already runs at {self.url}")
        self._running = Running(self._settings, self._state)
        return self

    def stop(self) -> None:
        """Abort all connections and running jobs; return when thread, socket and files are removed."""
        running, self._running = self._running, None
        if running is not None:
            running.stop()

    @property
    def url(self) -> str:
        """The base URL, e.g. ``http://127.0.0.1:8866``; only while the server runs."""
        return self._running_now().url

    @property
    def app_id(self) -> str:
        """The accepted app id."""
        return self._settings.app_id

    @property
    def secret_code(self) -> str:
        """The accepted secret code."""
        return self._settings.secret_code

    def rotate_secret(self, secret_code: str) -> None:
        """Replace the accepted secret code; the former one is rejected from now on."""
        self._settings = replace(self._settings, secret_code=secret_code)
        if self._running is not None:
            self._running.rotate_secret(secret_code)

    @property
    def workspace_id(self) -> str:
        """The DocFlow workspace, the first one if there are several."""
        return self._settings.workspaces[0]

    @property
    def account(self) -> Account:
        """The limits; assign others at any time. Queued jobs begin at once if the new limits allow them."""
        return self._state.limits.account

    @account.setter
    def account(self, account: Account) -> None:
        self._state.limits.replace(account)
        if self._running is not None:
            self._running.fill_slots()

    @property
    def usage(self) -> Usage:
        """What was used of the account so far."""
        return self._state.limits.usage

    @property
    def quirks(self) -> Quirks:
        """The irregularities of the lists of DocFlow files; the fields may be changed at any time."""
        return self._state.quirks

    def connection(self) -> dict[str, Any]:
        """
        Return an Airflow connection to this server, ready for ``AIRFLOW_CONN_<ID>`` as JSON.

        It sets the limits of the account; a rate of 0 is none.
        """
        account = self.account
        jobs = {"max_concurrent_jobs": account.concurrent_jobs} if account.concurrent_jobs else {}
        return {
            "conn_type": "textin",
            "login": self.app_id,
            "password": self.secret_code,
            "host": self.url,
            "extra": {
                "docflow_host": self.url,
                "workspace_id": self.workspace_id,
                "max_requests_per_second": account.requests_per_second,
                **jobs,
            },
        }

    def fault(self, endpoint: str, fault: ScriptedFault, times: int | None = 1) -> None:
        """
        Apply ``fault`` to the next ``times`` requests to ``endpoint``, or to all of them if None.

        Faults of one endpoint apply one after the other, in the order given, until :meth:`clear_faults`.
        ``"*"`` stands for every endpoint.

        :raises ValueError: if there is no such endpoint; :data:`ENDPOINTS` lists them.
        """
        if endpoint not in ENDPOINTS:
            raise ValueError(f"endpoint: {endpoint!r} is not one of {', '.join(ENDPOINTS)}")
        self._state.faults.add(endpoint, fault, times)

    def clear_faults(self) -> None:
        """Remove all faults."""
        self._state.faults.clear()

    def script(self, script: JobScript) -> None:
        """Use ``script`` for the next submitted job; scripts are used in the order given."""
        self._state.jobs.queue_script(script)

    def add_job(
        self,
        script: JobScript | None = None,
        document: bytes = SAMPLE,
        filename: str = "sample.md",
        config: Mapping[str, Any] | None = None,
    ) -> str:
        """Create a job without a submit request or billing, and return its id."""
        return self._running_now().add_job(script or JobScript(), document, filename, config)

    def script_file(self, script: FileScript) -> None:
        """Use ``script`` for the next uploaded file; scripts are used in the order given."""
        self._state.files.queue_script(script)

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
        Create files without an upload request or billing, and return their batch number.

        They are finished at once, unless a script defines a time.

        :param batch_number: an existing or a new one; None generates one.
        :param files: one script per file.
        :param count: number of additional files, all with ``script``.
        :param data_bytes: size of each file's extracted data in bytes of JSON (250 at least), unless its
            script defines the data.
        """
        scripts = [*files, *[script or FileScript()] * count]
        return self._running_now().add_batch(batch_number, scripts, data_bytes)

    @property
    def files(self) -> Mapping[str, File]:
        """A live mapping of all DocFlow files by id, oldest first."""
        return self._state.files

    @property
    def uploads_accepted(self) -> int:
        """The number of files that DocFlow accepted, which TextIn would bill."""
        return self._state.files.uploads_accepted

    @property
    def jobs(self) -> Mapping[str, Job]:
        """A live mapping of all jobs by id, oldest first."""
        return self._state.jobs

    @property
    def requests(self) -> list[Request]:
        """The newest requests, oldest first."""
        return self._state.request_log.requests()

    def count(self, endpoint: str) -> int:
        """Return the number of requests to ``endpoint``; ``"*"`` counts all."""
        return self._state.request_log.count(endpoint)

    def bytes_sent(self, endpoint: str) -> int:
        """Return the number of body bytes that ``endpoint`` has sent; ``"*"`` counts all."""
        return self._state.request_log.bytes_sent(endpoint)

    @property
    def submissions(self) -> int:
        """The number of documents that xParse accepted, which TextIn would bill."""
        return self._state.jobs.submissions

    @property
    def connections(self) -> int:
        """The number of TCP connections accepted so far."""
        return self._state.request_log.connections

    @property
    def webhooks(self) -> list[Delivery]:
        """The webhook deliveries so far."""
        return list(self._state.webhooks)

    def _running_now(self) -> Running:
        if self._running is None:
            raise RuntimeError("the local TextIn is not running; call start() or use it as a context manager")
        return self._running
