"""Polls and results: which job is polled next, what follows from its state, and what is stored."""

from __future__ import annotations

import logging
import math
import time
from typing import TYPE_CHECKING

from textin_provider.api.errors import ApiError, ErrorKind
from textin_provider.api.redaction import passwords_in, redact
from textin_provider.api.retry import backoff
from textin_provider.api.xparse.endpoints import is_unknown_job
from textin_provider.api.xparse.models import JobStatus
from textin_provider.tasks.folder.records import FAILED

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Future

    from textin_provider.api.poll_timing import PollTiming
    from textin_provider.api.xparse import XParseJob
    from textin_provider.tasks.folder.actions import Actions
    from textin_provider.tasks.folder.board import Board, Group
    from textin_provider.tasks.folder.records import Content, Document
    from textin_provider.tasks.folder.sending import Sending
    from textin_provider.tasks.folder.sources import SourceDocument

log = logging.getLogger(__name__)

#: How often storing a result is tried, each time with the repetitions of the hook.
_STORE_ATTEMPTS = 3


class Results:
    """
    Decides about polls and results.

    :param deadline: epoch seconds after which a job is polled for the last time.
    :ivar unstored: errors of results that could not be stored.
    :ivar unfinished: how many jobs had not ended at the deadline.
    """

    def __init__(
        self, actions: Actions, board: Board, sending: Sending, timing: PollTiming, deadline: float
    ) -> None:
        self.unstored: list[ApiError] = []
        self.unfinished = 0
        self._actions = actions
        self._ledger = actions.ledger
        self._board = board
        self._sending = sending
        self._timing = timing
        self._deadline = deadline
        self._polling: set[str] = set()
        self._warned_of: set[str] = set()
        self._secrets = passwords_in(actions.config)

    def job_of(self, group: Group) -> str:
        """Return the job of a content."""
        return self._ledger.state.contents[group.fingerprint].job_id or ""

    def next_to_poll(self, now: float) -> Group | None:
        """Return the content whose job has been due for the longest time, if any."""
        due = [(due, group) for due, group in self._dues() if due <= now]
        if not due:
            return None
        group = min(due, key=lambda entry: entry[0])[1]
        self._polling.add(group.fingerprint)
        return group

    def next_poll_at(self) -> float:
        """Return when the next poll is due, in epoch seconds."""
        return min((due for due, _ in self._dues()), default=math.inf)

    def _dues(self) -> Iterator[tuple[float, Group]]:
        """Yield the jobs in flight that are not being polled, each with the time of its next poll."""
        is_oldest = True
        for group in self._board.in_flight.values():
            if group.fingerprint not in self._polling:
                is_first = group.submitted and not group.polls and not group.due
                yield (
                    self._timing.first_poll(group.submitted, is_oldest=is_oldest) if is_first else group.due,
                    group,
                )
            is_oldest = False

    def next_end(self, now: float) -> float:
        """Return when the next job usually ends; infinite if that is unknown, or past for all jobs."""
        expected = self._timing.expected
        if expected is None:
            return math.inf
        ends = (group.submitted + expected for group in self._board.in_flight.values())
        return min((end for end in ends if end > now), default=math.inf)

    def hurry(self, since: float) -> bool:
        """Let all jobs be polled now that were not polled since a time; return whether there are any."""
        late = [group for group in self._board.in_flight.values() if group.polled < since]
        for group in late:
            group.due = since
        return bool(late)

    def on_polled(self, group: Group, future: Future[XParseJob]) -> None:
        """Take in the state of a job, or the error of its poll."""
        self._polling.discard(group.fingerprint)
        group.polls += 1
        now = time.time()
        try:
            job = future.result()
        except ApiError as error:
            self._poll_failed(group, error, now)
            return
        group.errors = 0
        if not job.status.is_terminal:
            self._pending(group, job, now)
            return
        if group.submitted:
            self._timing.on_end(group.submitted, group.polled, now)
        self._sending.progress()
        del self._board.in_flight[group.fingerprint]
        if job.status.has_result:
            group.job = job
            self._board.to_store.append(group)
        else:
            self._failed(group, job.message or f"TextIn gave no reason, its status is {job.reported}")

    def _pending(self, group: Group, job: XParseJob, now: float) -> None:
        if job.status is JobStatus.UNKNOWN and job.reported not in self._warned_of:
            self._warned_of.add(job.reported)
            log.warning(
                "xParse job %s has the unknown status %r; handled as not finished.", job.job_id, job.reported
            )
        group.polled = now
        group.due = self._timing.next_poll(group.submitted or now, now, is_full=self._sending.is_full)
        self._give_up_at_deadline(group, now)

    def _give_up_at_deadline(self, group: Group, now: float) -> None:
        if now >= self._deadline:
            self.unfinished += 1
            self._board.close(group, "submitted", "its job had not ended in time; the next run waits for it")

    def _poll_failed(self, group: Group, error: ApiError, now: float) -> None:
        if is_unknown_job(error.kind, error.code):
            self._failed(group, f"TextIn no longer knows its job: {error.message}")
            return
        if not error.kind.is_transient:
            raise error
        group.errors += 1
        group.polled = now
        group.due = now + max(backoff(group.errors), error.retry_after or 0.0)
        self._give_up_at_deadline(group, now)

    def _failed(self, group: Group, message: str) -> None:
        message = redact(message, self._secrets)
        content = self._ledger.state.contents[group.fingerprint]
        log.error("%s failed: %s", group.lead.source, message)
        self._ledger.note(content._replace(kind=FAILED, message=message))
        self._board.close(group, "failed", message)

    def next_to_store(self) -> Group | None:
        """Return a content whose result is to be stored now."""
        now = time.time()
        for index, group in enumerate(self._board.to_store):
            if group.due <= now or not group.stores:
                del self._board.to_store[index]
                return group
        return None

    def next_store_at(self) -> float:
        """Return when the next result is to be stored, in epoch seconds."""
        return min((group.due for group in self._board.to_store), default=math.inf)

    def on_stored(self, group: Group, future: Future[tuple[Content, Document]]) -> None:
        """Take in a result that was stored, or why it was not."""
        try:
            content, document = future.result()
        except ApiError as error:
            self._store_failed(group, error)
            return
        self._ledger.note(content, document)
        if content.run == self._actions.run:
            self._sending.budget.correct(content.pages)
        self._sending.progress()
        self._board.stored(group, document)

    def _store_failed(self, group: Group, error: ApiError) -> None:
        if error.kind is ErrorKind.JOB_FAILED or is_unknown_job(error.kind, error.code):
            self._failed(group, error.message)
            return
        if error.kind in (ErrorKind.AUTHENTICATION, ErrorKind.CONFIGURATION):
            raise error
        group.stores += 1
        group.job = None
        if error.kind.is_transient and group.stores < _STORE_ATTEMPTS:
            group.due = time.time() + backoff(group.stores)
            self._board.to_store.append(group)
            return
        log.error("%s: its result was not stored: %s", group.lead.source, error)
        self.unstored.append(error)
        self._board.close(group, "submitted", f"its result was not stored: {error.message}")
        if not error.kind.is_transient:
            self._sending.stop(error)  # results that cannot be stored are not worth paying for

    def on_copied(self, document: SourceDocument, holder: Document, future: Future[Document]) -> None:
        """Take in a copy; a result that could not be copied is fetched from TextIn."""
        try:
            self._ledger.note(future.result())
            self._sending.progress()
        except ApiError as error:
            log.warning("%s: its result could not be copied, and is fetched: %s", document.source, error)
            self._board.fetch_instead(document, holder.fingerprint)
