"""The exact errors for responses: operation, message, fix, code, request id and pause."""

from __future__ import annotations

import json
from typing import Any

import pytest

from textin_provider.api.docflow.fetch import fetch_page
from textin_provider.api.docflow.upload import (
    DocFlowUpload,
    partly_accepted,
    resumably_failed,
    unnamed_files,
    upload_files,
)
from textin_provider.api.errors import ApiError, ErrorKind
from textin_provider.api.protocol import (
    Request,
    Response,
    Service,
    code_error,
    optional_text,
    read_data,
    read_submitted,
    server_error,
)
from textin_provider.api.xparse.endpoints import get_job, poll_job, submit_job
from textin_provider.api.xparse.models import JobStatus, XParseJob

URL = "https://h.example/a.pdf?sig=1"
LATER = "Temporary; retry later"
LIMIT = (
    "Lower max_requests_per_second of the connection; if the message speaks of pages, "
    "split the document with config.scope.page_range"
)
FOREIGN = "If this stays, this is not TextIn: check the connection's host, proxy and gateway"
NO_DATA_FIX = "Retry later; if that does not help, contact TextIn"
ACCEPTED = "; the documents may have been accepted, and are billed if they were"
CONSOLE = "Look in the TextIn console before sending them again; no retry sends them automatically"
NO_FURTHER_VALUES = {"code": None, "detail": None, "request_id": None, "retry_after": None}


def response(body: Any, status: int = 200, **headers: str) -> Response:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response.received(status, named, raw, now=0.0)


def error_of(function: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
    with pytest.raises(ApiError) as caught:
        function(*args, **kwargs)
    return caught.value.to_dict()


def plain(kind: ErrorKind, about: str, message: str, fix: str) -> dict[str, Any]:
    return {"kind": kind.value, "about": about, "message": message, "fix": fix, **NO_FURTHER_VALUES}


def test_an_envelope_gives_an_error_all_its_values() -> None:
    body = {"code": 40306, "message": "slow\ndown", "data": {"message": 7}, "x_request_id": "body"}
    expected = {
        "kind": "rate_limit",
        "about": "it",
        "message": "slow down",
        "fix": LIMIT,
        "code": 40306,
        "detail": "7",
        "request_id": "body",
        "retry_after": 3.0,
    }
    assert error_of(read_data, response(body, retry_after="3"), "it") == expected
    named = response(body, retry_after="3", x_request_id="header")
    assert error_of(read_data, named, "it") == expected | {"request_id": "header"}


def test_the_data_under_another_key_gives_the_detail() -> None:
    body = {"code": 400, "msg": "no", "result": {"message": "why"}, "data": {"message": "other"}}
    assert error_of(read_data, response(body), "it", "result")["detail"] == "why"
    assert code_error(body, 400, "it").detail == "other"


def test_an_envelope_without_a_response_gives_an_error() -> None:
    error = code_error({"x_request_id": "r", "msg": "no"}, 40003, "it")
    assert error.to_dict() == {
        "kind": "quota",
        "about": "it",
        "message": "no",
        "fix": "Top up the TextIn account",
        "code": 40003,
        "detail": None,
        "request_id": "r",
        "retry_after": None,
    }


def test_a_response_without_an_envelope_gives_an_error_all_its_values() -> None:
    html = response(b"<html>", 503, content_type="text/html;charset=x", retry_after="5", x_request_id="r")
    assert error_of(read_data, html, "it") == {
        "kind": "server",
        "about": "it",
        "message": "HTTP 503, gateway error (text/html of 6 bytes, not an envelope of TextIn)",
        "fix": FOREIGN,
        "code": 503,
        "detail": None,
        "request_id": "r",
        "retry_after": 5.0,
    }


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        (b"", 404, "HTTP 404, refused (no content type of 0 bytes, not an envelope of TextIn)"),
        (b"", 302, "HTTP 302, redirected (no content type of 0 bytes, not an envelope of TextIn)"),
        (b"ok", 200, "HTTP 200, no envelope (no content type of 2 bytes, not an envelope of TextIn)"),
        ({"message": "a\nb", "msg": "c"}, 404, 'HTTP 404, refused ("a b", not an envelope of TextIn)'),
        ({"message": 7, "msg": "c"}, 404, 'HTTP 404, refused ("c", not an envelope of TextIn)'),
        ({"message": "", "msg": "c"}, 404, 'HTTP 404, refused ("c", not an envelope of TextIn)'),
        ({"code": 404, "message": "c"}, 404, 'HTTP 404, refused ("c", not an envelope of TextIn)'),
        ({"code": 200, "msg": "ok"}, 500, 'HTTP 500, gateway error ("ok", not an envelope of TextIn)'),
    ],
)
def test_a_response_without_an_envelope_is_described(body: Any, status: int, message: str) -> None:
    assert error_of(read_data, response(body, status), "it")["message"] == message


@pytest.mark.parametrize(
    ("code", "status", "reported"),
    [(777, 299, 777), (777, 300, 300), (400, 300, 400), (10_777, 300, 10_777)],
)
def test_a_code_of_textins_wins_over_an_http_error(code: int, status: int, reported: int) -> None:
    assert error_of(read_data, response({"code": code}, status), "it")["code"] == reported


@pytest.mark.parametrize("status", [200, 299])
def test_success_below_300_has_data(status: int) -> None:
    assert read_data(response({"code": 200, "data": {"a": 1}}, status), "it") == {"a": 1}


def test_missing_data_is_an_error_of_the_server() -> None:
    assert server_error("it", "no id").to_dict() == plain(ErrorKind.SERVER, "it", "no id", NO_DATA_FIX)


@pytest.mark.parametrize(
    ("value", "expected"),
    [("a", "a"), (" a\0 ", "a?"), (7, "7"), (0, "0"), ("", None), (" ", None), (True, None), (1.5, None)],
)
def test_an_optional_text_is_a_text_or_a_number(value: object, expected: str | None) -> None:
    assert optional_text(value) == expected


@pytest.mark.parametrize("kind", [kind for kind in ErrorKind if kind is not ErrorKind.SERVER])
def test_a_reader_that_refuses_without_an_envelope_is_believed(kind: ErrorKind) -> None:
    error = ApiError(kind, about="it", message="no")

    def read(_: Response) -> None:
        raise error

    with pytest.raises(ApiError) as caught:
        read_submitted(read, response(b""))
    assert caught.value is error


@pytest.mark.parametrize(
    ("request_", "about", "message"),
    [
        (
            submit_job(file_url=URL),
            "xParse submit of https://h.example/a.pdf?...",
            "the response reports success without a job_id",
        ),
        (
            upload_files("w", urls=[URL, "http://h/b"]),
            "DocFlow upload of https://h.example/a.pdf?..., http://h/b",
            "the response reports success without batch_number or files",
        ),
    ],
    ids=["xparse", "docflow"],
)
def test_a_submit_without_its_data_is_uncertain(request_: Request[Any], about: str, message: str) -> None:
    error = error_of(request_.read, response({"code": 200}))
    assert error == plain(ErrorKind.UNCERTAIN, about, message + ACCEPTED, CONSOLE)


def test_the_error_of_a_response_that_names_too_few_files_names_the_missing() -> None:
    fix = "Retry later; if that does not help, contact TextIn"
    message = "the response names 1 of 3 files, in batch b; missing: a.pdf; c.pdf"
    error = unnamed_files("it", "b", 3, ["a.pdf", "c.pdf"])
    assert error.to_dict() == plain(ErrorKind.SERVER, "it", message, fix)
    assert error.as_uncertain().to_dict() == plain(ErrorKind.UNCERTAIN, "it", message + ACCEPTED, CONSOLE)


def test_an_error_after_accepted_files_counts_them() -> None:
    error = ApiError(ErrorKind.SERVER, about="it", message="no", fix="Retry", code=500, retry_after=2.0)
    after = partly_accepted(error, DocFlowUpload("b", ({"file_id": "1"},)), ["x", "y"])
    fix = "Upload the rest under the same batch_number; sending all again bills the accepted ones twice"
    message = "1 of 2 files were accepted under batch_number='b', then: no"
    expected = plain(ErrorKind.UNCERTAIN, "it", message, fix)
    assert after.to_dict() == expected | {"code": 500, "retry_after": 2.0}


NEXT_TRY = "The next try asks the batch and sends only what is missing"


@pytest.mark.parametrize(
    ("kind", "fix", "expected"),
    [
        (ErrorKind.RATE_LIMIT, "Retry", f"Retry; {NEXT_TRY}"),
        (ErrorKind.REQUEST, "", NEXT_TRY),
        (ErrorKind.UNCERTAIN, "Look", "Look"),
    ],
)
def test_an_error_after_accepted_files_that_a_retry_knows_of_keeps_its_kind(
    kind: ErrorKind, fix: str, expected: str
) -> None:
    error = ApiError(kind, about="it", message="no", fix=fix, code=429)
    after = resumably_failed(error, DocFlowUpload("b", ({"file_id": "1"},)), ["x", "y"])
    message = "1 of 2 files were accepted under batch_number='b', then: no"
    assert after.to_dict() == plain(kind, "it", message, expected) | {"code": 429}


@pytest.mark.parametrize(
    "request_",
    [submit_job(file_url=URL), upload_files("w", urls=[URL]), get_job("c0"), fetch_page("w")],
    ids=lambda request_: request_.about,
)
def test_the_error_of_an_envelope_names_the_request(request_: Request[Any]) -> None:
    expected = plain(ErrorKind.QUOTA, request_.about, "no", "Top up the TextIn account")
    assert error_of(request_.read, response({"code": 40003, "msg": "no"})) == expected | {"code": 40003}


@pytest.mark.parametrize(("code", "message"), [(404, "unknown or expired"), (40004, "parameter error")])
def test_an_unknown_job_is_an_error_of_the_request(code: int, message: str) -> None:
    fix = "Check the job_id, and that it was submitted with this connection's account and host"
    expected = plain(ErrorKind.REQUEST, "xParse job c0: status", message, fix)
    assert error_of(get_job(" c0 ").read, response({"code": code})) == expected | {"code": code}


@pytest.mark.parametrize(
    ("code", "kind", "message", "fix"),
    [
        (500, ErrorKind.SERVER, "internal error", LATER),
        (41234, ErrorKind.REQUEST, "refused", "Look up the code in TextIn's documentation"),
    ],
)
def test_another_error_of_a_poll_keeps_its_fix(code: int, kind: ErrorKind, message: str, fix: str) -> None:
    expected = plain(kind, "xParse job c0: status", message, fix)
    assert error_of(get_job("c0").read, response({"code": code})) == expected | {"code": code}


def test_a_job_without_a_status_is_an_error_of_the_server() -> None:
    message = "the response reports success without a status"
    expected = plain(ErrorKind.SERVER, "xParse job c0: status", message, NO_DATA_FIX)
    assert error_of(get_job("c0").read, response({"code": 200, "data": {}})) == expected


def test_a_poll_is_one_request_whose_value_is_the_job() -> None:
    flow = poll_job("c0")
    request = next(flow)
    assert (request.about, request.method, request.service) == (
        "xParse job c0: status",
        "GET",
        Service.XPARSE,
    )
    job = XParseJob("c0", "pending")
    with pytest.raises(StopIteration) as end:
        flow.send(job)
    assert end.value.value is job


RESULT_ERRORS = {
    "completed": ("completed without a result_url", "Ask TextIn with the job id"),
    "pending": ("not finished, its status is 'pending'", "Wait for it with XParseJobSensor first"),
}


@pytest.mark.parametrize("status", RESULT_ERRORS)
def test_a_job_without_a_result_is_an_error(status: str) -> None:
    message, fix = RESULT_ERRORS[status]
    expected = plain(ErrorKind.RESULT, "xParse job c0: result", message, fix)
    assert error_of(XParseJob("c0", status).downloadable_url) == expected


@pytest.mark.parametrize(("reason", "message"), [("no pages", "no pages"), (None, "TextIn gave no reason")])
def test_a_failed_job_is_an_error_with_its_reason(reason: str | None, message: str) -> None:
    fix = "Failed pages are not billed; correct the document or config and submit it again"
    expected = plain(ErrorKind.JOB_FAILED, "xParse job c0 failed", message, fix)
    assert error_of(XParseJob("c0", "failed", message=reason).downloadable_url) == expected


def test_a_refused_job_is_a_failed_one() -> None:
    refused = XParseJob.refused("c0", ApiError(ErrorKind.REQUEST, about="it", message="no"))
    assert refused == XParseJob("c0", "failed", None, None, "it: no.")
    assert refused.status is JobStatus.FAILED
