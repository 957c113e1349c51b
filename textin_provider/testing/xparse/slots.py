"""Jobs in work: the slots of the account, and the queue of the jobs beyond them."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from textin_provider.testing.limits import AccountLimits
    from textin_provider.testing.xparse.jobs import Job


class JobSlots:
    """The slots of one running server; belongs to its event loop."""

    def __init__(self, limits: AccountLimits) -> None:
        self._limits = limits
        self._in_work: set[str] = set()
        self._queue: deque[tuple[Job, Callable[[], None]]] = deque()
        limits.set_jobs_in_work(0)

    def check(self) -> None:
        """
        Check that another job may be submitted.

        :raises Refusal: 40306 if the account rejects it.
        """
        if self._are_full and self._limits.account.over == "reject":
            raise self._limits.job_refusal()

    def take(self, job: Job, begin: Callable[[], None]) -> None:
        """Call ``begin`` as soon as the job has a slot, at once unless the account queues it."""
        if self._are_full and self._limits.account.over == "queue":
            job.hold(time.monotonic())
            self._queue.append((job, begin))
        else:
            self._occupy(job, begin)

    def free(self, job: Job) -> None:
        """Free the slot of a job that has ended, if it has one, for the oldest job in the queue."""
        if job.job_id in self._in_work:
            self._in_work.remove(job.job_id)
            self._limits.set_jobs_in_work(len(self._in_work))
            self.fill()

    def fill(self) -> None:
        """Begin the oldest jobs of the queue, as many as there are free slots."""
        while self._queue and not self._are_full:
            job, begin = self._queue.popleft()
            job.release(time.monotonic())
            self._occupy(job, begin)

    @property
    def _are_full(self) -> bool:
        limit = self._limits.account.concurrent_jobs
        return bool(limit) and len(self._in_work) >= limit

    def _occupy(self, job: Job, begin: Callable[[], None]) -> None:
        self._in_work.add(job.job_id)
        self._limits.set_jobs_in_work(len(self._in_work))
        begin()
