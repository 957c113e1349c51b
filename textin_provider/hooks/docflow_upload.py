"""One upload of many files to a DocFlow batch: its requests, and what becomes of those that fail."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Any

from textin_provider.api.docflow import upload
from textin_provider.api.docflow.models import Selector
from textin_provider.api.docflow.options import PASSWORD_OPTION
from textin_provider.api.docflow.roster import Receipt, Roster
from textin_provider.api.docflow.upload import DocFlowUpload
from textin_provider.api.errors import ApiError, ErrorKind
from textin_provider.api.redaction import redacted
from textin_provider.api.retry import timing
from textin_provider.api.text import one_line, summarize
from textin_provider.hooks.guard import NoRecord, interrupted
from textin_provider.hooks.lineage import report
from textin_provider.hooks.rate_limit_wait import RateLimitWait

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from textin_provider.hooks.docflow import DocFlowMethods
    from textin_provider.hooks.docflow_sources import Resume, Sources

#: Requests in a row that bring no file into the batch before the upload leaves the rest to a retry.
_MOST_FAILURES = 2
#: Files of one page when a batch is asked for its uploads: those of an earlier try may carry much data.
_PAGE_SIZE = 200
#: Characters of a line of the log that names accepted files.
_MOST_NAMES = 2000


class _Acceptance(NoRecord):
    """Hands over what a request has accepted, before anything else can happen."""

    def __init__(self, take: Callable[[list[int], DocFlowUpload], None], chunk: list[int]) -> None:
        self._hand_over = partial(take, chunk)

    def accepted(self, value: Any) -> None:
        """Hand over what was accepted."""
        self._hand_over(value)


class BatchUpload:
    """
    One upload: sends the sources in requests of ten, and knows after each of them what was accepted.

    Without ``resume`` a request that may have been accepted is final. With it the batch is asked what it has,
    and only what is missing is sent, by this try or by the next one.
    """

    def __init__(
        self,
        hook: DocFlowMethods,
        sources: Sources,
        *,
        workspace_id: str,
        batch_number: str | None,
        options: Mapping[str, Any],
        resume: Resume | None,
        on_accepted: Callable[[DocFlowUpload], None] | None,
        rate_limit_timeout: float,
    ) -> None:
        self._hook = hook
        self._sources = sources
        self._workspace_id = workspace_id
        self._batch_number = batch_number
        self._options = options
        self._password = options[PASSWORD_OPTION]
        self._resume = resume
        self._on_accepted = on_accepted
        self._rate_limit_timeout = rate_limit_timeout
        self._roster = Roster(sources.names, [str(address) for address in sources.addresses])
        self._failures = 0
        self._reported = 0

    @property
    def accepted(self) -> DocFlowUpload:
        """What is known to be accepted so far."""
        return DocFlowUpload(self._batch_number, self._roster.accepted)

    def run(self) -> DocFlowUpload:
        """Send what the batch lacks and return the whole upload."""
        try:
            if self._resume and self._resume.asks_first:
                self._ask_before(self._resume)
            while chunk := self._roster.next_chunk(
                upload.MAX_PER_UPLOAD, distinct_names=self._resume is not None
            ):
                self._send_chunk(chunk)
        except ApiError as error:
            self._report()
            cause = None if self._password else error.__cause__
            raise self._explained(self._redacted(error)) from cause
        except BaseException as error:  # of any class: what was accepted is reported in any case
            self._report()
            if self._resume or not self.accepted.files:
                raise
            raise self._explained(self._interrupted(error)) from error
        return self.accepted

    def _send_chunk(self, chunk: list[int]) -> None:
        """Send some sources; with ``resume`` ask the batch for those that the response does not name."""
        try:
            unnamed = self._send(chunk)
        except ApiError as error:
            if not self._resume or error.kind is not ErrorKind.UNCERTAIN:
                raise
            self._settle(chunk, error)
            return
        self._failures = 0
        if not unnamed:
            return
        about = f"DocFlow upload of {one_line(', '.join(self._sources.describe(chunk)))}"
        if self._resume:
            self._ask(unnamed)
            unnamed = self._still_missing(unnamed)
        if unnamed:
            names = self._sources.describe(unnamed)
            few = upload.unnamed_files(about, self._batch_number, len(chunk), names)
            raise few if self._resume else few.as_uncertain()

    def _send(self, chunk: list[int]) -> list[int]:
        """Send one request and note what it accepts; return the sources that its response does not name."""
        is_local = self._sources.are_files
        addresses = [self._sources.addresses[source] for source in chunk]
        with ExitStack() as stack:
            opened = chunk if is_local else []
            documents = [stack.enter_context(self._sources.open(source)) for source in opened]
            request = upload.upload_files(
                self._workspace_id,
                documents=documents,
                urls=() if is_local else addresses,
                batch_number=self._batch_number,
                options=self._options,
            )
            # Noted within the guard of the request: no later exception can lose what was accepted.
            response = self._hook.send(
                request,
                record=_Acceptance(self._take, chunk),
                turn=RateLimitWait(self._hook, self._rate_limit_timeout),
            )
        report(self._hook, "input", addresses)
        self._note(response.files)
        return self._still_missing(chunk)

    def _take(self, chunk: list[int], response: DocFlowUpload) -> None:
        if self._resume and response.batch_number != self._batch_number:
            # The next try would ask a batch that does not have these files.
            self._resume = None
            self._hook.log.warning(
                "DocFlow put the files into batch %s instead of %s, which a retry would ask. An error is "
                "final from now on.",
                response.batch_number,
                self._batch_number,
            )
        self._batch_number = response.batch_number
        self._roster.take(chunk, response.files)

    def _note(self, receipts: Sequence[Receipt]) -> None:
        """Log accepted files by name, and report everything that is accepted so far."""
        if receipts:
            names = ", ".join(f"{receipt['name']} (file_id {receipt['file_id']})" for receipt in receipts)
            self._hook.log.info("DocFlow batch %s has %s.", self._batch_number, one_line(names, _MOST_NAMES))
        self._report()

    def _report(self) -> None:
        """Report everything that is accepted so far, unless it is reported already."""
        accepted = self.accepted
        if self._on_accepted and len(accepted.files) > self._reported:
            self._reported = len(accepted.files)
            self._on_accepted(accepted)

    def _settle(self, chunk: list[int], error: ApiError) -> None:
        """Ask the batch what it has of a request that may have been accepted."""
        cause = error.__cause__
        if cause is not None and not isinstance(cause, Exception):
            # A timeout or a signal ends this try as Airflow means it; the next one asks the batch.
            raise cause from None
        reason = _first_part(self._redacted(error))
        self._hook.log.warning("%s: %s. Asking the batch which files it has.", error.about, reason)
        self._ask(chunk)
        if len(self._still_missing(chunk)) < len(chunk):
            self._failures = 0
            return
        self._failures += 1
        if self._failures == _MOST_FAILURES:
            message = f"sent {self._failures} times without a usable response, and the batch lists none of it"
            raise error.replace(kind=ErrorKind.SERVER, message=f"{message}: {_first_part(error)}", fix="")

    def _ask_before(self, resume: Resume) -> None:
        """Ask the batch for what earlier tries sent; a new batch that is empty is not waited for."""
        listed = list(self._list())
        if listed or resume.may_have_sent:
            self._adopt(listed)
            self._ask(self._roster.missing)
        if count := len(self.accepted.files):
            rest = len(self._roster.missing)
            self._hook.log.info(
                "Batch %s has %d of the files already; sending %d.", self._batch_number, count, rest
            )

    def _ask(self, wanted: Sequence[int]) -> None:
        """
        Ask the batch until it lists the wanted sources, or has not grown for a while: it lists uploads late.

        :raises ApiError: if it cannot be asked, or holds files that match none of the missing sources.
        """
        most, quiet = -1, 0.0
        unknown: list[Receipt] = []
        while self._still_missing(wanted):
            unknown = self._adopt(self._list())
            size = len(self._roster) - len(self._roster.missing) + len(unknown)
            if size > most:
                most, quiet = size, 0.0
            elif quiet >= timing().list_settles:
                break
            if self._still_missing(wanted):
                self._hook.sleep(timing().list_interval)
                quiet += timing().list_interval
        if unknown and (missing := self._still_missing(wanted)):
            raise self._indistinct(missing, unknown)

    def _still_missing(self, sources: Sequence[int]) -> list[int]:
        missing = set(self._roster.missing)
        return [source for source in sources if source in missing]

    def _list(self) -> Iterator[Receipt]:
        selector = Selector.of(batch_number=self._batch_number)
        for files in self._hook.iter_docflow_files(selector, self._workspace_id, page_size=_PAGE_SIZE):
            yield from upload.listed_receipts(files)

    def _adopt(self, listed: Iterator[Receipt] | Sequence[Receipt]) -> list[Receipt]:
        """Note listed files; return those that belong to this upload, but to no known source of it."""
        before = {receipt["file_id"] for receipt in self.accepted.files}
        others = self._roster.adopt(listed)
        if new := [receipt for receipt in self.accepted.files if receipt["file_id"] not in before]:
            self._note(new)
        is_ours = self._resume is not None and self._resume.is_exclusive
        return [receipt for receipt in others if is_ours or receipt["file_id"] in before]

    def _indistinct(self, missing: Sequence[int], unknown: Sequence[Receipt]) -> ApiError:
        names = summarize([one_line(receipt["name"] or "no name") for receipt in unknown], len(unknown))
        sources = summarize(self._sources.describe(missing), len(missing))
        return ApiError(
            ErrorKind.UNCERTAIN,
            about=f"DocFlow files of batch_number={self._batch_number!r}",
            message=f"it holds files under other names ({names}), which may be the missing ones ({sources})",
            fix="Look in the DocFlow console which are missing, and upload them with durable=False",
        )

    def _redacted(self, error: ApiError) -> ApiError:
        return redacted(error, [self._password] if self._password else [])

    def _interrupted(self, error: BaseException) -> ApiError:
        return self._redacted(interrupted(f"DocFlow upload of {len(self._roster)} files", error))

    def _explained(self, error: ApiError) -> ApiError:
        """Return the error with what was accepted before it, and what to do about the rest."""
        accepted = self.accepted
        if not accepted.files:
            return error
        explain = upload.resumably_failed if self._resume else upload.partly_accepted
        return explain(error, accepted, self._sources.addresses)


def _first_part(error: ApiError) -> str:
    """Return the message without the remark that files may have been accepted, which was found out."""
    return error.message.partition("; the documents may have been accepted")[0]
