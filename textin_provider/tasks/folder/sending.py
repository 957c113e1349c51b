"""What may be sent now, and what follows from how a submit ended."""

from __future__ import annotations

import logging
import math
import time
from typing import TYPE_CHECKING, Any

from textin_provider.api.errors import ApiError, ErrorKind
from textin_provider.api.retry import backoff
from textin_provider.tasks.folder.records import FAILED

if TYPE_CHECKING:
    from concurrent.futures import Future

    from textin_provider.api.job_window import JobWindow
    from textin_provider.tasks.folder.actions import Submitted
    from textin_provider.tasks.folder.board import Board, Group
    from textin_provider.tasks.folder.budget import Budget
    from textin_provider.tasks.folder.ledger import Ledger
    from textin_provider.tasks.folder.sources import SourceDocument

log = logging.getLogger(__name__)

#: Seconds without progress after which a run stops sending if TextIn or its gateway fails.
_LONGEST_OUTAGE = 120.0
#: So many uncertain submits in a row, and a run stops sending: a gateway may answer in TextIn's place.
_MOST_UNCERTAIN = 3
#: Codes with which TextIn refuses every document, and those that may mean the configuration or the document:
#: after so many of the latter in a row, a run stops sending.
_OF_THE_SERVICE = frozenset({404, 40007, 40008})
_OF_PARAMETERS = frozenset({400, 40004})
_MOST_OF_PARAMETERS = 5
_FOR_ALL = frozenset({ErrorKind.AUTHENTICATION, ErrorKind.CONFIGURATION})


class Sending:
    """
    Decides which content is sent next, and when the run stops sending.

    :param rate_limit_timeout: seconds without progress after which a run that TextIn refuses stops sending.
    :ivar stopped: why the run sends no more; None while it does.
    """

    def __init__(
        self,
        board: Board,
        ledger: Ledger,
        window: JobWindow,
        budget: Budget,
        rate_limit_timeout: float,
        stopped: ApiError | None = None,
    ) -> None:
        self.window = window
        self.budget = budget
        self.stopped = stopped
        self._board = board
        self._ledger = ledger
        self._rate_limit_timeout = rate_limit_timeout
        self._in_progress = 0
        self._not_before = 0.0
        self._progress_at = time.monotonic()
        self._errors = 0
        self._uncertain = 0
        self._refusals = 0
        self._rejected_in_a_row = 0

    def is_open(self) -> bool:
        """Return whether the run may send anything more, now or later."""
        return self.stopped is None and self.budget.allows()

    def next_group(self) -> Group | None:
        """Return the content to send now, if any."""
        board = self._board
        if not board.to_send or not self.is_open() or time.monotonic() < self._not_before:
            return None
        if self.is_full:
            return None
        self._in_progress += 1
        self.budget.spend()
        return board.to_send.popleft()

    @property
    def is_full(self) -> bool:
        """Whether no document can be sent before a job has ended."""
        return not self.window.room(len(self._board.in_flight) + self._in_progress)

    def next_at(self) -> float:
        """Return when a submit may be due, in epoch seconds; infinity if none waits for a time."""
        left = self._not_before - time.monotonic()
        return time.time() + left if left > 0 and self._board.to_send else math.inf

    def progress(self) -> None:
        """Note that a job was accepted, has ended or was stored."""
        self._progress_at = time.monotonic()
        self._errors = 0

    def stop(self, error: ApiError) -> None:
        """Send no more; the reason that was there first stays."""
        if self.stopped is None:
            self.stopped = error
            log.warning("The run sends no more documents: %s", error)

    def close_if_ended(self) -> None:
        """Leave to the next run what this one may not send."""
        if self.stopped is not None:
            self._board.give_up_sending(f"not sent: {self.stopped.message}")
        elif not self.budget.allows():
            self._board.give_up_sending(f"not sent: {self.budget.limit}")

    def on_identified(self, document: SourceDocument, future: Future[str]) -> None:
        """Take in the fingerprint of a document, or why it could not be read."""
        try:
            fingerprint = future.result()
        except ApiError as error:
            self._unreadable(document, error)
            return
        self._ledger.note(*self._board.identified(document, fingerprint))

    def _unreadable(self, document: SourceDocument, error: ApiError) -> None:
        status = "left" if error.kind.is_transient else "failed"
        log.warning("%s", error)
        self._board.problems[document.source] = status, error.message

    def on_end(self, group: Group, future: Future[Submitted]) -> None:
        """Take in how a submit ended."""
        self._in_progress -= 1
        try:
            submitted = future.result()
        except BaseException:
            self._board.put_back(group)
            raise
        if submitted.job is not None:
            self._accepted(group)
            return
        error = submitted.error
        assert error is not None  # noqa: S101  # a submit has a job or an error
        if error.kind is ErrorKind.UNCERTAIN:
            self._uncertain_submit(group, error)
            return
        self.budget.take_back()
        if error.kind in _FOR_ALL or error.kind is ErrorKind.QUOTA:
            self._board.put_back(group)
            self.stop(error)
            if error.kind in _FOR_ALL:
                raise error
        elif not submitted.was_sent:
            self._not_sent(group, error)
        elif error.kind.is_transient:
            self._refused(group, error)
        else:
            self._rejected(group, error)

    def on_late_end(self, future: Future[Any]) -> None:
        """Take in a submit that ended after the loop was left: its job stands in the ledger."""
        self._in_progress -= 1

    def _accepted(self, group: Group) -> None:
        group.submitted = time.time()
        self._board.in_flight[group.fingerprint] = group
        self.window.on_accepted(len(self._board.in_flight))
        self._uncertain = self._refusals = self._rejected_in_a_row = 0
        self.progress()

    def _uncertain_submit(self, group: Group, error: ApiError) -> None:
        log.error("%s", error)
        self._board.close(group, "uncertain", error.message)
        self._uncertain += 1
        if self._uncertain >= _MOST_UNCERTAIN:
            self.stop(
                error.replace(kind=ErrorKind.TRANSPORT, fix="Check the network and the gateway to TextIn")
            )

    def _not_sent(self, group: Group, error: ApiError) -> None:
        """Handle an error of the document, of the ledger, of the lock, or of the way to TextIn."""
        lead = group.lead.source
        if error.kind in (ErrorKind.RATE_LIMIT, ErrorKind.TRANSPORT, ErrorKind.SERVER):
            self._board.put_back(group)
            self._wait_after(error)
        elif error.about.startswith(("Output folder", "Ledger", "output_path")):
            self._board.put_back(group)
            self.stop(error)
        else:
            self._unreadable(group.lead, error)
            rest = group.documents[1:]
            self._board.close(group, *self._board.problems[lead])
            self._board.retry_twins(rest, group.fingerprint)

    def _refused(self, group: Group, error: ApiError) -> None:
        """Send it again later: TextIn has refused it for its rate or its jobs, or has failed."""
        self._board.put_back(group)
        in_flight = len(self._board.in_flight)
        if error.kind is ErrorKind.RATE_LIMIT:
            self._refusals += 1
            # A message that speaks of the rate may mean jobs all the same, if waiting does not help.
            if error.is_job_limit or (in_flight and self._refusals > 1):
                self.window.on_refused(in_flight)
            if error.is_job_limit and in_flight:
                self._stop_if_stuck(error)
                return  # the end of a job makes room
        self._wait_after(error)

    def _wait_after(self, error: ApiError) -> None:
        self._errors += 1
        delay = max(backoff(self._errors, cap=30.0), error.retry_after or 0.0)
        self._not_before = time.monotonic() + delay
        self._stop_if_stuck(error)

    def _stop_if_stuck(self, error: ApiError) -> None:
        is_limit = error.kind is ErrorKind.RATE_LIMIT
        longest = self._rate_limit_timeout if is_limit else min(_LONGEST_OUTAGE, self._rate_limit_timeout)
        if time.monotonic() - self._progress_at > longest:
            self.stop(error)

    def _rejected(self, group: Group, error: ApiError) -> None:
        """Record that TextIn does not take a document, unless it is not because of the document."""
        if error.code in _OF_THE_SERVICE:
            self._board.put_back(group)
            self.stop(error)
            return
        log.error("%s", error)
        self._rejected_in_a_row = self._rejected_in_a_row + 1 if error.code in _OF_PARAMETERS else 0
        if self._rejected_in_a_row >= _MOST_OF_PARAMETERS:
            self.stop(error.replace(fix="Correct config, then set retry_failed=True to send them again"))
        self.progress()
        content = self._ledger.state.contents[group.fingerprint]
        self._ledger.note(content._replace(kind=FAILED, message=error.message, was=None))
        self._board.close(group, "failed", error.message)
