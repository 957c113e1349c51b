"""The steps of a run that take time: each runs in a thread, and leaves the decisions to the engine."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from textin_provider.api.errors import ApiError
from textin_provider.api.text import one_line
from textin_provider.api.xparse.endpoints import chooses_pages
from textin_provider.hooks.stored_result import ResultOf
from textin_provider.tasks.folder.fingerprint import changed, content_of, fingerprint
from textin_provider.tasks.folder.records import JOB, STORED, WITHDRAWN, Content, Document
from textin_provider.tasks.folder.sources import is_unchanged

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from textin_provider.api.xparse import XParseJob
    from textin_provider.api.xparse.on_partial import OnPartial
    from textin_provider.hooks.textin import TextInHook
    from textin_provider.hooks.tree import Tree
    from textin_provider.tasks.folder.ledger import Ledger
    from textin_provider.tasks.folder.segments import Account
    from textin_provider.tasks.folder.sources import SourceDocument

log = logging.getLogger(__name__)


def now_text() -> str:
    """Return the time as records hold it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


class SubmitRecord:
    """
    Writes a submit into the ledger: its intent before it is sent, its job right after it was accepted.

    :param check: raises if nothing may be sent.
    :ivar is_open: whether an intent stands in the ledger for which nothing was accepted yet.
    """

    def __init__(self, ledger: Ledger, intent: Content, check: Callable[[], None]) -> None:
        self._ledger = ledger
        self._intent = intent
        self._check = check
        self.is_open = False
        self.was_refused = False
        self._is_withdrawn = False
        self.job: Content | None = None

    def sending(self) -> None:
        """Write the intent."""
        if self.is_open:
            return
        self._check()
        # After a withdrawn attempt this is another one: within an attempt, withdrawn holds over intent.
        attempt = self._intent.attempt + self._is_withdrawn
        self._is_withdrawn = False
        self._intent = self._intent._replace(at=now_text(), attempt=attempt)
        try:
            self._ledger.write(self._intent)
        except BaseException:
            self._ledger.note(self._withdraw())  # it may have been written all the same
            raise
        self.is_open = True

    def refused(self) -> None:
        """Withdraw the intent: nothing was accepted."""
        self.is_open, self.was_refused = False, True
        try:
            self._ledger.write(self._withdraw())
        except Exception as error:  # of any class: the next segment holds it
            log.warning("The ledger could not be written: %s", one_line(error))

    def _withdraw(self) -> Content:
        self._is_withdrawn = True
        return self._intent._replace(kind=WITHDRAWN)

    def accepted(self, job_id: str) -> None:
        """Write the job; if the storage fails, the run goes on with it and writes it again."""
        self.is_open = False
        self.job = self._intent._replace(kind=JOB, job_id=job_id, at=now_text(), was=None, message=None)
        try:
            self._ledger.write(self.job)
        except Exception as error:  # of any class: the job is paid for, and must be stored
            log.error(
                "xParse job %s of %s is accepted, but the ledger could not be written: %s",
                job_id,
                self._intent.source,
                one_line(error),
            )


@dataclass(frozen=True)
class Submitted:
    """
    How a submit ended.

    :param was_sent: whether TextIn was asked: if not, the error is of the document or its storage.
    """

    job: Content | None = None
    error: ApiError | None = None
    was_sent: bool = False


@dataclass(frozen=True)
class Actions:
    """
    The steps of a run.

    :param output: the output folder.
    :param run: token of the run.
    :param check_lock: raises if the run may send no more.
    """

    hook: TextInHook
    ledger: Ledger
    account: Account
    output: Tree
    config: Mapping[str, Any] | str | None
    config_digest: str
    on_partial: OnPartial
    source_conn_id: str | None
    run: str
    check_lock: Callable[[], None]

    @cached_property
    def _chose_pages(self) -> bool:
        return chooses_pages(self.config)

    def identify(self, document: SourceDocument) -> str:
        """Return the fingerprint of a document, which is read for that."""
        return fingerprint(content_of(document, self.source_conn_id), self.config_digest, self.account)

    def submit(self, document: SourceDocument, intent: Content) -> Submitted:
        """Send a document."""

        def check() -> None:
            self.check_lock()
            if not is_unchanged(document, self.source_conn_id):
                raise changed(document)

        record = SubmitRecord(self.ledger, intent, check)
        try:
            self.hook.submit_xparse_job(
                None if document.is_url else document.path,
                document.path if document.is_url else None,
                self.config,
                file_conn_id=None if document.is_url else self.source_conn_id,
                rate_limit_timeout=0,
                record=record,
            )
        except ApiError as error:
            if record.job is None:
                return Submitted(error=error, was_sent=record.is_open or record.was_refused)
            log.warning("%s", error)
        return Submitted(record.job, was_sent=True)

    def poll(self, job_id: str) -> XParseJob:
        """Return the state of a job."""
        return self.hook.poll_xparse_job(job_id)

    def store(self, source: str, fingerprint: str, job: XParseJob | None) -> tuple[Content, Document]:
        """
        Store the result of a content for a document, and return their records.

        :param job: the job as it was just polled.
        """
        content = self.ledger.state.contents[fingerprint]
        document = self.ledger.state.documents[source]
        stored = self.hook.store_xparse_result(
            content.job_id or "",
            self.output.path(document.output),
            self.output.conn_id,
            document=ResultOf(source, self._chose_pages),
            job=job,
        )
        stored.log_missing(self.on_partial, log.warning)
        facts, at = stored.facts, now_text()
        return (
            content._replace(
                kind=STORED,
                pages=facts.pages,
                failed_pages=facts.failed_pages,
                failed=facts.failed or None,
                message=facts.missing,
            ),
            document._replace(
                size_bytes=stored.manifest["size_bytes"],
                sha256=stored.manifest["sha256"],
                stored_at=at,
                copied=False,
                run=self.run,
                version=document.version + 1,
            ),
        )

    def copy(self, source: str, holder: Document) -> Document:
        """Copy the result of another document, and return the record of the copy."""
        document = self.ledger.state.documents[source]
        self.output.copy(holder.output, document.output)
        return document._replace(
            size_bytes=holder.size_bytes,
            sha256=holder.sha256,
            stored_at=now_text(),
            copied=True,
            run=self.run,
            version=document.version + 1,
        )
