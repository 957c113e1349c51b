"""One leg of a run: from the lock to the summary, or to a deferral from which another leg goes on."""

from __future__ import annotations

import logging
import secrets
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from textin_provider.api.errors import ApiError, ErrorKind
from textin_provider.api.job_window import JobWindow
from textin_provider.api.poll_timing import PollTiming
from textin_provider.hooks.tree import Tree
from textin_provider.tasks.folder.actions import Actions
from textin_provider.tasks.folder.board import Board, Rules
from textin_provider.tasks.folder.budget import Budget
from textin_provider.tasks.folder.engine import Engine, Limits, Pause
from textin_provider.tasks.folder.fingerprint import account_of, config_digest
from textin_provider.tasks.folder.heartbeat import Heartbeat
from textin_provider.tasks.folder.ledger import Ledger
from textin_provider.tasks.folder.lock import Holder, RunLock
from textin_provider.tasks.folder.names import ResultNames
from textin_provider.tasks.folder.options import Leg
from textin_provider.tasks.folder.outcome import (
    MANIFEST,
    Report,
    failed_documents,
    partial_documents,
    stopped_run,
)
from textin_provider.tasks.folder.progress import Progress
from textin_provider.tasks.folder.records import JOB
from textin_provider.tasks.folder.sending import Sending
from textin_provider.tasks.folder.sources import Listing, SourceDocument, check_source, list_source

if TYPE_CHECKING:
    from collections.abc import Callable

    from textin_provider.hooks.textin import TextInHook
    from textin_provider.tasks.folder.options import FolderOptions
    from textin_provider.tasks.folder.records import State

log = logging.getLogger(__name__)

STATE_FOLDER = ".textin"
_LEDGER = "ledger"


class Waiting(NamedTuple):
    """
    The end of a leg that can only wait.

    :param job_ids: the jobs in flight.
    :param wake_after: how many of them must have ended for the run to go on.
    """

    job_ids: list[str]
    wake_after: int
    leg: Leg


class Finished(NamedTuple):
    """The end of a run: its summary, and the error with which the task ends, if any."""

    summary: dict[str, Any]
    error: ApiError | None


@dataclass
class FolderRun:
    """
    A run of a task over its folder.

    :param ti: the task instance, which the lock names.
    :param stop_requested: returns whether Airflow has asked the task to end.
    """

    options: FolderOptions
    hook: TextInHook
    ti: Any
    leg: Leg | None = None
    stop_requested: Callable[[], bool] = lambda: False
    progress: Progress = field(default_factory=lambda: Progress(log.info))

    def run(self) -> Waiting | Finished:
        """
        Work until the run has ended or can only wait.

        :raises ApiError: if nothing could be sent: a bad argument, another run, a ledger that is not usable.
        """
        options = self.options
        # Each document has a line in the manifest; the log tells the progress instead.
        self.hook.document_log_level = logging.DEBUG
        digest = config_digest(options.config)
        account = account_of(self.hook.connection)
        check_source(options.source, options.source_conn_id)
        output = Tree("output_path", options.output_path, options.output_conn_id)
        state = output.below(STATE_FOLDER)
        lock = RunLock(state, Holder.of(self.ti, secrets.token_hex(6)))
        holder = lock.acquire()
        ended: Waiting | Finished | None = None
        heartbeat = Heartbeat(lock)
        try:
            with heartbeat.beating():
                about = {
                    name: getattr(holder, name) for name in ("dag_id", "run_id", "task_id", "try_number")
                }
                ledger = Ledger(state.below(_LEDGER), account, secrets.token_hex(6), about)
                ledger.load()
                work = _Work(self, output, ledger, digest, holder.token)
                actions = Actions(
                    self.hook,
                    ledger,
                    account,
                    output,
                    options.config,
                    digest,
                    options.on_partial,
                    work.listing.conn_id,
                    holder.token,
                    lock.check,
                )
                ended = work.through(actions, heartbeat)
        finally:
            if isinstance(ended, Waiting):
                lock.wait_until(ended.leg.deadline)
            else:
                lock.release(failed=ended is None or ended.error is not None)
        return ended


class _Work:
    """The work of a leg, with all that it needs."""

    def __init__(self, run: FolderRun, output: Tree, ledger: Ledger, digest: str, token: str) -> None:
        options = run.options
        self._run = run
        self._output = output
        self._ledger = ledger
        self._token = token
        state = ledger.state
        results = {
            document.output: document.source for document in state.documents.values() if document.output
        }
        self.listing = _listing(options, output, results)
        self.listing.documents += _gone(state, self.listing)
        self._deadline = run.leg.deadline if run.leg else time.time() + options.timeout
        rules = Rules(digest, token, options.retry_failed, options.resubmit_uncertain)
        self._board = Board(state, rules, ResultNames(results), _missing(state, output))
        self._board.add(self.listing.documents)
        if not self.listing.documents:
            log.warning("source=%s holds no documents.", options.source)
        run.progress.found(len(self.listing.documents), self.listing.ignored, self._board.remaining)

    def through(self, actions: Actions, heartbeat: Heartbeat) -> Waiting | Finished:
        """Work through the board, and return how the leg ends."""
        options, board = self._run.options, self._board
        timing = PollTiming(options.poll_interval)
        sending = self._sending()

        def housekeeping() -> None:
            heartbeat.check()
            self._ledger.tidy()
            self._run.progress.report(board.remaining, len(board.in_flight), self._pages)
            if self._run.stop_requested():
                raise ApiError(
                    ErrorKind.TRANSPORT,
                    about="The run",
                    message="Airflow has ended the task",
                    fix="A retry goes on",
                )

        limits = Limits(self._deadline, options.poll_interval, options.deferrable)
        engine = Engine(actions, board, sending, timing, limits, housekeeping)
        error: ApiError | None = None
        try:
            pause = engine.work()
        except ApiError as fatal:
            log.error("The run ends: %s", fatal)
            pause, error = Pause.DONE, fatal
        finally:
            self._ledger.write()
            self._ledger.tidy(at_least=2)
        if pause is Pause.WAITING:
            return self._waiting(sending)
        return self._finished(engine, error)

    def _sending(self) -> Sending:
        options, leg, state = self._run.options, self._run.leg, self._ledger.state
        most = options.max_in_flight or self._run.hook.connection.max_concurrent_jobs or None
        window = JobWindow(most, size=leg.window if leg else None)
        own = [
            content for content in state.contents.values() if content.run == self._token and content.job_id
        ]
        pages = sum(content.pages or 1 for content in own)
        budget = Budget(options.max_documents, options.max_pages, sent=len(own), pages=pages)
        stopped = ApiError.from_dict(leg.stopped) if leg and leg.stopped else None
        return Sending(self._board, self._ledger, window, budget, options.rate_limit_timeout, stopped)

    def _pages(self) -> int:
        contents = self._ledger.state.contents.values()
        return sum(content.pages or 0 for content in list(contents) if content.run == self._token)

    def _waiting(self, sending: Sending) -> Waiting:
        board = self._board
        contents = self._ledger.state.contents
        job_ids = [contents[fingerprint].job_id or "" for fingerprint in board.in_flight]
        has_more = bool(board.to_send or board.to_identify) and sending.is_open()
        wake_after = max(1, len(job_ids) // 2) if has_more else len(job_ids)
        stopped = sending.stopped.to_dict() if sending.stopped else None
        log.info("All %d jobs in flight are in work at TextIn; waiting for %d.", len(job_ids), wake_after)
        return Waiting(job_ids, wake_after, Leg(self._deadline, sending.window.size, stopped))

    def _finished(self, engine: Engine, fatal: ApiError | None) -> Finished:
        self._board.give_up_sending("not sent: the run has ended")
        report = Report(
            self.listing.documents, self._ledger.state, self._board.problems, self._token, self._output.path
        )
        self._output.write_chunks(MANIFEST, report.lines)
        summary = report.summary(self.listing.ignored, self._output.path(MANIFEST))
        self._run.progress.ended(summary)
        return Finished(summary, fatal or self._error(engine, report, summary))

    def _error(self, engine: Engine, report: Report, summary: dict[str, Any]) -> ApiError | None:
        """Return the error with which the task ends."""
        if engine.sending.stopped is not None:
            return stopped_run(engine.sending.stopped, summary["left"])
        if engine.results.unfinished:
            message = (
                f"{engine.results.unfinished} jobs had not ended after timeout={self._run.options.timeout:g}s"
            )
            fix = "A retry, or the next run, waits for the same jobs again, free of charge"
            return ApiError(ErrorKind.TIMEOUT, about="The run", message=message, fix=fix)
        if engine.results.unstored:
            from textin_provider.polling.xparse import unstored_results

            return unstored_results(engine.results.unstored, summary["found"])
        failed, uncertain = report.named("failed"), report.named("uncertain")
        if self._run.options.raise_on_failure and (failed or uncertain):
            return failed_documents(failed, uncertain, summary["found"])
        partial = report.partial() if self._run.options.on_partial == "fail" else []
        return partial_documents(partial, summary["found"]) if partial else None


def _listing(options: FolderOptions, output: Tree, results: dict[str, str]) -> Listing:
    """List the source, without what the run itself has written there."""
    prefix = f"{output.address.rstrip('/')}/"

    def is_own(address: str) -> bool:
        name = address.removeprefix(prefix)
        return name != address and (
            name in results or name == MANIFEST or name.startswith(f"{STATE_FOLDER}/")
        )

    return list_source(options.source, options.source_conn_id, is_own)


def _gone(state: State, listing: Listing) -> list[SourceDocument]:
    """Return the documents whose jobs are in flight, and which are not in the source any more."""
    found = {document.source for document in listing.documents}
    return [
        SourceDocument(document.source, document.output, document.source, document.size, document.mark)
        for document in state.documents.values()
        if document.stored_at is None
        and document.source not in found
        and state.standing(document.fingerprint) == JOB
    ]


def _missing(state: State, output: Tree) -> set[str]:
    """Return the names of stored results that are not in the output folder any more."""
    missing = {document.output for document in state.documents.values() if document.stored_at}
    if missing:
        for found in output.files(lambda folder: folder == STATE_FOLDER):
            if found.size:
                missing.discard(found.name)
    return missing
