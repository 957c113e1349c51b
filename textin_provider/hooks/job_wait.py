"""The wait of a submit for one of the jobs to end that this process has in work."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textin_provider.api.errors import ApiError, ErrorKind
from textin_provider.hooks.rate_limit_wait import RateLimitWait

if TYPE_CHECKING:
    from textin_provider.hooks.xparse import XParseMethods


class JobWait(RateLimitWait):
    """
    The wait of one submit. While too many jobs are in work, it polls the oldest one, which costs nothing.

    Without it the document would be sent again and again only to be refused. Jobs of other processes are
    unknown here; for those it waits a growing delay.

    :param timeout: seconds in all; 0 to wait for none.
    """

    _sender: XParseMethods

    def wait_for_room(self, about: str) -> None:
        """
        Wait until TextIn may take one more job, before the submit is sent.

        :raises ApiError: of kind RATE_LIMIT, if the wait would last longer than ``timeout``.
        """
        jobs = self._sender.connection.jobs
        message = f"{len(jobs)} jobs of this process are in work, as many as TextIn takes"
        self._wait_while_full(ApiError(ErrorKind.RATE_LIMIT, about=about, message=message))

    def wait(self, error: ApiError) -> None:
        """Sleep until the submit may be sent again, and poll the jobs in work if they are the reason."""
        if not error.is_job_limit:
            super().wait(error)
            return
        self._sender.connection.jobs.on_refused()
        if not self._sender.connection.jobs.is_full:
            super().wait(error)
        self._wait_while_full(error)

    def _wait_while_full(self, error: ApiError) -> None:
        while self.timeout and self._sender.connection.jobs.is_full:
            self._wait_for_oldest(error)

    def _wait_for_oldest(self, error: ApiError) -> None:
        """Poll the oldest job when it is due."""
        jobs = self._sender.connection.jobs
        oldest = jobs.next_poll(self._sender.now())
        if oldest is None:  # it has ended meanwhile, in another thread
            return
        job_id, delay = oldest
        self.sleep(delay, error)
        try:
            self._sender.get_xparse_job(job_id)
        except ApiError as unknown:
            self._sender.log.debug("%s The job is not counted any more.", unknown)
            jobs.forget(job_id)
