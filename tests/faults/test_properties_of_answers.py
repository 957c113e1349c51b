"""No answer makes anything but a value or a fault that can be shown, stored and sent on."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.faults.strategies import FILES, HEADERS, JOB, STATUSES, TEXT, UPLOADED, envelopes
from textin_provider.api.docflow.fetch import PageWalk, count_files, fetch_page
from textin_provider.api.docflow.models import DocFlowFile, FilePage, Selector
from textin_provider.api.docflow.summary import BatchSummary, failed_files
from textin_provider.api.docflow.upload import DocFlowUpload, upload_files
from textin_provider.api.errors import ApiError, ErrorKind
from textin_provider.api.protocol import Request, Response, retry_after_seconds
from textin_provider.api.redaction import redacted
from textin_provider.api.text import MAX_MESSAGE, MAX_TEXT
from textin_provider.api.xparse.endpoints import get_job, submit_job
from textin_provider.api.xparse.models import XParseJob
from textin_provider.exceptions import TextInError
from textin_provider.polling.policy import PollPolicy
from textin_provider.polling.xparse import JobWait

BATCH = Selector("batch_number", "b1")
URL = "https://example.com/a.pdf?sign=hush-hush"
SUBMIT = submit_job(file_url=URL)
STATUS = get_job("j1")
FETCH = fetch_page("w1", BATCH)
COUNT = count_files("w1", BATCH)
UPLOAD = upload_files("w1", urls=[URL])
NEVER = PollPolicy(1.0, deadline=1e12, timeout=1.0)
MOST = MAX_MESSAGE + 5 * MAX_TEXT


def read(call: Request[Any], status: int, headers: dict[str, str], body: bytes) -> Any:
    """Read an answer; a fault is checked and returned."""
    try:
        return call.read(Response.received(status, headers, body, now=0.0))
    except ApiError as fault:
        check_fault(fault)
        return fault


def check_fault(fault: ApiError) -> None:
    """Expect a fault that is one bounded line, holds no secret, and survives the way to a worker."""
    error = fault
    assert isinstance(error, TextInError)
    said = str(error)
    assert len(said.splitlines()) == 1
    assert len(said) <= MOST
    assert "hush-hush" not in said
    assert "sign=" not in said
    sent = json.loads(json.dumps(fault.to_dict()))
    again = ApiError.from_dict(sent)
    assert (again.kind, str(again), again.code) == (fault.kind, said, fault.code)
    check_storable(fault.to_dict())
    assert fault.retry_after is None or 0 <= fault.retry_after <= 86_400


def check_storable(value: Any) -> None:
    """Expect a JSON value whose text UTF-8 and a database can hold."""
    text = json.dumps(value, ensure_ascii=False)
    text.encode()
    assert "\\u0000" not in text


def refuses(body: bytes) -> bool:
    """Whether a body is an object with a numeric code of a failure, and names nothing that was accepted."""
    said = json.loads(body.removeprefix(b"\xef\xbb\xbf").decode())
    parts = [part for part in (said.get("data"), said.get("result")) if isinstance(part, dict)]
    ids = [part.get("job_id") for part in parts]
    is_named = any(
        isinstance(one, str | int) and not isinstance(one, bool) and str(one).strip() for one in ids
    )
    return int(said["code"]) not in (200, 50207) and not is_named


@given(STATUSES, HEADERS, envelopes("data", {"job_id": "j1"}))
def test_a_submit_gives_an_id_as_text_or_a_fault(status: int, headers: dict[str, str], body: bytes) -> None:
    seen = read(SUBMIT, status, headers, body)
    assert isinstance(seen, str | ApiError)
    if isinstance(seen, str):
        assert seen.strip()
        check_storable(seen)
    else:
        assert seen.kind is not ErrorKind.SERVER or refuses(body)


@given(STATUSES, HEADERS, envelopes("data", JOB))
def test_a_status_gives_a_job_that_can_be_sent_on_or_a_fault(
    status: int, headers: dict[str, str], body: bytes
) -> None:
    seen = read(STATUS, status, headers, body)
    assert isinstance(seen, XParseJob | ApiError)
    wait = JobWait("j1", NEVER)
    if isinstance(seen, ApiError):
        decision = wait.on_error("j1", seen, now=0.0)
    else:
        assert seen.job_id == "j1"
        assert isinstance(seen.file_id, str | None)
        assert "sign=" not in repr(seen)
        check_fault(seen.failure())
        value = seen.to_dict()
        check_storable(value)
        assert XParseJob.from_dict(json.loads(json.dumps(value))).to_dict() == value
        assert "sign=" not in json.dumps(value)
        decision = wait.on_state("j1", seen, now=0.0)
    check_storable(decision.event)
    assert decision.message is None or len(decision.message.splitlines()) == 1


@given(STATUSES, HEADERS, envelopes("result", FILES))
def test_a_page_gives_files_that_can_be_added_up_or_a_fault(
    status: int, headers: dict[str, str], body: bytes
) -> None:
    seen = read(FETCH, status, headers, body)
    assert isinstance(seen, FilePage | ApiError)
    if isinstance(seen, ApiError):
        return
    summary = BatchSummary(BATCH)
    summary.add(seen.files)
    value = summary.to_dict()
    check_storable(value)
    assert summary.succeeded + summary.failed + summary.classified + summary.pending == summary.total
    if summary.failed:
        check_fault(failed_files(BATCH, value))
    for file in seen.files:
        check_file(file)
    walk = PageWalk("w1", BATCH)
    walk.next_request()
    assert {file.file_id for file in walk.take(seen)} == {file.file_id for file in seen.files}


def check_file(file: DocFlowFile) -> None:
    for member in file.with_parts():
        ids = (member.file_id, member.task_id, member.batch_number, member.name)
        assert all(isinstance(text, str | None) for text in ids)
        params = member.record.get("parser_params")
        assert not isinstance(params, dict) or "pdf_pwd" not in params


@given(STATUSES, HEADERS, envelopes("result", FILES))
def test_a_count_gives_a_number_or_a_fault(status: int, headers: dict[str, str], body: bytes) -> None:
    seen = read(COUNT, status, headers, body)
    assert isinstance(seen, FilePage | ApiError)
    if isinstance(seen, FilePage):
        assert isinstance(seen.total, int | None)


@given(STATUSES, HEADERS, envelopes("result", UPLOADED))
def test_an_upload_gives_ids_as_text_or_a_fault(status: int, headers: dict[str, str], body: bytes) -> None:
    seen = read(UPLOAD, status, headers, body)
    assert isinstance(seen, DocFlowUpload | ApiError)
    if isinstance(seen, DocFlowUpload):
        check_storable(seen.to_dict())
        assert isinstance(seen.batch_number, str)
        texts = [text for file in seen.files for text in file.values()]
        assert all(isinstance(text, str | None) for text in texts)
    else:
        assert seen.kind is not ErrorKind.SERVER or refuses(body)


@given(TEXT | st.sampled_from(["0", "1.5", "1e9", "9" * 9999, "Mon, 1 Jan 99999 00:00:00 GMT", "-1"]))
def test_a_retry_after_is_a_bounded_time_or_none(value: str) -> None:
    seconds = retry_after_seconds(value, now=0.0)
    assert seconds is None or 0 <= seconds <= 86_400


@given(kind=st.sampled_from(ErrorKind), about=TEXT, message=TEXT, fix=TEXT, detail=TEXT | st.none())
def test_a_fault_says_any_text_in_one_line(kind: ErrorKind, **texts: Any) -> None:
    fault = ApiError(kind, **texts)
    check_fault(fault)
    check_fault(fault.as_uncertain())
    check_fault(redacted(fault, ["u:p"]))


@given(st.lists(st.integers(min_value=1, max_value=10**30), max_size=5, unique=True))
def test_an_id_of_many_digits_stays_text(numbers: list[int]) -> None:
    files = [{"id": number, "recognition_status": 1} for number in numbers]
    page = read(FETCH, 200, {}, json.dumps({"code": 200, "result": {"files": files}}).encode())
    assert [file.file_id for file in page.files] == [str(number) for number in numbers]
