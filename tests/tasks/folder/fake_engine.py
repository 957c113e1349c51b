"""What the tests of the loop share: actions that end at once or are held, and a loop without threads."""

from __future__ import annotations

from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from tests.tasks.folder.fakes import Work, content, done, stored
from textin_provider.api.poll_timing import PollTiming
from textin_provider.api.xparse import XParseJob
from textin_provider.tasks.folder.actions import Submitted
from textin_provider.tasks.folder.engine import Engine, Limits
from textin_provider.tasks.folder.records import JOB, STORED, Content, Document

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tests.tasks.folder.fakes import Clock
    from textin_provider.tasks.folder.sources import SourceDocument


class Ended(Exception):
    """Ends the loop of a test."""


class Waited(NamedTuple):
    """What a wait for futures returns, in their order."""

    done: list[Future[Any]]
    not_done: list[Future[Any]]


class Pool:
    """Stands in for the pool of threads: actions end at once, or never while they are held."""

    def __init__(self, clock: Clock) -> None:
        self.holds = False
        #: The names and arguments of the actions that were started.
        self.started: list[tuple[Any, ...]] = []
        self.futures: list[Future[Any]] = []
        self.made_with: tuple[int, str] | None = None
        self.shut_down_with: dict[str, bool] | None = None
        self.waits: list[tuple[int, float | None, str]] = []
        self._clock = clock

    def make(self, workers: int, thread_name_prefix: str = "") -> Pool:
        self.made_with = workers, thread_name_prefix
        return self

    def submit(self, action: Any) -> Future[Any]:
        self.started.append((action.func.__name__, *action.args))
        self.futures.append(Future() if self.holds else done(action()))
        return self.futures[-1]

    def shutdown(self, **options: bool) -> None:
        self.shut_down_with = options

    def wait(
        self, futures: Iterable[Future[Any]], timeout: float | None = None, return_when: str = "ALL_COMPLETED"
    ) -> Waited:
        futures = list(futures)
        self.waits.append((len(futures), timeout, return_when))
        ended = [future for future in futures if future.done()]
        if not ended:
            self._clock.now += timeout or 0.0
        return Waited(ended, [future for future in futures if not future.done()])

    @property
    def kinds(self) -> list[str]:
        """The kinds of the actions that were started."""
        return [name for name, *_ in self.started]


class FakeActions:
    """Actions that succeed; jobs have the status ``status``."""

    config = None
    run = "run-1"

    def __init__(self, ledger: Any) -> None:
        self.ledger = ledger
        self.status = "completed"

    def identify(self, document: SourceDocument) -> str:
        return document.name.removesuffix(".pdf")

    def submit(self, document: SourceDocument, intent: Content) -> Submitted:
        job = intent._replace(kind=JOB, job_id=f"job-{intent.fingerprint}")
        self.ledger.note(job)
        return Submitted(job, was_sent=True)

    def poll(self, job_id: str) -> XParseJob:
        return XParseJob(job_id, self.status)

    def store(self, source: str, fingerprint: str, job: XParseJob | None) -> tuple[Content, Document]:
        known = self.ledger.state.documents[source]
        record = known._replace(stored_at="now", run=self.run, version=known.version + 1)
        return content(STORED, fingerprint, run=self.run, pages=1), record

    def copy(self, source: str, holder: Document) -> Document:
        return stored(source.removeprefix("/in/"), holder.fingerprint, version=9)


class Loop(Work):
    """A run with its loop; housekeeping ends it after some turns."""

    def __init__(
        self,
        *records: Content | Document,
        deadline: float = 5000.0,
        poll_interval: float = 20.0,
        deferrable: bool = False,
        housekeeping: Callable[[], None] | None = None,
        **options: Any,
    ) -> None:
        super().__init__(*records, **options)
        self.actions = cast("Any", FakeActions(self.ledger))
        self.turns = 0
        self.turns_left = 1000
        self.timing = PollTiming(poll_interval)
        limits = Limits(deadline, poll_interval, deferrable)
        self.engine = Engine(
            self.actions, self.board, self.sending, self.timing, limits, housekeeping or self._housekeeping
        )

    def _housekeeping(self) -> None:
        if self.turns >= self.turns_left:
            raise Ended
        self.turns += 1

    def fly(self, *names: str) -> None:
        """Have a job in flight for each name."""
        self.queue(*names)
        for _ in names:
            self.accept()

    def end(self, *names: str) -> None:
        """Have a job that has ended for each name."""
        self.fly(*names)
        for name in names:
            self.board.to_store.append(self.board.in_flight.pop(name))
