"""The jobs of a credential that this process has submitted and that may still be in work."""

from __future__ import annotations

from dataclasses import dataclass
from threading import Lock

from textin_provider.api.job_window import JobWindow
from textin_provider.api.poll_timing import PollTiming

#: No account is known to have more jobs in work; older ones are forgotten.
_MOST = 100
#: The most seconds between two polls of the oldest job.
_INTERVAL = 30.0


@dataclass(slots=True)
class _Job:
    submitted: float
    polled: float = 0.0


class JobsInWork:
    """
    Counts the jobs of one credential and says when to poll the oldest one. Safe to share between threads.

    The limit is told by :meth:`configure`, or learned from a refusal; until then there is none. Times are in
    seconds of the monotonic clock.
    """

    def __init__(self) -> None:
        self._jobs: dict[str, _Job] = {}
        self._most: dict[str, int] = {}
        self._window: JobWindow | None = None
        self._timing = PollTiming(_INTERVAL)
        self._lock = Lock()

    def configure(self, conn_id: str, most: int) -> None:
        """Apply ``max_concurrent_jobs`` of a connection; the lowest one of a credential holds."""
        with self._lock:
            if self._most.get(conn_id) == most:
                return
            self._most[conn_id] = most
            told = min(filter(None, self._most.values()), default=None)
            self._window = JobWindow(told) if told else None

    @property
    def is_full(self) -> bool:
        """Whether one more job would be refused."""
        with self._lock:
            return bool(self._jobs) and self._window is not None and not self._window.room(len(self._jobs))

    def __len__(self) -> int:
        return len(self._jobs)

    def on_accepted(self, job_id: str, now: float) -> None:
        """Count a job that was submitted now."""
        with self._lock:
            self._jobs[job_id] = _Job(now)
            if len(self._jobs) > _MOST:
                del self._jobs[next(iter(self._jobs))]
            if self._window:
                self._window.on_accepted(len(self._jobs))

    def on_refused(self) -> None:
        """Learn that TextIn takes no job beside those in work, if this process knows of any."""
        with self._lock:
            if self._jobs:
                self._window = self._window or JobWindow(size=len(self._jobs))
                self._window.on_refused(len(self._jobs))

    def next_poll(self, now: float) -> tuple[str, float] | None:
        """Return the oldest job and the seconds until its next poll; None without jobs."""
        with self._lock:
            for job_id, job in self._jobs.items():
                due = (
                    self._timing.next_poll(job.submitted, job.polled, is_full=True)
                    if job.polled
                    else self._timing.first_poll(job.submitted, is_oldest=True)
                )
                return job_id, max(0.0, due - now)
        return None

    def on_polled(self, job_id: str, now: float, *, has_ended: bool) -> None:
        """Learn from a poll of a job, which need not be one of these."""
        with self._lock:
            job = self._jobs.get(job_id)
            if job is None:
                return
            if has_ended:
                self._timing.on_end(job.submitted, job.polled, now)
                del self._jobs[job_id]
            else:
                job.polled = now

    def forget(self, job_id: str) -> None:
        """Count a job no longer whose state cannot be found out."""
        with self._lock:
            self._jobs.pop(job_id, None)
