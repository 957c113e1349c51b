"""The steps of a run: what they ask of the hook, and which records they write or return."""

from __future__ import annotations

import logging
import re
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from tests.tasks.folder.samples import ACCOUNT, new_content, new_document
from textin_provider.api.errors import ApiError, ErrorKind
from textin_provider.api.xparse import XParseJob
from textin_provider.api.xparse.result_facts import ResultFacts
from textin_provider.hooks.stored_result import ResultOf, StoredResult
from textin_provider.hooks.tree import Tree
from textin_provider.tasks.folder import actions as actions_module
from textin_provider.tasks.folder.actions import Actions, Submitted, now_text
from textin_provider.tasks.folder.fingerprint import changed, content_of, fingerprint
from textin_provider.tasks.folder.ledger import Ledger
from textin_provider.tasks.folder.records import JOB, STORED, WITHDRAWN
from textin_provider.tasks.folder.sources import SourceDocument

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from textin_provider.api.xparse.on_partial import OnPartial
    from textin_provider.hooks.textin import TextInHook

NOW = "2026-05-06T07:08:09+00:00"
CONFIG = {"scope": {"page_range": "1-2"}}


class Hook:
    """A hook that keeps what it is asked, and submits as the test says."""

    def __init__(self, submit: Callable[[Any], None] = lambda record: None) -> None:
        self.submit = submit
        self.calls: list[tuple[tuple[Any, ...], dict[str, Any]]] = []
        self.facts = ResultFacts(pages=2)

    def submit_xparse_job(self, *values: Any, record: Any, **options: Any) -> None:
        self.calls.append((values, options))
        self.submit(record)

    def poll_xparse_job(self, job_id: str) -> XParseJob:
        return XParseJob(job_id, "completed")

    def store_xparse_result(self, *values: Any, **options: Any) -> StoredResult:
        self.calls.append((values, options))
        return StoredResult("xParse job j1", {"size_bytes": 12, "sha256": "sha"}, self.facts)


@pytest.fixture(autouse=True)
def _now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(actions_module, "now_text", lambda: NOW)


def new_actions(folder: Path, hook: Hook, **values: Any) -> Actions:
    output = Tree("output_path", str(folder / "out"))
    ledger = Ledger(output.below(".textin"), ACCOUNT, "a" * 12, {})
    members = {"account": ACCOUNT, "config": CONFIG, "config_digest": "cd", "on_partial": "warn"}
    rest = {"source_conn_id": None, "run": "r2", "check_lock": lambda: None}
    return Actions(
        hook=cast("TextInHook", hook), ledger=ledger, output=output, **{**members, **rest, **values}
    )


def new_source(folder: Path) -> SourceDocument:
    path = folder / "a.pdf"
    path.write_text("abc")
    return SourceDocument("/in/a.pdf", "a.pdf", str(path), 3, str(path.stat().st_mtime_ns))


URL = SourceDocument("https://x.example/a", "a", "https://x.example/a?sig=1")


def busy() -> ApiError:
    return ApiError(ErrorKind.SERVER, about="xParse submit of a.pdf", message="internal error")


def sent(record: Any) -> None:
    record.sending()
    record.accepted("j1")


def test_the_time_of_a_record_is_in_seconds_of_utc() -> None:
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", now_text())
    assert datetime.fromisoformat(now_text()).utcoffset() == timedelta(0)


def test_a_document_is_identified_by_content_configuration_and_account(tmp_path: Path) -> None:
    document = new_source(tmp_path)
    expected = fingerprint(content_of(document, None), "cd", ACCOUNT)
    assert new_actions(tmp_path, Hook()).identify(document) == expected


def test_the_connection_of_the_source_identifies_its_documents(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[Any, ...]] = []

    def content(*values: Any) -> str:
        asked.append(values)
        return "content"

    monkeypatch.setattr(actions_module, "content_of", content)
    new_actions(tmp_path, Hook(), source_conn_id="aws").identify(URL)
    assert asked == [(URL, "aws")]


def test_a_file_is_submitted_with_its_connection(tmp_path: Path) -> None:
    hook, document = Hook(sent), new_source(tmp_path)
    actions = new_actions(tmp_path, hook, source_conn_id="aws")
    job = new_content(JOB, job_id="j1", at=NOW)
    assert actions.submit(document, new_content()) == Submitted(job, None, True)
    options = {"file_conn_id": "aws", "rate_limit_timeout": 0}
    assert hook.calls == [((document.path, None, CONFIG), options)]
    assert actions.ledger.state.contents == {"f1": job}


def test_an_address_is_submitted_without_a_connection(tmp_path: Path) -> None:
    hook = Hook(sent)
    actions = new_actions(tmp_path, hook, source_conn_id="aws", config=None)
    assert actions.submit(URL, new_content()).was_sent
    assert hook.calls == [((None, URL.path, None), {"file_conn_id": None, "rate_limit_timeout": 0})]


@pytest.mark.parametrize(
    ("steps", "was_sent"), [((), False), (("sending",), True), (("sending", "refused"), True)]
)
def test_an_error_says_whether_textin_was_asked(
    steps: tuple[str, ...], was_sent: bool, tmp_path: Path
) -> None:
    error = busy()

    def submit(record: Any) -> None:
        for step in steps:
            getattr(record, step)()
        raise error

    found = new_actions(tmp_path, Hook(submit)).submit(URL, new_content())
    assert found == Submitted(None, error, was_sent)


def test_an_error_after_the_job_was_accepted_is_only_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def submit(record: Any) -> None:
        sent(record)
        raise busy()

    with caplog.at_level(logging.WARNING, actions_module.__name__):
        found = new_actions(tmp_path, Hook(submit)).submit(URL, new_content())
    assert found == Submitted(new_content(JOB, job_id="j1", at=NOW), None, True)
    assert [entry.getMessage() for entry in caplog.records] == [str(busy())]


def test_nothing_is_sent_of_a_document_that_was_changed(tmp_path: Path) -> None:
    document = new_source(tmp_path)._replace(size=4)
    actions = new_actions(tmp_path, Hook(sent))
    found = actions.submit(document, new_content())
    assert (found.job, found.was_sent) == (None, False)
    assert found.error is not None
    assert found.error.to_dict() == changed(document).to_dict()
    assert actions.ledger.state.contents == {}


def test_the_lock_is_checked_before_the_document_and_with_its_connection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []

    def is_unchanged(*values: Any) -> bool:
        asked.append(values)
        return True

    monkeypatch.setattr(actions_module, "is_unchanged", is_unchanged)
    actions = new_actions(tmp_path, Hook(sent), source_conn_id="aws", check_lock=lambda: asked.append("lock"))
    actions.submit(URL, new_content())
    assert asked == ["lock", (URL, "aws")]


def test_a_job_is_polled_by_its_id(tmp_path: Path) -> None:
    assert new_actions(tmp_path, Hook()).poll("j7") == XParseJob("j7", "completed")


def store(folder: Path, hook: Hook, job: XParseJob | None = None, **values: Any) -> tuple[Any, Any, Actions]:
    actions = new_actions(folder, hook, **values)
    actions.ledger.note(new_content(JOB, job_id="j1", message="old", failed=9))
    actions.ledger.note(new_document(version=4, copied=True), new_document("/in/b.pdf"))
    return *actions.store("/in/a.pdf", "f1", job), actions


def test_a_result_is_stored_and_its_records_are_returned(tmp_path: Path) -> None:
    hook, job = Hook(), XParseJob("j1", "completed")
    content, document, actions = store(tmp_path, hook, job)
    assert content == new_content(STORED, job_id="j1", pages=2)
    assert document == new_document(
        version=5, size_bytes=12, sha256="sha", stored_at=NOW, copied=False, run="r2"
    )
    options = {"document": ResultOf("/in/a.pdf", True), "job": job}
    assert hook.calls == [(("j1", f"{tmp_path}/out/a.pdf.json", None), options)]
    assert actions.ledger.state.contents["f1"].kind == JOB


def test_a_result_is_stored_with_the_connection_of_the_output_folder(tmp_path: Path) -> None:
    hook = Hook()
    output = cast("Tree", SimpleNamespace(path=lambda name: f"s3://out/{name}", conn_id="aws"))
    actions = new_actions(tmp_path, hook, config=None)
    actions.ledger.note(new_content(JOB), new_document())
    Actions(**{**vars(actions), "output": output}).store("/in/a.pdf", "f1", None)
    options = {"document": ResultOf("/in/a.pdf", False), "job": None}
    assert hook.calls == [(("", "s3://out/a.pdf.json", "aws"), options)]


@pytest.mark.parametrize(("on_partial", "is_logged"), [("warn", True), ("fail", True), ("ignore", False)])
def test_what_is_missing_of_a_result_stands_in_its_record(
    on_partial: OnPartial, is_logged: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    hook = Hook()
    hook.facts = ResultFacts(pages=2, page_count=4, failed_pages="3-4", failed=2, is_partial=True)
    with caplog.at_level(logging.WARNING, actions_module.__name__):
        content, _, _ = store(tmp_path, hook, on_partial=on_partial)
    missing = "2 of 4 pages (3-4) were not parsed"
    assert content == new_content(STORED, job_id="j1", pages=2, failed_pages="3-4", failed=2, message=missing)
    logged = [(entry.levelname, entry.getMessage()) for entry in caplog.records]
    assert logged == ([("WARNING", str(hook.facts.error("xParse job j1")))] if is_logged else [])


def test_a_result_is_copied_for_another_document_of_the_same_content(tmp_path: Path) -> None:
    actions = new_actions(tmp_path, Hook())
    actions.output.write("a.pdf.json", b"{}")
    actions.ledger.note(new_document("/in/b.pdf", output="b.json", version=2))
    holder = new_document(size_bytes=12, sha256="sha", stored_at="then")
    assert actions.copy("/in/b.pdf", holder) == new_document(
        "/in/b.pdf",
        output="b.json",
        version=3,
        size_bytes=12,
        sha256="sha",
        stored_at=NOW,
        copied=True,
        run="r2",
    )
    assert actions.output.read("b.json") == b"{}"
    assert actions.ledger.state.documents["/in/b.pdf"].version == 2


def test_a_refused_submit_leaves_a_withdrawn_record(tmp_path: Path) -> None:
    def submit(record: Any) -> None:
        record.sending()
        record.refused()
        raise busy()

    actions = new_actions(tmp_path, Hook(submit))
    actions.submit(URL, new_content())
    assert actions.ledger.state.contents == {"f1": new_content(WITHDRAWN, at=NOW)}
