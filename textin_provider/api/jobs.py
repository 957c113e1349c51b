"""
Many xParse jobs at once: the wait for them, in waves, and what is said of those that failed.

Decisions alone, as in :mod:`textin_provider.api.waiting`.
"""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING, Any

from textin_provider.api.errors import ApiError, ErrorKind, summarize
from textin_provider.api.waiting import Chance, Outcome, Pace, Decision, Wait
from textin_provider.api.xparse import JobStatus, XParseJob

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Characters that the ids of one trigger may take: encrypted they are a third longer, and MySQL keeps 64 KB.
_WAVE_SIZE = 36_000
#: What stands around an id in JSON.
_AROUND_AN_ID = len('"", ')
#: Characters of JSON that the jobs of an event may take; Airflow keeps it in a column of that kind.
_EVENT_SIZE = 30_000


def chunk_for_trigger(job_ids: Sequence[str]) -> list[str]:
    """Return the first of the jobs: as many as one trigger can be given, about a thousand."""
    left, first = _WAVE_SIZE, []
    for job_id in job_ids:
        left -= len(job_id) + _AROUND_AN_ID
        if left < 0:
            break
        first.append(job_id)
    return first


def failed_jobs(failed: Sequence[XParseJob], total: int) -> ApiError:
    """Return the fault of jobs that failed, with TextIn's reasons; of one alone if it is the only one."""
    if total == 1:
        return failed[0].failure()
    reasons = [f"{job.job_id}: {job.message or 'no reason given'}" for job in failed]
    return ApiError(
        ErrorKind.JOB_FAILED,
        about=f"{len(failed)} of {total} xParse jobs failed",
        message=summarize(reasons, len(reasons)),
        fix=failed[0].failure().fix,
    )


def unstored_results(faults: Sequence[ApiError], total: int) -> ApiError:
    """Return the fault of results that could not be stored: one to retry if any of them may go well then."""
    telling = next((fault for fault in faults if fault.kind.is_transient), faults[0])
    if total == 1:
        return telling
    return ApiError(
        telling.kind,
        about=f"{len(faults)} of {total} xParse results were not stored, the others are",
        message=summarize([f"{fault.about}: {fault.message}" for fault in faults], len(faults)),
        fix=telling.fix,
        code=telling.code,
        retry_after=telling.retry_after,
    )


class JobWait(Wait):
    """
    The wait for an xParse job, or for each of a list.

    Its event carries the jobs as the sensor returns them, or as many of them as an event may hold. Whoever
    gets it asks for the others again.
    """

    def __init__(self, job_id: str | Sequence[str], pace: Pace, *, chance: Chance = random.random) -> None:
        self._is_list = not isinstance(job_id, str)
        super().__init__([job_id] if isinstance(job_id, str) else job_id, pace, chance=chance)
        self._total = len(self.pending)
        self._failed = 0
        self._reported: str | None = None
        self._warned_of: set[str] = set()
        self._jobs: list[dict[str, Any]] = []
        self._size = 0

    def on_state(self, key: str, seen: XParseJob, *, now: float) -> Decision:
        """Judge a job that the status endpoint showed."""
        self._looked(key)
        if seen.reported == self._reported and not self._is_list:
            return self._wait_on(key, None, now)  # nothing new, as at most looks
        self._reported = seen.reported
        if seen.status.is_terminal:
            return self._settle(seen, now)
        is_unknown = seen.status is JobStatus.UNKNOWN
        news = f"xParse job {key} is {seen.reported}."
        if is_unknown:
            news = f"xParse job {key} has the unknown status {seen.reported!r}; taken as not finished."
        # In a list, what is usual goes without saying, and what is not is said of the first job.
        is_news = not self._is_list or (is_unknown and seen.reported not in self._warned_of)
        self._warned_of.add(seen.reported)
        return self._wait_on(key, news if is_news else None, now, is_warning=is_unknown)

    def on_error(self, key: str, fault: ApiError, *, now: float) -> Decision:
        """Judge a look that failed. An id of a list that TextIn will not tell of is no reason to stop."""
        if self._is_list and fault.kind is ErrorKind.REQUEST:
            return self._settle(XParseJob.refused(key, fault), now)
        return super().on_error(key, fault, now=now)

    def _keep(self, job: XParseJob) -> None:
        self._failed += job.status is JobStatus.FAILED
        value = job.to_dict()
        self._size += len(json.dumps(value))
        if self._size <= _EVENT_SIZE:
            self._jobs.append(value)

    def _settle(self, job: XParseJob, now: float) -> Decision:
        self._keep(job)
        del self.pending[job.job_id]
        if not self.pending:
            return Decision(event={"ending": Outcome.TERMINAL.value, "jobs": self._jobs})
        return Decision(notice=self._fresh(f"xParse jobs: {self._progress()}.", now))

    def _progress(self) -> str:
        return f"{self._total - len(self.pending)} of {self._total} have ended, {self._failed} failed"

    def _describe(self) -> str:
        if self._is_list:
            return f"{len(self.pending)} of {self._total} xParse jobs"
        return f"xParse job {next(iter(self.pending))}"

    def _describe_state(self) -> str:
        if self._is_list:
            return summarize(list(self.pending), len(self.pending))
        return f"last seen {self._reported}" if self._reported else "its status never came"
