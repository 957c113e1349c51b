"""What a run has to do: documents to identify, contents to send, jobs to poll, results to store. No I/O."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from textin_provider.tasks.folder.records import DOCUMENT, FAILED, INTENT, JOB, STORED, Content, Document

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textin_provider.api.xparse import XParseJob
    from textin_provider.tasks.folder.names import ResultNames
    from textin_provider.tasks.folder.records import State
    from textin_provider.tasks.folder.sources import SourceDocument


@dataclass
class Group:
    """
    The documents of one content: the first is sent, the others get copies of its result.

    :ivar polls: how often its job was polled in this process.
    :ivar polled: epoch seconds of the last poll, 0 before the first one.
    :ivar due: epoch seconds of the next poll; of the first poll of a job that this process has submitted, the
        poll timing decides.
    :ivar submitted: epoch seconds of its submit by this process, 0 if another one has submitted it.
    :ivar stores: how often storing its result has failed.
    :ivar job: its job as it was polled last, if it has ended.
    """

    fingerprint: str
    documents: list[SourceDocument]
    polls: int = 0
    polled: float = 0.0
    due: float = 0.0
    submitted: float = 0.0
    errors: int = 0
    stores: int = 0
    job: XParseJob | None = None

    @property
    def lead(self) -> SourceDocument:
        """The document that is sent, or whose result is stored first."""
        return self.documents[0]


@dataclass(frozen=True)
class Rules:
    """What a run may send again, and the digest of its configuration."""

    config: str
    run: str
    retry_failed: bool = False
    resubmit_uncertain: bool = False


class Board:
    """
    The work of one run, derived from the ledger's state and the documents that were found.

    :param missing: names of stored results that are not in the output folder any more.
    :ivar problems: why documents are not done, by source: ``(status, message)``.
    """

    def __init__(self, state: State, rules: Rules, names: ResultNames, missing: set[str]) -> None:
        self.to_identify: deque[SourceDocument] = deque()
        self.to_send: deque[Group] = deque()
        self.in_flight: dict[str, Group] = {}
        self.to_store: deque[Group] = deque()
        self.to_copy: deque[tuple[SourceDocument, Document]] = deque()
        self.problems: dict[str, tuple[str, str]] = {}
        self._state = state
        self._rules = rules
        self._names = names
        self._missing = missing
        #: Contents that are queued, being sent, or in flight.
        self._groups: dict[str, Group] = {}
        #: Contents that this process has tried to send: none is sent twice by one process.
        self._tried: set[str] = set()
        self._holders = _Holders(state, missing)
        self._found: set[str] = set()

    def add(self, documents: Sequence[SourceDocument]) -> None:
        """Take in the documents that were found."""
        self._found = {document.source for document in documents}
        for document in documents:
            seen = self._state.documents.get(document.source)
            if document.problem is not None:
                self.problems[document.source] = "failed", document.problem
            # A document that has come back from another place has no result of its own any more.
            elif seen is None or not seen.output or not self._is_as_seen(document, seen):
                self.to_identify.append(document)
            elif not self._is_done(seen):
                self._place(document, seen.fingerprint)

    def _is_as_seen(self, document: SourceDocument, seen: Document) -> bool:
        return (document.size, document.mark, self._rules.config) == (seen.size, seen.mark, seen.config)

    def _is_done(self, seen: Document) -> bool:
        return seen.stored_at is not None and seen.output not in self._missing

    def identified(self, document: SourceDocument, fingerprint: str) -> list[Document]:
        """Take in the fingerprint of a document, and return the records of that for the ledger."""
        seen = self._state.documents.get(document.source)
        if seen and seen.fingerprint == fingerprint and self._is_done(seen):
            return [self._touched(document, seen)]
        output = seen.output if seen else ""
        if not output:
            moved = self._moved(document, fingerprint)
            if moved:
                return moved
            output = self._names.choose(document.name, document.source)
        record = Document(
            DOCUMENT,
            document.source,
            document.size,
            document.mark,
            self._rules.config,
            fingerprint,
            output,
            self._rules.run,
            version=seen.version + 1 if seen else 1,
        )
        self._state.merge(record)
        self._place(document, fingerprint)
        return [record]

    def _touched(self, document: SourceDocument, seen: Document) -> Document:
        """Return the record of a document whose result is there, under the mark that it has now."""
        return seen._replace(
            source=document.source,
            size=document.size,
            mark=document.mark,
            config=self._rules.config,
            copied=True,
            run=self._rules.run,
            version=seen.version + 1,
        )

    def _moved(self, document: SourceDocument, fingerprint: str) -> list[Document] | None:
        """Take over the result of a document that is gone, if it has the same name and content."""
        name = self._names.plain(document.name)
        owner = self._names.owner(name)
        former = self._state.documents.get(owner) if owner else None
        if former is None or former.source in self._found or former.fingerprint != fingerprint:
            return None
        if not self._is_done(former):
            return None
        self._names.hand_over(name, document.source)
        without_result = former._replace(output="", stored_at=None, version=former.version + 1)
        seen = self._state.documents.get(document.source)
        version = seen.version + 1 if seen else 1
        return [self._touched(document, former)._replace(version=version), without_result]

    def _place(self, document: SourceDocument, fingerprint: str) -> None:
        """Put a document where its content belongs."""
        if group := self._groups.get(fingerprint):
            group.documents.append(document)
            return
        standing = self._state.standing(fingerprint)
        content = self._state.contents.get(fingerprint)
        if standing == STORED:
            self._restore(document, fingerprint)
        elif standing == JOB:
            self.in_flight[fingerprint] = self._group(document, fingerprint)
        elif standing is None or self._may_send_again(standing, fingerprint):
            self.to_send.append(self._group(document, fingerprint))
        elif standing == FAILED:
            self.problems[document.source] = "failed", (content and content.message) or "no reason given"
        else:
            self.problems[document.source] = "uncertain", _uncertain(content)

    def _may_send_again(self, standing: str, fingerprint: str) -> bool:
        if fingerprint in self._tried:
            return False
        return self._rules.retry_failed if standing == FAILED else self._rules.resubmit_uncertain

    def _group(self, document: SourceDocument, fingerprint: str) -> Group:
        group = self._groups[fingerprint] = Group(fingerprint, [document])
        return group

    def _restore(self, document: SourceDocument, fingerprint: str) -> None:
        """Copy the result from another document that has it, or fetch it again."""
        holder = self._holders.of(fingerprint)
        if holder is not None and holder.source != document.source:
            self.to_copy.append((document, holder))
        else:
            self.to_store.append(self._group(document, fingerprint))

    def next_attempt(self, group: Group) -> Content:
        """Return the intent of the next submit of a content, and note that it is tried."""
        self._tried.add(group.fingerprint)
        known = self._state.contents.get(group.fingerprint)
        return Content(
            INTENT,
            group.fingerprint,
            1 + (known.attempt if known else 0),
            group.lead.source,
            "",
            self._rules.run,
            was=known.standing if known else None,
            message=known.message if known else None,
        )

    def put_back(self, group: Group) -> None:
        """Queue a content again whose submit was refused, and which may be sent later."""
        self._tried.discard(group.fingerprint)
        self.to_send.appendleft(group)

    @property
    def remaining(self) -> int:
        """The number of documents that are not done."""
        queued = len(self.to_identify) + len(self.to_copy)
        return queued + sum(len(group.documents) for group in self._groups.values())

    def close(self, group: Group, status: str, message: str) -> None:
        """End a content without a result."""
        self._groups.pop(group.fingerprint, None)
        self.in_flight.pop(group.fingerprint, None)
        for document in group.documents:
            self.problems[document.source] = status, message

    def stored(self, group: Group, record: Document) -> None:
        """End a content whose result is stored for the first of its documents; the others get copies."""
        self._groups.pop(group.fingerprint, None)
        self.in_flight.pop(group.fingerprint, None)
        self._missing.discard(record.output)
        self._holders.add(record)
        for document in group.documents[1:]:
            self.to_copy.append((document, record))

    def retry_twins(self, documents: list[SourceDocument], fingerprint: str) -> None:
        """Send another document of a content whose first document could not be read."""
        for document in documents:
            del self.problems[document.source]
            self._tried.discard(fingerprint)
            self._place(document, fingerprint)

    def fetch_instead(self, document: SourceDocument, fingerprint: str) -> None:
        """Fetch a result from TextIn that could not be copied."""
        self.to_store.append(self._group(document, fingerprint))

    def give_up_sending(self, message: str) -> None:
        """Leave what is not sent to the next run."""
        while self.to_send:
            self.close(self.to_send.popleft(), "left", message)
        while self.to_identify:
            self.problems[self.to_identify.popleft().source] = "left", message


@dataclass
class _Holders:
    """Finds a document that has the result of a content; the index is made when it is first needed."""

    state: State
    missing: set[str]
    _index: dict[str, Document] = field(default_factory=dict)
    _is_made: bool = False

    def of(self, fingerprint: str) -> Document | None:
        if not self._is_made:
            self._is_made = True
            for document in self.state.documents.values():
                if document.stored_at is not None and document.output not in self.missing:
                    self._index[document.fingerprint] = document
        holder = self._index.get(fingerprint)
        # Its result may have been replaced meanwhile by that of a new content.
        now = self.state.documents.get(holder.source) if holder else None
        return now if now and now.fingerprint == fingerprint and now.stored_at else None

    def add(self, document: Document) -> None:
        self._index[document.fingerprint] = document


def _uncertain(content: Content | None) -> str:
    began = content.at if content else "an unknown time"
    return (
        f"a submit that began at {began} did not end, perhaps because its worker died. TextIn may have "
        "accepted the document; set resubmit_uncertain=True to send it again"
    )
