"""What came of the files of a batch, and the error that names those that failed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from textin_provider.api.docflow.models import DocFlowFile, Selector
from textin_provider.api.docflow.summary import BatchSummary, failed_files
from textin_provider.api.errors import ApiError, ErrorKind
from textin_provider.exceptions import TextInFilesFailedError

SELECTOR = Selector("batch_number", "202611210001")
CAUSE = "文件格式不支持"

#: The sample of the vendor's page about the states of tasks.
SAMPLE: list[dict[str, Any]] = [
    {
        "id": "1981234567890123456",
        "task_id": "1981234567890123457",
        "batch_number": "202611210001",
        "name": "invoice.pdf",
        "recognition_status": 1,
        "failure_causes": None,
        "duration_ms": 15000,
        "data": {"fields": [{"key": "Total", "value": "100.00"}]},
    },
    {
        "id": "1981234567890123458",
        "task_id": "1981234567890123459",
        "batch_number": "202611210001",
        "name": "notes.xyz",
        "recognition_status": 2,
        "failure_causes": CAUSE,
        "duration_ms": 8000,
        "data": None,
    },
]


def file(file_id: int | str, status: int = 1, **fields: Any) -> DocFlowFile:
    read = DocFlowFile.of({"id": str(file_id), "recognition_status": status, **fields})
    assert read is not None
    return read


def part(file_id: int | str, status: int = 1, **fields: Any) -> dict[str, Any]:
    return {"id": str(file_id), "recognition_status": status, "task_type": 0, **fields}


def parent(file_id: int | str, *parts: dict[str, Any], status: int = 1, **fields: Any) -> DocFlowFile:
    return file(file_id, status, task_type=2, child_files=list(parts), **fields)


def summed(*files: DocFlowFile, selector: Selector = SELECTOR) -> BatchSummary:
    summary = BatchSummary(selector)
    summary.add(files)
    return summary


def counts(summary: BatchSummary) -> tuple[int, int, int, int, int]:
    return summary.total, summary.succeeded, summary.failed, summary.classified, summary.pending


def test_the_sample_of_the_vendor_adds_up() -> None:
    summary = summed(*(read for record in SAMPLE if (read := DocFlowFile.of(record))))

    assert summary.is_settled(2)
    assert summary.to_dict() == {
        "batch_number": "202611210001",
        "total": 2,
        "succeeded": 1,
        "failed": 1,
        "classified": 0,
        "duration_ms": {"total": 23000, "max": 15000},
        "failures": [
            {
                "file_id": "1981234567890123458",
                "task_id": "1981234567890123459",
                "name": "notes.xyz",
                "failure_causes": CAUSE,
            }
        ],
    }


def test_nothing_added_is_never_settled() -> None:
    summary = BatchSummary(SELECTOR)

    assert not summary.is_settled(0)
    assert not summary.is_settled(1)
    assert summary.to_dict()["duration_ms"] == {"total": 0, "max": 0}
    assert "no file is visible" in summary.describe(1)


@pytest.mark.parametrize("status", [0, 3, 4, 5, 6, 7, 20, 8, 99, -1])
def test_a_file_that_has_not_ended_keeps_the_batch_moving(status: int) -> None:
    summary = summed(file(1), file(2, status))

    assert counts(summary) == (2, 1, 0, 0, 1)
    assert not summary.is_settled(1)


def test_as_many_files_as_expected_must_have_come() -> None:
    summary = summed(file(1), file(2))

    assert [summary.is_settled(expected) for expected in (0, 1, 2, 3)] == [True, True, True, False]


def test_pages_are_added_one_after_the_other_and_a_file_on_two_of_them_counts_once() -> None:
    summary = BatchSummary(SELECTOR)
    for page in ([file(1, duration_ms=5), file(2, 2)], [file(2, 2), file(3, 10)], [file(1, duration_ms=5)]):
        summary.add(page)

    assert counts(summary) == (3, 1, 1, 1, 0)
    assert summary.uploaded == 3
    assert len(summary.failures) == 1
    assert summary.duration_total_ms == 5


def test_a_child_that_failed_in_a_parent_that_succeeded_is_a_failure() -> None:
    summary = summed(parent(1, part(2), part(3, 2, name="page 2", failure_causes=CAUSE)))

    assert counts(summary) == (3, 2, 1, 0, 0)
    assert summary.uploaded == 1
    assert [failure["file_id"] for failure in summary.failures] == ["3"]
    assert summary.is_settled(1)


def test_a_child_in_work_keeps_a_parent_that_succeeded_moving() -> None:
    assert not summed(parent(1, part(2, 4))).is_settled(1)


def test_children_are_not_files_that_were_expected() -> None:
    summary = summed(parent(1, part(2), part(3)))

    assert summary.is_settled(1)
    assert not summary.is_settled(2)


@pytest.mark.parametrize("order", ["parent first", "children first"])
def test_children_that_are_listed_beside_their_parent_count_once(order: str) -> None:
    children = [part(2, duration_ms=5), part(3, 2, duration_ms=5)]
    listed = [parent(1, *children, duration_ms=12), *(file(**_record(child)) for child in children)]

    summary = summed(*(listed if order == "parent first" else listed[::-1]))

    assert counts(summary) == (3, 2, 1, 0, 0)
    assert summary.uploaded == 1
    assert (summary.duration_total_ms, summary.duration_max_ms) == (12, 12)
    assert len(summary.failures) == 1


def _record(record: dict[str, Any]) -> dict[str, Any]:
    return {"file_id": record["id"], "status": record["recognition_status"]} | {
        name: value for name, value in record.items() if name not in ("id", "recognition_status")
    }


@pytest.mark.parametrize("task_type", [0, 3], ids=["split off", "cropped out"])
@pytest.mark.parametrize("parameter", ["file_id", "task_id"])
def test_a_document_within_a_file_can_be_waited_for_by_itself(parameter: str, task_type: int) -> None:
    child = file(2, task_type=task_type, duration_ms=5)

    summary = summed(child, selector=Selector(parameter, "2"))

    assert summary.is_settled(1)
    assert summary.to_dict()["total"] == 1


def test_durations_that_are_unknown_count_as_nothing() -> None:
    summary = summed(file(1, duration_ms=None), file(2, duration_ms=7), file(3))

    assert summary.to_dict()["duration_ms"] == {"total": 7, "max": 7}


@pytest.mark.parametrize("parameter", ["file_id", "task_id"])
def test_the_batch_number_comes_from_the_file_where_it_was_not_asked_for(parameter: str) -> None:
    assert summed(file(1, batch_number="b7"), selector=Selector(parameter, "1")).batch_number == "b7"
    assert summed(file(1), selector=Selector(parameter, "1")).to_dict()["batch_number"] is None


def test_classified_files_have_ended_well() -> None:
    summary = summed(file(1, 10), file(2, 10))

    assert counts(summary) == (2, 0, 0, 2, 0)
    assert summary.is_settled(2)
    assert summary.failures == []


def test_a_hundred_failures_are_listed_and_all_are_counted() -> None:
    summary = summed(*(file(number, 2, failure_causes=CAUSE) for number in range(250)), file("good"))
    value = summary.to_dict()

    assert (value["total"], value["failed"], value["succeeded"]) == (251, 250, 1)
    assert [failure["file_id"] for failure in value["failures"]] == [str(number) for number in range(100)]


def test_the_summary_is_small_plain_json_without_document_text() -> None:
    files = (file(n, 2, failure_causes="x y " * 500, data={"fields": ["hush"] * 1000}) for n in range(300))
    value = summed(*files).to_dict()

    text = json.dumps(value)
    assert json.loads(text) == value
    assert "hush" not in text
    assert len(text) < 100_000


def test_the_summary_that_was_handed_out_does_not_change_any_more() -> None:
    summary = summed(file(1, 2))
    value = summary.to_dict()
    summary.add([file(2, 2)])

    assert (value["failed"], len(value["failures"])) == (1, 1)


def failing(count: int, **fields: Any) -> ApiError:
    record = {"name": "发票.pdf", "failure_causes": CAUSE} | fields
    ids = range(1981234567890123000, 1981234567890123000 + count)
    return failed_files(SELECTOR, summed(*(file(number, 2, **record) for number in ids)).to_dict())


def test_the_error_names_batch_file_id_and_cause() -> None:
    fault = failed_files(
        SELECTOR, summed(*(DocFlowFile.of(record) or file(0) for record in SAMPLE)).to_dict()
    )

    assert fault.kind is ErrorKind.FILES_FAILED
    assert type(fault) is TextInFilesFailedError
    assert "batch_number='202611210001': 1 of 2 failed" in str(fault)
    assert f"notes.xyz (file_id 1981234567890123458): {CAUSE}" in str(fault)
    assert "more" not in fault.message


@pytest.mark.parametrize("count", [1, 2, 19, 20])
def test_up_to_twenty_failures_are_all_named(count: int) -> None:
    message = failing(count).message

    assert message.count("file_id 198123456789012") == message.count(CAUSE) == count
    assert "more" not in message


@pytest.mark.parametrize("count", [21, 100, 101, 250])
def test_of_many_failures_twenty_are_named_and_the_rest_is_counted(count: int) -> None:
    message = failing(count).message

    assert f"{count} of {count} failed" in message
    assert message.count("file_id 198123456789012") == 20
    assert f"and {count - 20} more" in message


def test_the_error_stays_one_line_and_is_not_long() -> None:
    fault = failing(250, name="a\nb" * 200, failure_causes="line\nbreak " * 500)

    assert len(str(fault).splitlines()) == 1
    assert len(str(fault)) < 10_000
    assert "250 of 250 failed" in str(fault)


@pytest.mark.parametrize("cause", [None, "", "  "], ids=repr)
def test_a_failure_without_name_and_cause_says_so(cause: Any) -> None:
    assert (
        "unnamed (file_id 1981234567890123000): no cause given"
        in failing(1, name=None, failure_causes=cause).message
    )


def test_a_summary_without_durations_knows_its_batch_and_counts_what_is_pending() -> None:
    assert BatchSummary(SELECTOR).batch_number == "202611210001"
    summary = summed(file(1, 0), file(2, 5), file(3, 99))
    assert (summary.pending, summary.duration_total_ms, summary.duration_max_ms) == (3, 0, 0)
