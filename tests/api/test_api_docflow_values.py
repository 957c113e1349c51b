"""The exact values of DocFlow's requests, files, progress and summary."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from textin_provider.api.docflow.fetch import PageWalk, count_files, fetch_page, query_of
from textin_provider.api.docflow.models import (
    DocFlowFile,
    FilePage,
    RecognitionStatus,
    Selector,
    VerificationStatus,
    files_of,
    integer,
)
from textin_provider.api.docflow.progress import Progress, poll_progress
from textin_provider.api.docflow.summary import BatchSummary, failed_files
from textin_provider.api.docflow.upload import DocFlowUpload, upload_files
from textin_provider.api.errors import ApiError, ErrorKind
from textin_provider.api.inputs import Document
from textin_provider.api.protocol import Response, Service

BATCH = Selector("batch_number", "b")


def file(file_id: str, status: int = 1, **values: Any) -> DocFlowFile:
    return DocFlowFile(file_id, status, **values)


def counted(body: bytes, status: int = 200) -> FilePage:
    return count_files("w", BATCH).read(Response(status, body))


def test_a_fetch_is_described_by_its_selector_or_workspace() -> None:
    assert fetch_page("w", BATCH).about == "DocFlow files of batch_number='b'"
    assert fetch_page("w").about == "DocFlow files of workspace w"


@pytest.mark.parametrize(
    ("status", "query"),
    [(None, ()), (RecognitionStatus.PENDING, (("recognition_status", "0"),))],
)
def test_a_count_is_a_page_of_one_file(
    status: RecognitionStatus | None, query: tuple[tuple[str, str], ...]
) -> None:
    request = count_files("w", BATCH, status)
    first = (("workspace_id", "w"), ("page", "1"), ("page_size", "1"), ("batch_number", "b"))
    assert request.params == first + query
    assert (request.method, request.service, request.is_read) == ("GET", Service.DOCFLOW, True)
    assert request.about == "DocFlow files of batch_number='b'"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"code": 200, "result": {"total": 7, "files": [{"id": 1}]}}', FilePage((), 7)),
        (b'{"code": "200", "msg": "ok", "result": {"total": "0", "files": [', FilePage((), 0)),
    ],
)
def test_a_count_before_the_files_is_read_without_them(body: bytes, expected: FilePage) -> None:
    assert counted(body) == expected


@pytest.mark.parametrize(
    "body",
    [
        b'{"code": 200, "result": {"files": [{"id": 1}], "total": 7}}',
        b'{"result": {"total": 7, "files": [{"id": 1}]}, "code": 200}',
        b'{"code": 200, "result": {"count": 1, "files": [{"id": 1}], "total": 7}}',
    ],
)
def test_a_count_elsewhere_is_read_with_the_files(body: bytes) -> None:
    page = counted(body)
    assert ([found.file_id for found in page.files], page.total) == (["1"], 7)


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b'{"code": 500, "result": {"total": 7}}', 200, 500),
        (b'{"code": 200, "result": {"total": 7}}', 300, 300),
        (b'{"code": 200, "result": {"total": 7}}', 502, 502),
    ],
)
def test_a_count_of_an_error_is_not_read(body: bytes, status: int, code: int) -> None:
    with pytest.raises(ApiError) as caught:
        counted(body, status)
    assert (caught.value.code, caught.value.about) == (code, "DocFlow files of batch_number='b'")


def test_a_count_below_300_is_read() -> None:
    assert counted(b'{"code": 200, "result": {"total": 7, "files": []}}', 299).total == 7


def test_the_data_of_another_key_is_not_counted() -> None:
    assert counted(b'{"code": 200, "data": {"total": 7, "files": []}}') == FilePage((), None)


def test_query_values_are_text() -> None:
    assert query_of({"a": True, "b": False, "c": None, "d": 0, "e": ""}) == (
        ("a", "true"),
        ("b", "false"),
        ("d", "0"),
        ("e", ""),
    )


@pytest.mark.parametrize(
    ("value", "expected"),
    [(3, 3), ("3", 3), (" 3 ", 3), (0, 0), (True, -9), (None, -9), ("x", -9), (float("inf"), -9), ([], -9)],
)
def test_an_integer_is_read_or_has_its_default(value: Any, expected: int) -> None:
    assert integer(value, default=-9) == expected
    assert integer("x") is None


def test_records_without_an_id_are_no_files() -> None:
    assert [found.file_id for found in files_of([{"id": 1}, {"id": ""}, None, {"id": "2"}])] == ["1", "2"]
    assert files_of({"id": 1}) == ()


def test_a_file_has_no_further_values_by_default() -> None:
    found = file("1")
    assert (found.verification, found.is_part, found.children) == (VerificationStatus.UNKNOWN, False, ())
    assert (found.task_id, found.name, found.format, found.batch_number) == (None, None, None, None)
    assert (found.category, found.failure_causes, found.duration_ms, found.record) == (None, None, None, {})


def walk(*pages: FilePage) -> tuple[list[list[str]], PageWalk]:
    walking = PageWalk("w", BATCH, page_size=2)
    found = []
    for page in pages:
        assert walking.next_request() is not None
        found.append([taken.file_id for taken in walking.take(page)])
    return found, walking


def page_of(total: int | None, *ids: str) -> FilePage:
    return FilePage(tuple(file(file_id) for file_id in ids), total)


def test_a_walk_has_the_largest_pages_by_default() -> None:
    request = PageWalk("w", None).next_request()
    assert request is not None
    assert request.params == (("workspace_id", "w"), ("page", "1"), ("page_size", "1000"))


def test_a_walk_that_met_too_few_files_begins_again_at_the_first_page() -> None:
    found, walking = walk(page_of(3, "1", "2"), page_of(3))
    assert found == [["1", "2"], []]
    request = walking.next_request()
    assert request is not None
    assert dict(request.params)["page"] == "1"
    assert [taken.file_id for taken in walking.take(page_of(3, "1", "2"))] == []
    assert [taken.file_id for taken in walking.take(page_of(3, "3"))] == ["3"]
    assert walking.next_request() is None


def test_three_walks_that_met_too_few_files_are_an_error() -> None:
    _, walking = walk(*[page_of(3, "1"), page_of(3)] * 2, page_of(3, "1", "2"))
    with pytest.raises(ApiError) as caught:
        walking.take(page_of(3))
    error = caught.value
    assert (error.kind, error.about) == (ErrorKind.SERVER, "DocFlow files of batch_number='b'")
    assert error.message == "only 2 of 3 files appeared in 3 walks"
    assert error.fix == "Retry when no file is pending"


def test_totals_that_change_in_each_walk_end_the_third() -> None:
    changing = [page_of(3, "1", "2"), page_of(4, "3", "4")]
    found, walking = walk(*changing * 3)
    assert found == [["1", "2"], ["3", "4"], [], [], [], []]
    assert walking.next_request() is None


def test_a_steady_total_ends_the_first_walk() -> None:
    _, walking = walk(page_of(4, "1", "2"), page_of(4, "3", "4"))
    assert walking.next_request() is None


@pytest.mark.parametrize(
    ("progress", "expected", "settled", "words"),
    [
        (
            Progress(0, 0, 0, 0, False),
            0,
            False,
            "no file is visible; check the id and the workspace if that stays so",
        ),
        (Progress(3, 1, 1, 1, False), 3, True, "3 of 3 done, 1 failed"),
        (Progress(3, 1, 1, 1, False), 4, False, "3 of 3 (4 expected) done, 1 failed"),
        (Progress(3, 1, 1, 0, True), 1, False, "2 of 3 done, 1 failed"),
        (Progress(None, 1, 0, 0, False), 5, True, "no file in progress is visible"),
        (Progress(None, 0, 0, 0, False), 5, False, "no file in progress is visible"),
        (Progress(None, 1, 0, 0, True), 1, False, "some are in progress"),
    ],
)
def test_progress_is_settled_and_described(
    progress: Progress, expected: int, settled: bool, words: str
) -> None:
    assert progress.is_settled(expected) is settled
    assert progress.describe(expected) == words


def test_progress_without_totals_counts_the_first_file_of_each_state() -> None:
    seen: dict[str, tuple[DocFlowFile, ...]] = {"1": (file("1"),), "10": (file("2", 10),)}

    flow, page = poll_progress("w", Selector("file_id", "f")), None
    ended: list[Any] = []
    while not ended:
        try:
            query = dict(flow.send(page).params)
        except StopIteration as end:
            ended.append(end.value)
        else:
            assert query["file_id"] == "f"
            page = FilePage(seen.get(query.get("recognition_status", ""), ()), None)
    assert ended == [Progress(None, 1, 0, 1, False)]


def test_a_summary_adds_up_each_value() -> None:
    summary = BatchSummary(Selector("task_id", "t"))
    failed = file("3", 2, task_id="t3", name="c.pdf", failure_causes="bad", batch_number="b9")
    summary.add([file("1", 1, duration_ms=5), file("2", 10, duration_ms=9), failed, file("4", 0), failed])
    assert summary.to_dict() == {
        "batch_number": "b9",
        "total": 4,
        "succeeded": 1,
        "failed": 1,
        "classified": 1,
        "duration_ms": {"total": 14, "max": 9},
        "failures": [{"file_id": "3", "task_id": "t3", "name": "c.pdf", "failure_causes": "bad"}],
    }
    assert (summary.uploaded, summary.pending) == (4, 1)
    assert summary.describe(1) == "3 of 4 done, 1 failed"
    assert summary.describe(9) == "3 of 4 (9 expected) done, 1 failed"
    assert not summary.is_settled(4)


@pytest.mark.parametrize(("expected", "settled"), [(0, True), (1, True), (2, True), (3, False)])
def test_a_summary_is_settled_with_as_many_files_as_expected(expected: int, settled: bool) -> None:
    summary = BatchSummary(BATCH)
    assert not summary.is_settled(0)
    summary.add([file("1"), file("2", 2)])
    assert summary.is_settled(expected) is settled


def test_a_hundred_failures_are_listed() -> None:
    summary = BatchSummary(BATCH)
    summary.add([file(str(number), 2) for number in range(101)])
    assert [failure["file_id"] for failure in summary.failures] == [str(number) for number in range(100)]
    assert summary.failed == 101


def test_failed_files_are_an_error_that_names_them() -> None:
    failures = [
        {"file_id": "1", "name": "a.pdf", "failure_causes": "bad"},
        {"file_id": "2", "name": None, "failure_causes": None},
    ]
    error = failed_files(BATCH, {"failed": 3, "total": 5, "failures": failures})
    assert (error.kind, error.about) == (ErrorKind.FILES_FAILED, "DocFlow files of batch_number='b'")
    assert error.message == (
        "3 of 5 failed: a.pdf (file_id 1): bad; unnamed (file_id 2): no cause given; and 1 more"
    )
    assert error.fix == "Correct these files and upload them again; the others are done"


def test_an_upload_of_documents_has_no_json_and_an_upload_of_urls_no_parts() -> None:
    documents = [Document("a.pdf", 1, io.BytesIO(b"a")), Document("b.pdf", 1, io.BytesIO(b"b"))]
    request = upload_files("w", documents=documents, options={"category": "c", "split_flag": None})
    assert (request.about, request.json) == ("DocFlow upload of a.pdf, b.pdf", None)
    assert request.params == (("workspace_id", "w"), ("category", "c"))
    urls = upload_files("w", urls=[" http://h/a "])
    assert (urls.parts, json.loads(urls.json or "")) == ((), {"urls": ["http://h/a"]})


def test_an_upload_is_read_with_all_its_files() -> None:
    records = [{"id": 1, "task_id": 2, "name": "a", "format": "pdf"}, {"id": 3}]
    body = {"code": 200, "result": {"batch_number": None, "files": records}}
    request = upload_files("w", urls=["http://h/a"], batch_number="b")
    assert request.read(Response(200, json.dumps(body).encode())) == DocFlowUpload(
        "b",
        (
            {"file_id": "1", "task_id": "2", "name": "a", "format": "pdf"},
            {"file_id": "3", "task_id": None, "name": None, "format": None},
        ),
    )
