"""What a run tells at its end: the line of each document, the summary, and the error of the task."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.tasks.folder.samples import AT, new_content, new_document
from textin_provider.api.errors import ApiError, ErrorKind
from textin_provider.tasks.folder.outcome import (
    MANIFEST,
    SUCCEEDED,
    Report,
    failed_documents,
    partial_documents,
    stopped_run,
)
from textin_provider.tasks.folder.records import FAILED, INTENT, JOB, STORED, WITHDRAWN, Record, merged
from textin_provider.tasks.folder.sources import SourceDocument

STORED_AT = "2026-01-02T04:00:00+00:00"


def listed(name: str, size: int = 7, mark: str = "m") -> SourceDocument:
    return SourceDocument(f"/in/{name}", name, f"/in/{name}", size, mark)


def known(name: str, kind: str | None, stored: bool = False, **values: Any) -> list[Record]:
    """Return the records of a document, and of its content if it has one."""
    of_document = {key: values.pop(key) for key in ("copied", "run") if key in values}
    result = {"size_bytes": 11, "sha256": f"sha-{name}", "stored_at": STORED_AT} if stored else {}
    output = f"{name}.json"
    document = new_document(f"/in/{name}", fingerprint=name, output=output, **result, **of_document)
    if kind is None:
        return [document]
    job = {"job_id": f"job-{name}"} if kind in (JOB, STORED) else {}
    return [document, new_content(kind, name, **{**job, **values})]


def report(
    documents: list[SourceDocument], *records: Record, problems: dict[str, tuple[str, str]] | None = None
) -> Report:
    return Report(documents, merged(records), problems or {}, "r1", lambda name: f"/out/{name}")


def line(document: SourceDocument, *records: Record, **options: Any) -> dict[str, Any]:
    (only,) = report([document], *records, **options).lines()
    value: dict[str, Any] = json.loads(only)
    return value


def blank(status: str, message: str | None, **values: Any) -> dict[str, Any]:
    names = ("job_id", "pages", "failed_pages", "size_bytes", "sha256", "submitted_at", "stored_at")
    members: dict[str, Any] = {"source": "/in/a", "status": status, "output_paths": {}, "message": message}
    return members | dict.fromkeys(names) | values


def test_the_words_of_a_manifest() -> None:
    assert MANIFEST == "manifest.jsonl"
    assert SUCCEEDED == ("succeeded", "partial")


def test_the_line_of_a_document_with_a_result() -> None:
    found = line(listed("a"), *known("a", STORED, stored=True, pages=3, failed_pages="2"))
    assert list(found.items()) == [
        ("source", "/in/a"),
        ("status", "succeeded"),
        ("output_paths", {"json": "/out/a.json"}),
        ("job_id", "job-a"),
        ("pages", 3),
        ("failed_pages", "2"),
        ("size_bytes", 11),
        ("sha256", "sha-a"),
        ("message", None),
        ("submitted_at", AT),
        ("stored_at", STORED_AT),
    ]


def test_the_line_of_a_partial_document_says_what_is_missing() -> None:
    found = line(listed("a"), *known("a", STORED, stored=True, message="page 2 failed"))
    assert (found["status"], found["message"]) == ("partial", "page 2 failed")
    assert found["output_paths"] == {"json": "/out/a.json"}


SENT = {"job_id": "job-a", "submitted_at": AT}


@pytest.mark.parametrize(
    ("records", "expected"),
    [
        ([], blank("left", "not read")),
        (known("a", None), blank("left", "not sent")),
        (known("a", None, stored=True), blank("left", "not sent")),
        (known("a", INTENT), blank("uncertain", "its submit did not end")),
        (known("a", JOB), blank("submitted", "its job has not ended", **SENT)),
        (known("a", JOB, stored=True), blank("submitted", "its job has not ended", **SENT)),
        (known("a", STORED, pages=3), blank("left", "not sent")),
        (known("a", FAILED, message="no"), blank("left", "not sent")),
        (known("a", WITHDRAWN), blank("left", "not sent")),
        (known("a", WITHDRAWN, was=INTENT), blank("uncertain", "its submit did not end")),
    ],
)
def test_the_line_of_a_document_without_a_result(records: list[Record], expected: dict[str, Any]) -> None:
    assert line(listed("a"), *records) == expected


@pytest.mark.parametrize("document", [listed("a", size=8), listed("a", mark="n")])
def test_a_document_that_was_changed_since_is_left(document: SourceDocument) -> None:
    records = known("a", STORED, stored=True)
    assert line(document, *records) == blank("left", "not read")


def test_the_problem_of_a_document_stands_in_its_line() -> None:
    records = known("a", JOB, stored=True)
    problem = {"/in/a": ("failed", "TextIn refused it")}
    assert line(listed("a"), *records, problems=problem) == blank("failed", "TextIn refused it", **SENT)
    assert line(listed("a"), problems=problem) == blank("failed", "TextIn refused it")
    left = {"/in/a": ("left", "its storage is slow")}
    assert line(listed("a"), *records, problems=left) == blank("left", "its storage is slow")


def test_documents_have_their_lines_in_the_order_of_the_source() -> None:
    lines = report([listed("b"), listed("a")]).lines()
    assert [json.loads(one)["source"] for one in lines] == ["/in/b", "/in/a"]


def test_the_summary_counts_documents_by_what_became_of_them() -> None:
    documents = [listed(name) for name in "abcdefghij"]
    records = [
        *known("a", STORED, stored=True, pages=3, failed=1),
        *known("b", STORED, stored=True, pages=4, failed=2, message="page 2 failed"),
        *known("c", STORED, stored=True, pages=50, failed=50, run="r0"),
        *known("d", STORED, stored=True, pages=60, failed=60, copied=True),
        *known("e", STORED, stored=True),
        *known("f", INTENT),
        *known("g", JOB),
    ]
    problems = {"/in/h": ("failed", "no"), "/in/i": ("left", "slow")}
    made = report(documents, *records, problems=problems).summary(5, "/out/manifest.jsonl")
    assert list(made.items()) == [
        ("found", 10),
        ("ignored", 5),
        ("submitted", 6),
        ("unchanged", 1),
        ("copied", 1),
        ("succeeded", 3),
        ("failed", 1),
        ("uncertain", 1),
        ("left", 2),
        ("pages", 7),
        ("failed_pages", 3),
        ("manifest_path", "/out/manifest.jsonl"),
    ]


def test_only_jobs_of_this_run_count_as_submitted() -> None:
    records = [
        new_content(JOB, "1", job_id="j"),
        new_content(JOB, "2", job_id="j", run="r0"),
        new_content(INTENT, "3"),
        new_content(FAILED, "4", job_id="j"),
    ]
    assert report([], *records).summary(0, "m")["submitted"] == 2


def test_documents_are_named_with_what_became_of_them() -> None:
    documents = [listed(name) for name in ("c", "b", "a\nx", "d", "e")]
    records = [
        *known("a\nx", STORED, stored=True, message="page 2 failed"),
        *known("b", STORED, stored=True, message="page 3 failed", run="r0"),
        *known("c", STORED, stored=True),
        *known("d", STORED, stored=True, message="page 4 failed"),
        *known("e", INTENT),
    ]
    made = report(documents, *records, problems={"/in/zz": ("failed", "no")})
    assert made.partial() == ["/in/a x: page 2 failed", "/in/d: page 4 failed"]
    assert made.named("uncertain") == ["/in/e: its submit did not end"]
    assert made.named("succeeded") == ["/in/c: None"]
    partial = ["/in/b: page 3 failed", "/in/a x: page 2 failed", "/in/d: page 4 failed"]
    assert made.named("partial") == partial
    assert made.named("failed") == []


def test_the_error_of_partial_documents() -> None:
    error = partial_documents(["a: x", "b: y"], 5)
    assert error.kind is ErrorKind.PARTIAL_RESULT
    assert str(error) == (
        "2 of 5 documents are partial: a: x; b: y. Their results are stored, and failed pages are not "
        "billed; on_partial='warn' accepts them."
    )
    assert partial_documents(["x"] * 22, 30).message == "; ".join(["x"] * 20) + "; and 2 more"


@pytest.mark.parametrize(
    ("failed", "uncertain", "kind", "text"),
    [
        (
            ["a: x", "b: y"],
            [],
            ErrorKind.JOB_FAILED,
            "2 failed of 9 documents: a: x; b: y. Correct them, or set retry_failed=True",
        ),
        (
            [],
            ["c: z"],
            ErrorKind.UNCERTAIN,
            "1 are uncertain of 9 documents: c: z. Correct them, or set resubmit_uncertain=True",
        ),
        (
            ["a: x"],
            ["c: z"],
            ErrorKind.JOB_FAILED,
            "1 failed and 1 are uncertain of 9 documents: a: x; c: z. "
            "Correct them, or set retry_failed=True and resubmit_uncertain=True",
        ),
    ],
)
def test_the_error_of_failed_and_uncertain_documents(
    failed: list[str], uncertain: list[str], kind: ErrorKind, text: str
) -> None:
    error = failed_documents(failed, uncertain, 9)
    assert error.kind is kind
    assert str(error) == f"{text} to send them again. The results of the others are stored."
    assert failed_documents(["x"] * 11, ["y"] * 11, 30).message.endswith("; and 2 more")


def test_the_error_of_a_run_that_stopped_says_how_many_documents_are_left() -> None:
    error = ApiError(ErrorKind.QUOTA, about="submit", message="no balance", code=40003, request_id="q1")
    stopped = stopped_run(error, 4)
    assert stopped.to_dict() == error.to_dict() | {"message": "no balance; 4 documents are left"}
