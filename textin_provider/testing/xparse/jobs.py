"""Jobs of xParse: a job's state over time and polls, and its result URL."""

from __future__ import annotations

import asyncio
import secrets
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from textin_provider.testing.scripts import JobScript, ScriptedRegistry

if TYPE_CHECKING:
    from collections.abc import Mapping

    from textin_provider.testing.responses import Body
    from textin_provider.testing.uploads import Upload

PENDING = "pending"
IN_PROGRESS = "in_progress"
COMPLETED = "completed"
PARTIAL_COMPLETED = "partial_completed"
WITH_RESULT = (COMPLETED, PARTIAL_COMPLETED)
FAILED = "failed"


@dataclass(frozen=True, slots=True)
class FinalState:
    """The final state of a job, with its ``result`` if it has one, or with a ``message``."""

    status: str
    message: str | None = None
    result: Body | None = None


@dataclass(frozen=True, slots=True)
class JobEvents:
    """The events of a job with scripted states: its outcome is set, and a poll has shown its final state."""

    finished: asyncio.Event = field(default_factory=asyncio.Event)
    shown: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(slots=True)
class Job:
    """
    One job: its submit request and its progress.

    ``submitted_at`` is in seconds since the epoch; ``filename``, ``size``, ``sha256`` and ``file_id``
    (derived from the content) describe the document, and are empty until a ``file_url`` has been
    downloaded; ``config_content_type`` is the type of the config part, None without a config; ``polls``
    counts status requests; ``downloads`` counts requests for its result. A job that the account has queued is
    pending, and its times and scripted states begin when it leaves the queue.
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
    outcome: FinalState | None = None
    pending_until: float = field(default=0.0, repr=False)
    ready_at: float = field(default=0.0, repr=False)
    queued_at: float | None = field(default=None, repr=False)
    polls_in_queue: int = field(default=0, repr=False)
    token: str = field(default="", repr=False)
    token_expires: float = field(default=0.0, repr=False)
    token_downloads: int = field(default=0, repr=False)
    ended: bool = field(default=False, repr=False)
    events: JobEvents | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        # Events cost memory, and there may be thousands of jobs without scripted states.
        if self.script.states and self.script.ends:
            self.events = JobEvents()

    def set_document(self, upload: Upload) -> None:
        """Set the fields that describe the document."""
        self.filename, self.size, self.sha256 = upload.filename, upload.size, upload.sha256
        self.file_id = upload.sha256[:32]

    def schedule(self, now: float, pending_seconds: float, processing_seconds: float) -> None:
        """Set the times of the job's states; times of the script override the given ones."""
        script = self.script
        pending = pending_seconds if script.pending_seconds is None else script.pending_seconds
        processing = processing_seconds if script.processing_seconds is None else script.processing_seconds
        self.pending_until = now + pending
        self.ready_at = self.pending_until + processing

    def hold(self, now: float) -> None:
        """Stop the job's times at the monotonic time ``now``."""
        self.queued_at = now

    def release(self, now: float) -> None:
        """Resume the job's times at the monotonic time ``now``."""
        if self.queued_at is not None:
            self.pending_until += now - self.queued_at
            self.ready_at += now - self.queued_at
            self.queued_at = None

    def end(self, outcome: FinalState) -> None:
        """End the job now, whatever its times and scripted states are."""
        self.outcome = outcome
        self.events = None
        self.ended = True

    def count_poll(self) -> None:
        """Count a status request."""
        self.polls += 1
        self.polls_in_queue += self.queued_at is not None

    def state(self, now: float) -> str:
        """Return the state at the monotonic time ``now``."""
        if self.ended and self.outcome is not None:
            return self.outcome.status
        if self.queued_at is not None:
            return PENDING
        states = self.script.states
        if states:
            return states[min(self.polls - self.polls_in_queue, len(states)) - 1]
        if now < self.pending_until:
            return PENDING
        if now < self.ready_at or self.outcome is None:
            return IN_PROGRESS
        return self.outcome.status


class JobRegistry(ScriptedRegistry[Job, JobScript]):
    """All xParse jobs."""

    def __init__(self, pending_seconds: float, processing_seconds: float) -> None:
        super().__init__(pending_seconds, processing_seconds, JobScript)
        self._tokens: dict[str, Job] = {}
        self.submissions = 0

    def add(self, job: Job) -> None:
        """Add a job and start its times."""
        job.schedule(time.monotonic(), *self.default_seconds)
        self._items[job.job_id] = job

    def by_token(self, token: str) -> Job | None:
        """Return the job to whose result ``token`` belongs, None if it is unknown or has expired."""
        job = self._tokens.get(token)
        return job if job is not None and self._is_token_valid(job) else None

    def token(self, job: Job) -> str:
        """Return the token of the job's result URL, a new one if the last one has expired."""
        if not job.token or not self._is_token_valid(job):
            self._tokens.pop(job.token, None)
            lifetime = job.script.result_token_lifetime
            job.token = secrets.token_hex(24)
            job.token_downloads = 0
            job.token_expires = float("inf") if lifetime is None else time.monotonic() + lifetime
            self._tokens[job.token] = job
        return job.token

    @staticmethod
    def _is_token_valid(job: Job) -> bool:
        limit = job.script.result_token_downloads
        return time.monotonic() < job.token_expires and (limit is None or job.token_downloads < limit)
