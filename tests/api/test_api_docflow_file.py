"""How a record of ``file/fetch`` is read: tolerant of null, absence and odd types in every field."""

from __future__ import annotations

from typing import Any

import pytest

from textin_provider.api.docflow.models import (
    MAX_LEVELS,
    PENDING_STATUSES,
    TERMINAL_STATUSES,
    DocFlowFile,
    RecognitionStatus,
    VerificationStatus,
    files_of,
)

FULL: dict[str, Any] = {
    "id": "1981234567890123456",
    "task_id": "1981234567890123457",
    "task_type": 1,
    "batch_number": "202611210001",
    "name": "发票.pdf",
    "format": "pdf",
    "recognition_status": 2,
    "verification_status": 3,
    "category": "invoice",
    "failure_causes": "文件格式不支持",
    "duration_ms": 8000,
    "data": {"fields": []},
    "child_files": [],
    "pages": [],
}
FIELDS = sorted(FULL)
ODD = [None, "", " ", True, [], {}, [1], {"a": 1}, 1.5, float("nan"), float("inf"), -1, "x", 2**70]


def read(**fields: Any) -> DocFlowFile:
    file = DocFlowFile.of({"id": "1", **fields})
    assert file is not None
    return file


def test_a_whole_record_is_read() -> None:
    file = DocFlowFile.of(FULL)

    assert file is not None
    assert (file.file_id, file.task_id) == ("1981234567890123456", "1981234567890123457")
    assert (file.name, file.format, file.category) == ("发票.pdf", "pdf", "invoice")
    assert file.batch_number == "202611210001"
    assert file.status is RecognitionStatus.FAILED
    assert file.verification is VerificationStatus.REJECTED
    assert (file.failure_causes, file.duration_ms) == ("文件格式不支持", 8000)
    assert (file.is_part, file.children) == (False, ())
    assert file.record == FULL


def test_a_record_with_nothing_but_an_id_is_a_file_that_has_not_ended() -> None:
    file = read()

    assert (file.reported, file.status) == (-1, RecognitionStatus.UNKNOWN)
    assert file.verification is VerificationStatus.UNKNOWN
    assert not file.status.is_terminal
    assert not file.has_result
    assert file.children == ()
    absent = (file.task_id, file.name, file.format, file.batch_number, file.category)
    assert absent == (None,) * 5
    assert (file.failure_causes, file.duration_ms, file.is_part) == (None, None, False)


@pytest.mark.parametrize("field", [field for field in FIELDS if field != "id"])
@pytest.mark.parametrize("value", ODD, ids=repr)
def test_no_odd_value_in_any_field_is_an_error(field: str, value: Any) -> None:
    file = DocFlowFile.of(FULL | {field: value})

    assert file is not None
    assert file.file_id == FULL["id"]
    assert next(file.with_parts()) is file
    assert isinstance(file.status, RecognitionStatus)
    assert all(isinstance(text, str | None) for text in (file.task_id, file.name, file.failure_causes))
    assert isinstance(file.duration_ms, int | None)


@pytest.mark.parametrize("field", [field for field in FIELDS if field != "id"])
def test_an_absent_field_reads_like_a_null_one(field: str) -> None:
    absent = DocFlowFile.of({name: value for name, value in FULL.items() if name != field})
    null = DocFlowFile.of(FULL | {field: None})

    assert absent is not None
    assert null is not None
    assert {**vars(absent), "record": None} == {**vars(null), "record": None}


@pytest.mark.parametrize("value", [None, "", "  ", True, [], {}, 1.5], ids=repr)
def test_what_has_no_id_is_no_file(value: Any) -> None:
    assert DocFlowFile.of({"id": value, "name": "a.pdf"}) is None
    assert DocFlowFile.of({"name": "a.pdf"}) is None


def test_ids_that_come_as_numbers_keep_all_their_digits() -> None:
    file = read(id=1981234567890123457, task_id=1981234567890123459, batch_number=202611210001)

    assert file.file_id == "1981234567890123457"
    assert file.task_id == "1981234567890123459"
    assert file.batch_number == "202611210001"


@pytest.mark.parametrize(
    ("code", "status", "is_terminal", "has_result"),
    [
        (0, RecognitionStatus.PENDING, False, False),
        (1, RecognitionStatus.SUCCESS, True, True),
        (2, RecognitionStatus.FAILED, True, False),
        (3, RecognitionStatus.CLASSIFYING, False, False),
        (4, RecognitionStatus.EXTRACTING, False, False),
        (5, RecognitionStatus.PREPARING, False, False),
        (6, RecognitionStatus.SPLITTING, False, False),
        (7, RecognitionStatus.CROPPING, False, False),
        (10, RecognitionStatus.CLASSIFIED, True, True),
        (20, RecognitionStatus.PARSING, False, False),
    ],
)
@pytest.mark.parametrize("as_text", [False, True], ids=["number", "text"])
def test_each_of_the_ten_codes_is_known(
    code: int, status: RecognitionStatus, is_terminal: bool, has_result: bool, as_text: bool
) -> None:
    file = read(recognition_status=str(code) if as_text else code)

    assert (file.reported, file.status) == (code, status)
    assert (file.status.is_terminal, file.has_result) == (is_terminal, has_result)


@pytest.mark.parametrize("code", [8, 9, 11, 21, 99, -1, -2, 2**40])
def test_a_code_that_was_never_published_is_not_the_end(code: int) -> None:
    file = read(recognition_status=code)

    assert file.reported == code
    assert file.status is RecognitionStatus.UNKNOWN
    assert not file.status.is_terminal
    assert not file.has_result


def test_every_known_status_either_moves_or_has_ended() -> None:
    known = set(RecognitionStatus) - {RecognitionStatus.UNKNOWN}

    assert set(PENDING_STATUSES) | set(TERMINAL_STATUSES) == known
    assert not set(PENDING_STATUSES) & set(TERMINAL_STATUSES)
    assert len(PENDING_STATUSES) == len(set(PENDING_STATUSES)) == 7


@pytest.mark.parametrize("code", [1, 6, 99, "x", None, True])
def test_a_verification_status_that_does_not_exist_is_unknown(code: Any) -> None:
    assert read(verification_status=code).verification is VerificationStatus.UNKNOWN


def test_a_cause_of_many_lines_and_a_signed_url_becomes_one_line_without_the_signature() -> None:
    file = read(failure_causes="cannot fetch\n\thttps://bucket.example/a.pdf?sig=hush\r\n again")

    assert file.failure_causes is not None
    assert len(file.failure_causes.splitlines()) == 1
    assert "bucket.example/a.pdf" in file.failure_causes
    assert "hush" not in file.failure_causes


def test_a_long_cause_is_cut() -> None:
    cause = read(failure_causes="x" * 100_000).failure_causes

    assert cause is not None
    assert len(cause) <= 500


def test_children_are_read_at_any_depth_and_yielded_after_their_parent() -> None:
    grandchild = {"id": 3, "recognition_status": 4, "task_type": 3}
    child = {"id": 2, "recognition_status": 2, "task_type": 0, "child_files": [grandchild]}
    file = read(recognition_status=1, task_type=2, child_files=[child])

    assert [(member.file_id, member.is_part) for member in file.with_parts()] == [
        ("1", False),
        ("2", True),
        ("3", True),
    ]


@pytest.mark.parametrize("children", [None, {}, "x", 5, [None], ["x"], [[]], [{}], [{"id": None}]], ids=repr)
def test_children_that_are_none_are_left_out(children: Any) -> None:
    assert read(child_files=children).children == ()


def test_a_child_that_cannot_be_read_hides_no_other() -> None:
    file = read(child_files=[None, {"id": ""}, {"id": "2"}, "x"])

    assert [child.file_id for child in file.children] == ["2"]


@pytest.mark.parametrize(
    ("task_type", "is_part"),
    [
        (0, True),
        ("0", True),
        (3, True),
        ("3", True),
        (1, False),
        (2, False),
        (None, False),
        ("", False),
        (9, False),
    ],
)
def test_a_part_is_known_by_its_task_type(task_type: Any, is_part: bool) -> None:
    assert read(task_type=task_type).is_part is is_part


def test_the_password_of_a_pdf_is_in_no_record() -> None:
    secret = {"pdf_pwd": "hush-7f3a", "dpi": 144}
    record = {
        "id": "1",
        "parser_params": secret,
        "child_files": [{"id": "2", "parser_params": secret}],
    }
    file = DocFlowFile.of(record)

    assert file is not None
    assert [member.record["parser_params"] for member in file.with_parts()] == [{"dpi": 144}] * 2
    assert "hush-7f3a" not in repr(file)
    assert "hush-7f3a" not in str(file.record), "nor in the records of its children within its own"
    assert record["parser_params"] == secret, "what was given is not changed"


@pytest.mark.parametrize("params", [None, [], "pdf_pwd", 5, {}], ids=repr)
def test_parser_params_of_another_type_stay_as_they_are(params: Any) -> None:
    assert read(parser_params=params).record["parser_params"] == params


def test_the_repr_of_a_file_holds_no_document_text() -> None:
    file = read(data={"fields": [{"key": "Total", "value": "1,234.50 hush"}]})

    assert "hush" not in repr(file)
    assert file.record["data"]["fields"][0]["value"] == "1,234.50 hush"


@pytest.mark.parametrize("absent", [{}, {"recognition_status": None}], ids=repr)
@pytest.mark.parametrize("status", [1, 2, 4, 10])
def test_a_child_without_a_status_has_that_of_its_parent(absent: dict[str, Any], status: int) -> None:
    child = {"id": "2", **absent, "child_files": [{"id": "3", **absent}]}
    file = read(recognition_status=status, child_files=[child])

    assert [member.reported for member in file.with_parts()] == [status] * 3


@pytest.mark.parametrize("odd", ["x", [], {}, True, -1, 99])
def test_a_child_with_an_odd_status_has_not_ended(odd: Any) -> None:
    [child] = read(recognition_status=1, child_files=[{"id": "2", "recognition_status": odd}]).children

    assert child.status is RecognitionStatus.UNKNOWN
    assert child.reported == (odd if odd in (-1, 99) else -1)


def test_records_that_nest_too_deeply_are_an_error_that_names_the_limit() -> None:
    records: list[dict[str, Any]] = []
    for _ in range(MAX_LEVELS + 1):
        records = [{"id": "1", "child_files": records}]

    with pytest.raises(RecursionError, match=f"^files nest in more than {MAX_LEVELS} levels$"):
        files_of(records)
    assert len(files_of(records[0]["child_files"][0]["child_files"])) == 1
