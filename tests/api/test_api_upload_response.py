"""Responses to a DocFlow upload, accepted and rejected."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.api.test_api_upload import answered, document, receipt
from textin_provider.api.docflow.upload import (
    DocFlowUpload,
    partly_accepted,
    upload_files,
)
from textin_provider.api.errors import ApiError, ErrorKind


def test_what_was_accepted_is_read_with_its_ids_as_text() -> None:
    files = [receipt(id=1981234567890123457), receipt(task_id=None, name=None), {"id": "3"}, None, "x"]
    upload = answered({"code": 200, "msg": "成功", "result": {"batch_number": 2026112100, "files": files}})

    assert upload.to_dict() == {
        "batch_number": "2026112100",
        "files": [
            {"file_id": "1981234567890123457", "task_id": "2", "name": "a.pdf", "format": "pdf"},
            {"file_id": "1", "task_id": None, "name": None, "format": "pdf"},
            {"file_id": "3", "task_id": None, "name": None, "format": None},
        ],
    }
    assert json.loads(json.dumps(upload.to_dict())) == upload.to_dict()


def test_the_batch_number_that_was_asked_for_stands_in_for_one_that_is_absent() -> None:
    call = upload_files("w", documents=[document()], batch_number="b7")

    assert answered({"code": 200, "result": {"files": [receipt()]}}, call).batch_number == "b7"


@pytest.mark.parametrize(
    "result",
    [None, {}, {"batch_number": "b"}, {"files": [receipt()]}, {"batch_number": "b", "files": None}],
    ids=repr,
)
def test_a_success_that_names_no_batch_or_files_may_have_been_accepted(result: Any) -> None:
    with pytest.raises(ApiError, match="may have been accepted") as caught:
        answered({"code": 200, "result": result})

    assert caught.value.kind is ErrorKind.UNCERTAIN


def test_a_success_that_lacks_the_batch_names_the_files_of_the_response() -> None:
    with pytest.raises(ApiError) as caught:
        answered({"code": 200, "result": {"files": [receipt(id="7"), receipt(id="8")]}})

    assert caught.value.about == "DocFlow upload of a.pdf"
    assert caught.value.message == (
        "the response reports success without batch_number or files; the response names file_id='7'; "
        "file_id='8'; the documents may have been accepted, and are billed if they were"
    )


@pytest.mark.parametrize("records", [[], [None, "x"], [receipt(), "no record"]], ids=len)
def test_a_success_may_name_fewer_files_than_were_sent(records: list[Any]) -> None:
    call = upload_files("w", documents=[document(), document()])
    upload = answered({"code": 200, "result": {"batch_number": "b1", "files": records}}, call)
    assert [file["file_id"] for file in upload.files] == ["1"] * (len(records) and records[0] is not None)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (423, ErrorKind.RATE_LIMIT),
        (429, ErrorKind.RATE_LIMIT),
        (900, ErrorKind.RATE_LIMIT),
        (500, ErrorKind.SERVER),
        (401, ErrorKind.AUTHENTICATION),
        (403, ErrorKind.AUTHENTICATION),
        (40003, ErrorKind.QUOTA),
        (40102, ErrorKind.AUTHENTICATION),
        (1005016010, ErrorKind.REQUEST),
        (1005006000, ErrorKind.REQUEST),
        (1005025000, ErrorKind.REQUEST),
        (1005025103, ErrorKind.REQUEST),
        (1005999999, ErrorKind.REQUEST),
    ],
)
@pytest.mark.parametrize("status", [200, 400, 502])
@pytest.mark.parametrize(
    "result", [None, {}, {"batch_number": "b1"}, {"batch_number": "b1", "files": []}], ids=repr
)
def test_a_failure_that_names_no_file_is_a_refusal(
    code: int, kind: ErrorKind, status: int, result: Any
) -> None:
    with pytest.raises(ApiError) as caught:
        answered({"code": code, "msg": "no", "result": result}, status=status)

    assert (caught.value.kind, caught.value.code) == (kind, code)


@pytest.mark.parametrize("kind", list(ErrorKind))
def test_a_fault_after_accepted_portions_names_them_and_is_never_transient(kind: ErrorKind) -> None:
    file: dict[str, str | None] = {"file_id": "1"}
    accepted = DocFlowUpload("b7", (file,) * 10)
    fault = ApiError(kind, about="DocFlow upload of k.pdf", message="refused", code=1, request_id="r")

    after = partly_accepted(fault, accepted, ["x"] * 11)

    assert after.kind is (ErrorKind.UNCERTAIN if kind.is_transient else kind)
    assert "10 of 11 files were accepted under batch_number='b7', then: refused" in str(after)
    assert (after.code, after.request_id, after.about) == (1, "r", "DocFlow upload of k.pdf")
    assert "same batch_number" in after.fix


def test_a_failure_that_names_files_is_uncertain_and_lists_them() -> None:
    result = {"batch_number": "b1", "files": [receipt(id="1"), receipt(id="2")]}

    with pytest.raises(ApiError, match=r"no; the response names file_id='1'; file_id='2'; the doc") as caught:
        answered({"code": 1005025000, "msg": "no", "result": result})

    assert (caught.value.kind, caught.value.code) == (ErrorKind.UNCERTAIN, 1005025000)
