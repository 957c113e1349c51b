"""Jobs and the states they pass through."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from textin_provider.testing.xparse.script import JobScript

if TYPE_CHECKING:
    from textin_provider.testing.uploads import Upload
    from textin_provider.testing.wire import Body

PENDING = "pending"
IN_PROGRESS = "in_progress"
COMPLETED = "completed"
FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a job ends; ``result`` only if it completes, ``message`` only if it failed."""

    status: str
    message: str | None = None
    result: Body | None = None


@dataclass(frozen=True, slots=True)
class Steps:
    """What a job that goes by polls waits for: its outcome, and the poll that shows it."""

    decided: asyncio.Event = field(default_factory=asyncio.Event)
    shown: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(slots=True)
class Job:
    """
    One job: what was asked, and how far it is.

    ``submitted_at`` is in seconds since the epoch; ``filename``, ``size``, ``sha256`` and ``file_id`` (made
    of the content) describe the document, and are empty until a ``file_url`` has been fetched;
    ``config_content_type`` is the type of the config part, None if there was none; ``polls`` counts status
    requests; ``downloads`` counts requests for its result.
    """

    job_id: str
    script: JobScript
    file_id: str = ""
    config: Mapping[str, Any] | None = None
    config_content_type: str | None = None
    webhook: str | None = None
    file_url: str | None = None
    filename: str = ""
    size: int = 0
    sha256: str = ""
    submitted_at: float = field(default_factory=time.time)
    polls: int = 0
    downloads: int = 0
    outcome: Outcome | None = None
    pending_until: float = field(default=0.0, repr=False)
    ready_at: float = field(default=0.0, repr=False)
    token: str = field(default="", repr=False)
    token_expires: float = field(default=0.0, repr=False)
    token_downloads: int = field(default=0, repr=False)
    steps: Steps | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        # Thousands of jobs go by the clock and need not carry events.
        if self.script.states and self.script.ends:
            self.steps = Steps()

    def describe(self, upload: Upload) -> None:
        """Note what the document was."""
        self.filename, self.size, self.sha256 = upload.filename, upload.size, upload.sha256
        self.file_id = upload.sha256[:32]

    def schedule(self, now: float, pending_seconds: float, processing_seconds: float) -> None:
        """Fix the times of the job's states; its script goes before the server's defaults."""
        script = self.script
        pending = pending_seconds if script.pending_seconds is None else script.pending_seconds
        processing = processing_seconds if script.processing_seconds is None else script.processing_seconds
        self.pending_until = now + pending
        self.ready_at = self.pending_until + processing

    def state(self, now: float) -> str:
        """Return the state to show at the monotonic time ``now``."""
        states = self.script.states
        if states:
            return states[min(self.polls, len(states)) - 1]
        if now < self.pending_until:
            return PENDING
        if now < self.ready_at or self.outcome is None:
            return IN_PROGRESS
        return self.outcome.status


class JobStore(Mapping[str, Job]):
    """All jobs of one server by id, oldest first, and the scripts that wait for the next ones."""

    def __init__(self, pending_seconds: float, processing_seconds: float) -> None:
        self._pending_seconds = pending_seconds
        self._processing_seconds = processing_seconds
        self._jobs: dict[str, Job] = {}
        self._tokens: dict[str, Job] = {}
        self._scripts: deque[JobScript] = deque()
        self.submissions = 0

    def __getitem__(self, job_id: str) -> Job:
        return self._jobs[job_id]

    def __iter__(self) -> Iterator[str]:
        # A copy, as a test may look while the server takes in jobs.
        return iter(list(self._jobs))

    def __len__(self) -> int:
        return len(self._jobs)

    def expect(self, script: JobScript) -> None:
        """Let the next job that is submitted go as ``script`` says."""
        self._scripts.append(script)

    def next_script(self) -> JobScript:
        """Return the script for a job that is being submitted."""
        return self._scripts.popleft() if self._scripts else JobScript()

    def add(self, job: Job) -> None:
        """Take the job in; its clock starts now."""
        job.schedule(time.monotonic(), self._pending_seconds, self._processing_seconds)
        self._jobs[job.job_id] = job

    def by_token(self, token: str) -> Job | None:
        """Return the job whose result lies at ``token``, or None if the token is unknown or has expired."""
        job = self._tokens.get(token)
        return job if job is not None and self._token_is_good(job) else None

    def token(self, job: Job) -> str:
        """Return the token of the job's result URL, a fresh one if the last one has expired."""
        if not job.token or not self._token_is_good(job):
            self._tokens.pop(job.token, None)
            lifetime = job.script.result_token_lifetime
            job.token = secrets.token_hex(24)
            job.token_downloads = 0
            job.token_expires = float("inf") if lifetime is None else time.monotonic() + lifetime
            self._tokens[job.token] = job
        return job.token

    @staticmethod
    def _token_is_good(job: Job) -> bool:
        most = job.script.result_token_downloads
        return time.monotonic() < job.token_expires and (most is None or job.token_downloads < most)
