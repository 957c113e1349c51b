"""The wait for one xParse job or many, and the errors that sum up many jobs."""

from __future__ import annotations

import json
import math
import random
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from textin_provider.api.errors import ApiError, ErrorKind
from textin_provider.api.text import summarize
from textin_provider.api.xparse.models import JobStatus, XParseJob
from textin_provider.polling.decision import Decision, done
from textin_provider.polling.wait import Wait

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from textin_provider.api.retry import Chance
    from textin_provider.polling.policy import PollPolicy

T = TypeVar("T")

#: Characters of JSON that the ids of one trigger may take: encryption adds a third, and MySQL keeps 64 KB.
_MAX_TRIGGER_CHARS = 36_000
#: Characters of JSON that the jobs of an event may take, and those that a deferral keeps: Airflow stores both
#: in one column, with an eighth on top; 64 KB are safe with every database.
_MAX_EVENT_CHARS = 30_000
_MAX_KEPT_CHARS = 24_000


def chunk_for_trigger(job_ids: Iterable[str]) -> list[str]:
    """Return the first of the ids: as many as one trigger may carry, about a thousand."""
    return _first_within(_MAX_TRIGGER_CHARS, job_ids)


def jobs_to_keep(jobs: Iterable[XParseJob]) -> list[dict[str, str | None]]:
    """Return the first of the jobs as plain values: as many as the arguments of a deferral may carry."""
    return _first_within(_MAX_KEPT_CHARS, (job.to_dict() for job in jobs))


def _first_within(max_chars: int, values: Iterable[T]) -> list[T]:
    """Return the first of the values: as many as fit into so many characters of JSON."""
    chosen = []
    for value in values:
        max_chars -= len(json.dumps(value)) + len(", ")
        if max_chars < 0:
            break
        chosen.append(value)
    return chosen


def failed_jobs(failed: Sequence[XParseJob], total: int) -> ApiError:
    """Return the error of failed jobs with TextIn's reasons; of a single job its own error."""
    if total == 1:
        return failed[0].failure()
    reasons = [f"{job.job_id}: {job.message or 'no reason given'}" for job in failed]
    return (
        failed[0]
        .failure()
        .replace(
            about=f"{len(failed)} of {total} xParse jobs failed", message=summarize(reasons, len(reasons))
        )
    )


def unstored_results(errors: Sequence[ApiError], total: int) -> ApiError:
    """Return the error of results that could not be stored; transient if any of ``errors`` is."""
    first = next((error for error in errors if error.kind.is_transient), errors[0])
    if total == 1:
        return first
    about = f"{len(errors)} of {total} xParse results were not stored, the others are"
    message = summarize([f"{error.about}: {error.message}" for error in errors], len(errors))
    return first.replace(about=about, message=message, detail=None, request_id=None)


def partial_results(errors: Sequence[ApiError], total: int) -> ApiError:
    """Return the error of stored results of which pages or exports are missing."""
    if total == 1:
        return errors[0]
    message = summarize([f"{error.about}: {error.message}" for error in errors], len(errors))
    return errors[0].replace(about=f"{len(errors)} of {total} xParse results are partial", message=message)


class JobWait(Wait):
    """
    The wait for an xParse job, or for every job of a list.

    The event of a list carries as many jobs as an event may hold; its receiver polls the others again.

    :param ended: jobs of the same list that are known to have ended.
    :param wake_after: number of ended jobs that end the wait; None waits for all.
    :ivar ended: all jobs that have ended, by id.
    """

    def __init__(
        self,
        job_id: str | Sequence[str],
        policy: PollPolicy,
        *,
        ended: Iterable[XParseJob] = (),
        wake_after: int | None = None,
        chance: Chance = random.random,
    ) -> None:
        self._wake_after = math.inf if wake_after is None else wake_after
        self._is_list = not isinstance(job_id, str)
        super().__init__([job_id] if isinstance(job_id, str) else job_id, policy, chance=chance)
        self.ended = {job.job_id: job for job in ended}
        self._total = len(self.pending) + len(self.ended)
        self._failed = sum(job.status.is_failure for job in self.ended.values())
        self._status: str | None = None
        self._warned_of: set[str] = set()

    def on_state(self, key: str, state: XParseJob, *, now: float) -> Decision:
        """Judge the state of a job."""
        self._polled(key)
        self._status = state.reported
        if state.status.is_terminal:
            return self._on_end(state, now)
        if state.status is JobStatus.UNKNOWN:
            return self._on_unknown(state, now)
        # A list logs its progress instead.
        return self._wait_on(key, None if self._is_list else f"xParse job {key} is {state.reported}.", now)

    def _on_unknown(self, job: XParseJob, now: float) -> Decision:
        """Continue to wait, with a warning for the first job with that status."""
        decision = self._wait_on(job.job_id, None, now)
        if decision.outcome or job.reported in self._warned_of:
            return decision
        self._warned_of.add(job.reported)
        message = f"xParse job {job.job_id} has the unknown status {job.reported!r}; handled as not finished."
        return replace(decision, message=message, is_warning=True)

    def on_error(self, key: str, error: ApiError, *, now: float) -> Decision:
        """Judge the error of a poll. In a list, an id that TextIn refuses counts as a failed job."""
        if self._is_list and error.kind is ErrorKind.REQUEST:
            return self._on_end(XParseJob.refused(key, error), now)
        return super().on_error(key, error, now=now)

    def _on_end(self, job: XParseJob, now: float) -> Decision:
        self.ended[job.job_id] = job
        self._failed += job.status.is_failure
        del self.pending[job.job_id]
        if not self.pending or len(self.ended) >= self._wake_after:
            return done(jobs=_first_within(_MAX_EVENT_CHARS, (job.to_dict() for job in self.ended.values())))
        ended = f"{self._total - len(self.pending)} of {self._total} have ended, {self._failed} failed"
        return Decision(message=self._if_new(f"xParse jobs: {ended}.", now))

    def _describe(self) -> str:
        if self._is_list:
            return f"{len(self.pending)} of {self._total} xParse jobs"
        return f"xParse job {next(iter(self.pending))}"

    def _describe_state(self) -> str:
        if self._is_list:
            return summarize(list(self.pending), len(self.pending))
        return f"last status {self._status}" if self._status else "no status received yet"
