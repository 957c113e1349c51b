"""A run from its lock to its end: what its parts are made of, and how it leaves the lock."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from tests.tasks.folder.fake_run import OPTIONS, FakeTree
from tests.tasks.folder.fakes import content, document, error, found, logged, stored
from textin_provider.hooks.tree import FoundFile
from textin_provider.tasks.folder import run as run_module
from textin_provider.tasks.folder.options import Leg
from textin_provider.tasks.folder.records import FAILED, JOB, merged
from textin_provider.tasks.folder.run import Finished, FolderRun, Waiting, _gone, _listing, _missing
from textin_provider.tasks.folder.sources import Listing, SourceDocument

if TYPE_CHECKING:
    from collections.abc import Iterator

TI = SimpleNamespace(dag_id="dag", run_id="scheduled", task_id="parse", try_number=2)


class Tree:
    """A folder that says where it is."""

    def __init__(self, *arguments: Any) -> None:
        self.where = arguments

    def below(self, name: str) -> Tree:
        return Tree(*self.where, name)


class Parts:
    """Stands in for the parts of a run, and keeps in their order what is asked of them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked: list[tuple[Any, ...]] = []
        self.ends: Any = None
        self.actions: Any = None
        self.hook: Any = SimpleNamespace(connection="connection", document_log_level=logging.INFO)
        parts = self

        class Lock:
            def __init__(self, tree: Tree, holder: Any) -> None:
                self.holder = replace(holder, token="kept")  # that of an earlier try
                parts.asked.append(("lock", tree.where, holder.task_id, holder.token))

            def acquire(self) -> Any:
                parts.asked.append(("acquire",))
                return self.holder

            def check(self) -> None:
                parts.asked.append(("check",))

            def wait_until(self, deadline: float) -> None:
                parts.asked.append(("wait until", deadline))

            def release(self, *, failed: bool) -> None:
                parts.asked.append(("release", failed))

        class Heartbeat:
            def __init__(self, lock: Lock) -> None:
                self.lock = lock

            @contextmanager
            def beating(self) -> Iterator[None]:
                parts.asked.append(("beating", type(self.lock).__name__))
                yield
                parts.asked.append(("beaten",))

        class Ledger:
            def __init__(self, tree: Tree, account: str, token: str, about: Any) -> None:
                parts.asked.append(("ledger", tree.where, account, token, about))

            def load(self) -> None:
                parts.asked.append(("load",))

        class Work:
            listing = SimpleNamespace(conn_id="listed_conn")

            def __init__(self, run: FolderRun, output: Tree, ledger: Ledger, digest: str, token: str) -> None:
                parts.asked.append(("work", run.ti, output.where, type(ledger).__name__, digest, token))

            def through(self, actions: Any, heartbeat: Heartbeat) -> Any:
                parts.actions = actions
                parts.asked.append(("through", type(heartbeat).__name__))
                if isinstance(parts.ends, Exception):
                    raise parts.ends
                return parts.ends

        monkeypatch.setattr(run_module, "RunLock", Lock)
        monkeypatch.setattr(run_module, "Heartbeat", Heartbeat)
        monkeypatch.setattr(run_module, "Ledger", Ledger)
        monkeypatch.setattr(run_module, "_Work", Work)
        monkeypatch.setattr(run_module, "Tree", Tree)
        monkeypatch.setattr(run_module, "secrets", SimpleNamespace(token_hex=lambda size: f"token-{size}"))
        monkeypatch.setattr(run_module, "config_digest", lambda config: f"digest of {config}")
        monkeypatch.setattr(run_module, "account_of", lambda connection: f"account of {connection}")
        monkeypatch.setattr(run_module, "check_source", lambda *value: self.asked.append(("source", *value)))

    def run(self, ends: Any) -> Any:
        self.ends = ends
        return FolderRun(OPTIONS, self.hook, TI).run()


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch) -> Parts:
    return Parts(monkeypatch)


def test_the_parts_of_a_run_are_used_in_their_order(parts: Parts) -> None:
    finished = Finished({}, None)
    assert parts.run(finished) is finished
    where = ("output_path", "/out", "output_conn")
    about = {"dag_id": "dag", "run_id": "scheduled", "task_id": "parse", "try_number": 2}
    assert parts.asked == [
        ("source", "/in", "source_conn"),
        ("lock", (*where, ".textin"), "parse", "token-6"),
        ("acquire",),
        ("beating", "Lock"),
        ("ledger", (*where, ".textin", "ledger"), "account of connection", "token-6", about),
        ("load",),
        ("work", TI, where, "Ledger", "digest of {'a': 1}", "kept"),
        ("through", "Heartbeat"),
        ("beaten",),
        ("release", False),
    ]
    assert parts.hook.document_log_level == logging.DEBUG


def test_the_actions_of_a_run_know_its_parts(parts: Parts) -> None:
    parts.run(Finished({}, None))
    actions = parts.actions
    assert actions.hook is parts.hook
    assert type(actions.ledger).__name__ == "Ledger"
    assert actions.account == "account of connection"
    assert actions.output.where == ("output_path", "/out", "output_conn")
    assert (actions.config, actions.config_digest) == ({"a": 1}, "digest of {'a': 1}")
    assert (actions.on_partial, actions.source_conn_id, actions.run) == ("warn", "listed_conn", "kept")
    parts.asked.clear()
    actions.check_lock()
    assert parts.asked == [("check",)]


def test_a_run_that_failed_leaves_its_name_in_the_lock(parts: Parts) -> None:
    parts.run(Finished({}, error()))
    assert parts.asked[-1] == ("release", True)


def test_a_run_that_breaks_leaves_its_name_in_the_lock(parts: Parts) -> None:
    with pytest.raises(ZeroDivisionError):
        parts.run(ZeroDivisionError())
    assert parts.asked[-1] == ("release", True)


def test_a_run_that_waits_keeps_the_lock_until_its_deadline(parts: Parts) -> None:
    waiting = Waiting(["job-a"], 1, Leg(1234.0))
    assert parts.run(waiting) is waiting
    assert parts.asked[-1] == ("wait until", 1234.0)


def test_a_run_by_itself_is_not_stopped_and_logs_its_progress(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    hook: Any = None
    run = FolderRun(OPTIONS, hook, TI)
    assert run.leg is None
    assert run.stop_requested() is False
    run.progress.found(2, 0, 1)
    assert logged(caplog) == [("INFO", "Found 2 documents: 1 of them are to be done.")]


@pytest.mark.parametrize(
    ("folder", "address", "is_own"),
    [
        ("/out", "/out/a.pdf.json", True),
        ("/out", "/out/manifest.jsonl", True),
        ("/out", "/out/.textin/lock.json", True),
        ("/out", "/out/.textin", False),
        ("/out", "/out/.textinx/lock.json", False),
        ("/out", "/out/b.pdf.json", False),
        ("/out", "/in/manifest.jsonl", False),
        ("/out", "manifest.jsonl", False),
        ("/", "/manifest.jsonl", True),
        ("s3://bucket/", "s3://bucket/a.pdf.json", True),
        ("s3://bucketX", "s3://bucketX/a.pdf.json", True),
        ("s3://bucketX", "s3://bucket/a.pdf.json", False),
    ],
)
def test_what_a_run_has_written_is_no_document(
    folder: str, address: str, is_own: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []
    listing = Listing()

    def list_source(*arguments: Any) -> Listing:
        asked.extend(arguments)
        return listing

    monkeypatch.setattr(run_module, "list_source", list_source)
    output: Any = FakeTree(folder)
    assert _listing(OPTIONS, output, {"a.pdf.json": "/in/a.pdf"}) is listing
    assert asked[:2] == ["/in", "source_conn"]
    assert asked[2](address) is is_own


def test_documents_with_jobs_in_flight_are_not_forgotten_when_they_are_gone() -> None:
    gone = document("gone.pdf", "g", size=12)
    state = merged(
        [
            document("there.pdf", "t"),
            content(JOB, "t"),
            stored("stored.pdf", "s"),
            content(JOB, "s"),
            document("failed.pdf", "f"),
            content(FAILED, "f"),
            document("unsent.pdf", "u"),
            gone,
            content(JOB, "g"),
        ]
    )
    assert _gone(state, Listing([found("there.pdf")])) == [
        SourceDocument("/in/gone.pdf", "gone.pdf.json", "/in/gone.pdf", 12, "mark-1")
    ]


def test_stored_results_that_are_not_in_the_output_folder_are_missing() -> None:
    names = ["a.pdf", "b.pdf", "c.pdf", "sub/d.pdf"]
    state = merged([*(stored(name, name) for name in names), document("e.pdf", "e")])
    output: Any = FakeTree(
        files=[
            FoundFile("a.pdf.json", 1, ""),
            FoundFile("b.pdf.json", 0, ""),
            FoundFile("sub/d.pdf.json", 9, ""),
            FoundFile("other.json", 9, ""),
        ]
    )
    assert _missing(state, output) == {"b.pdf.json", "c.pdf.json"}
    assert output.listings == 1


def test_the_folder_of_the_state_is_not_listed_for_results() -> None:
    state = merged([stored("a", "a", output=".textin/a.json"), stored("b", "b", output="sub/.textin/b.json")])
    output: Any = FakeTree(files=[FoundFile(".textin/a.json", 1, ""), FoundFile("sub/.textin/b.json", 1, "")])
    assert _missing(state, output) == {".textin/a.json"}


def test_without_stored_results_the_output_folder_is_not_listed() -> None:
    output: Any = FakeTree()
    assert _missing(merged([document("a.pdf", "a")]), output) == set()
    assert output.listings == 0
