"""The end of a run: its manifest, its summary, and the error with which its task ends."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from tests.tasks.folder.fake_run import OPTIONS, Script
from tests.tasks.folder.fakes import content, document, error, found, stored
from textin_provider.api.errors import ErrorKind
from textin_provider.hooks.tree import FoundFile
from textin_provider.tasks.folder.engine import Pause
from textin_provider.tasks.folder.records import FAILED, INTENT, STORED

if TYPE_CHECKING:
    from textin_provider.api.errors import ApiError

pytestmark = pytest.mark.usefixtures("clock", "backoffs")
Patch = pytest.MonkeyPatch


def partial(name: str, message: str | None = "page 2 is missing") -> list[Any]:
    """Return the records of a document whose result this run has stored."""
    return [
        stored(f"{name}.pdf", name, run="run-1"),
        content(STORED, name, run="run-1", message=message, pages=3, failed_pages="2", failed=1),
    ]


def failed(name: str) -> list[Any]:
    return [document(f"{name}.pdf", name), content(FAILED, name, message="file corrupted")]


def uncertain(name: str) -> list[Any]:
    return [document(f"{name}.pdf", name), content(INTENT, name)]


def ended(
    monkeypatch: Patch,
    *records: Any,
    unfinished: int = 0,
    unstored: list[ApiError] | None = None,
    stopped: ApiError | None = None,
    **options: Any,
) -> tuple[Script, Any]:
    """Return a run over the documents of some records that has ended, and its end."""
    names = [record.source.removeprefix("/in/") for record in records if record.kind == "document"]
    script = Script(
        monkeypatch,
        *records,
        listed=[found(name) for name in names],
        ignored=2,
        files=[FoundFile(f"{name}.json", 5, "") for name in names],
        options=replace(OPTIONS, **options),
    )

    def do(engine: Any) -> Pause:
        engine.results.unfinished = unfinished
        engine.results.unstored = unstored or []
        if stopped:
            engine.sending.stop(stopped)
        return Pause.DONE

    return script, script.through(do)


def test_a_run_without_problems_ends_with_its_summary(monkeypatch: Patch) -> None:
    script, end = ended(monkeypatch, *partial("a", None), on_partial="fail")
    assert end.error is None
    assert end.summary == {
        "found": 1,
        "ignored": 2,
        "submitted": 1,
        "unchanged": 0,
        "copied": 0,
        "succeeded": 1,
        "failed": 0,
        "uncertain": 0,
        "left": 0,
        "pages": 3,
        "failed_pages": 1,
        "manifest_path": "/out/manifest.jsonl",
    }
    assert script.progress.told == [("found", 1, 2, 0), ("ended", end.summary)]


def test_the_manifest_has_a_line_for_each_document(monkeypatch: Patch) -> None:
    script, _ = ended(monkeypatch, *partial("a", None), document("b.pdf", "b"), *failed("c"))
    assert list(script.output.written) == ["manifest.jsonl"]
    lines = [json.loads(line) for line in script.output.written["manifest.jsonl"].splitlines()]
    assert [(line["source"], line["status"], line["message"]) for line in lines] == [
        ("/in/a.pdf", "succeeded", None),
        ("/in/b.pdf", "left", "not sent: the run has ended"),
        ("/in/c.pdf", "failed", "file corrupted"),
    ]
    assert lines[0]["output_paths"] == {"json": "/out/a.pdf.json"}


def test_a_run_that_stopped_sending_says_how_many_documents_are_left(monkeypatch: Patch) -> None:
    stopped = error(ErrorKind.QUOTA, "the balance is too low", fix="Top up")
    _, end = ended(
        monkeypatch,
        document("a.pdf", "a"),
        *failed("b"),
        stopped=stopped,
        unfinished=1,
        unstored=[error()],
    )
    assert end.error.kind is ErrorKind.QUOTA
    assert str(end.error) == "A document: the balance is too low; 1 documents are left. Top up."


@pytest.mark.parametrize(("timeout", "text"), [(600.0, "600s"), (0.5, "0.5s")])
def test_jobs_that_had_not_ended_in_time_are_told(timeout: float, text: str, monkeypatch: Patch) -> None:
    _, end = ended(monkeypatch, *failed("a"), unfinished=3, unstored=[error()], timeout=timeout)
    assert end.error.kind is ErrorKind.TIMEOUT
    assert str(end.error) == (
        f"The run: 3 jobs had not ended after timeout={text}. "
        "A retry, or the next run, waits for the same jobs again, free of charge."
    )


def test_results_that_were_not_stored_are_told(monkeypatch: Patch) -> None:
    unstored = [error(ErrorKind.STORAGE, "disk full", about="xParse job a")]
    _, end = ended(monkeypatch, *failed("a"), *failed("b"), unstored=unstored)
    assert end.error.kind is ErrorKind.STORAGE
    assert str(end.error) == (
        "1 of 2 xParse results were not stored, the others are: xParse job a: disk full."
    )


@pytest.mark.parametrize(
    ("records", "kind", "about"),
    [
        (failed("a"), ErrorKind.JOB_FAILED, "1 failed of 1 documents"),
        (uncertain("a"), ErrorKind.UNCERTAIN, "1 are uncertain of 1 documents"),
        (failed("a") + uncertain("b"), ErrorKind.JOB_FAILED, "1 failed and 1 are uncertain of 2 documents"),
        (failed("a") + partial("b"), ErrorKind.JOB_FAILED, "1 failed of 2 documents"),
    ],
)
def test_failed_and_uncertain_documents_fail_the_task(
    records: list[Any], kind: ErrorKind, about: str, monkeypatch: Patch
) -> None:
    _, end = ended(monkeypatch, *records, on_partial="fail")
    assert (end.error.kind, end.error.about) == (kind, about)
    assert end.error.message.startswith("/in/a.pdf: ")


@pytest.mark.parametrize("records", [failed("a"), uncertain("a")])
def test_failed_and_uncertain_documents_fail_no_task_that_accepts_them(
    records: list[Any], monkeypatch: Patch
) -> None:
    _, end = ended(monkeypatch, *records, raise_on_failure=False, on_partial="fail")
    assert end.error is None


@pytest.mark.parametrize("raises", [True, False])
def test_partial_results_fail_a_task_that_does_not_accept_them(raises: bool, monkeypatch: Patch) -> None:
    records = [*partial("a"), *partial("b", None)]
    _, end = ended(monkeypatch, *records, on_partial="fail", raise_on_failure=raises)
    assert end.error.kind is ErrorKind.PARTIAL_RESULT
    assert end.error.about == "1 of 2 documents are partial"
    assert end.error.message == "/in/a.pdf: page 2 is missing"


@pytest.mark.parametrize("on_partial", ["warn", "ignore"])
def test_partial_results_fail_no_task_that_accepts_them(on_partial: str, monkeypatch: Patch) -> None:
    _, end = ended(monkeypatch, *partial("a"), on_partial=on_partial)
    assert end.error is None
