"""What the tests of a run share: its options, an output folder in memory, and a loop that a test scripts."""

from __future__ import annotations

from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

from tests.tasks.folder.fakes import MemoryLedger
from textin_provider.tasks.folder import run
from textin_provider.tasks.folder.engine import Pause
from textin_provider.tasks.folder.options import FolderOptions, Leg
from textin_provider.tasks.folder.sources import Listing, SourceDocument

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    import pytest

    from textin_provider.hooks.tree import FoundFile
    from textin_provider.tasks.folder.records import Record

OPTIONS = FolderOptions(
    source="/in",
    output_path="/out",
    config={"a": 1},
    on_partial="warn",
    source_conn_id="source_conn",
    output_conn_id="output_conn",
    max_documents=None,
    max_pages=None,
    max_in_flight=None,
    retry_failed=False,
    resubmit_uncertain=False,
    raise_on_failure=True,
    deferrable=False,
    poll_interval=7.0,
    timeout=600.0,
    rate_limit_timeout=300.0,
)


class FakeTree:
    """An output folder in memory."""

    def __init__(self, address: str = "/out", files: Iterable[FoundFile] = ()) -> None:
        self.address = address
        self.found = list(files)
        self.listings = 0
        self.written: dict[str, bytes] = {}

    def path(self, name: str) -> str:
        return f"{self.address}/{name}"

    def files(self, is_skipped: Callable[[str], bool]) -> Iterator[FoundFile]:
        self.listings += 1
        return (file for file in self.found if not is_skipped(file.name.rpartition("/")[0]))

    def write_chunks(self, name: str, chunks: Callable[[], Iterable[bytes]]) -> None:
        self.written[name] = b"".join(chunks())


class RunLedger(MemoryLedger):
    """A ledger that tells what is asked of it."""

    def __init__(self, *records: Record) -> None:
        super().__init__(*records)
        self.calls: list[Any] = []

    def write(self, *records: Record) -> None:
        self.calls.append(("write", *records))

    def tidy(self, at_least: int = 256) -> None:
        self.calls.append(("tidy", at_least))


class FakeProgress:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []

    def found(self, total: int, ignored: int, remaining: int) -> None:
        self.told.append(("found", total, ignored, remaining))

    def report(self, remaining: int, in_flight: int, pages: Callable[[], int]) -> None:
        self.told.append(("report", remaining, in_flight, pages()))

    def ended(self, summary: dict[str, Any]) -> None:
        self.told.append(("ended", summary))


class FakeEngine:
    """The loop of a script."""

    def __init__(
        self,
        script: Script,
        actions: Any,
        board: Any,
        sending: Any,
        timing: Any,
        limits: Any,
        housekeeping: Any,
    ) -> None:
        script.engine = self
        self._script = script
        self.actions, self.board, self.sending = actions, board, sending
        self.timing, self.limits, self.housekeeping = timing, limits, housekeeping
        self.results = SimpleNamespace(unfinished=0, unstored=[])

    def work(self) -> Pause:
        return self._script.do(self)


class Script:
    """A leg of a run whose loop a test scripts; the source holds the documents ``listed``."""

    def __init__(
        self,
        monkeypatch: pytest.MonkeyPatch,
        *records: Record,
        listed: Iterable[SourceDocument] = (),
        ignored: int = 0,
        files: Iterable[FoundFile] = (),
        leg: Leg | None = None,
        most: int | None = None,
        options: FolderOptions = OPTIONS,
    ) -> None:
        self.ledger = RunLedger(*records)
        self.output = cast("Any", FakeTree(files=files))
        self.progress = FakeProgress()
        self.heartbeat = SimpleNamespace(check=lambda: self.ledger.calls.append("check"))
        self.is_stopped = False
        self.do: Callable[[FakeEngine], Pause] = lambda _: Pause.DONE
        self.engine: Any = None
        self.listing_asked: tuple[Any, ...] = ()
        listing = Listing(list(listed), ignored, "listed_conn")

        def list_source(*arguments: Any) -> Listing:
            self.listing_asked = arguments
            return listing

        monkeypatch.setattr(run, "list_source", list_source)
        monkeypatch.setattr(run, "Engine", partial(FakeEngine, self))
        hook: Any = SimpleNamespace(connection=SimpleNamespace(max_concurrent_jobs=most))
        progress: Any = self.progress
        self.run = run.FolderRun(options, hook, None, leg, lambda: self.is_stopped, progress)
        ledger: Any = self.ledger
        self.work = run._Work(self.run, self.output, ledger, "config-1", "run-1")

    def through(self, do: Callable[[Any], Pause] | None = None) -> Any:
        """Work through the leg, and return how it ends."""
        self.do = do or self.do
        actions: Any = "actions"
        heartbeat: Any = self.heartbeat
        return self.work.through(actions, heartbeat)
