"""The envelope: what counts as success, and which fault speaks for anything else."""

from __future__ import annotations

import json
from typing import Any

import pytest
from requests.structures import CaseInsensitiveDict

from textin_provider.api.envelope import code_of
from textin_provider.api.errors import ApiError, ErrorKind
from textin_provider.api.protocol import Response, read_data


def answer(body: Any, status: int = 200, **headers: str) -> Response:
    raw = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
    named = CaseInsensitiveDict((name.replace("_", "-"), value) for name, value in headers.items())
    return Response.received(status, named, raw, now=0)


def fault_of(body: Any, status: int = 200, **headers: str) -> ApiError:
    with pytest.raises(ApiError) as caught:
        read_data(answer(body, status, **headers), "xParse job 1: status")
    return caught.value


@pytest.mark.parametrize("code", [200, "200"], ids=["number", "text"])
def test_success_gives_its_data(code: object) -> None:
    assert read_data(answer({"code": code, "data": {"a": 1}}), "it") == {"a": 1}


@pytest.mark.parametrize(
    "body",
    [{"code": 200}, {"code": 200, "data": None}, {"code": 200, "data": []}, {"code": 200, "data": "x"}],
    ids=["absent", "null", "list", "text"],
)
def test_success_without_an_object_of_data_is_empty(body: object) -> None:
    assert read_data(answer(body), "it") == {}


def test_data_may_lie_under_another_key() -> None:
    assert read_data(answer({"code": 200, "result": {"a": 1}}), "it", key="result") == {"a": 1}


def test_a_byte_order_mark_does_not_hide_the_envelope() -> None:
    assert read_data(answer(b'\xef\xbb\xbf{"code": 200, "data": {"a": 1}}'), "it") == {"a": 1}


@pytest.mark.parametrize("code", [40004, "40004"], ids=["number", "text"])
@pytest.mark.parametrize("key", ["message", "msg"])
def test_a_code_is_judged_whatever_its_spelling(code: object, key: str) -> None:
    fault = fault_of({"code": code, key: "Parameter error", "data": {"message": "File not uploaded"}})

    assert fault.kind is ErrorKind.REQUEST
    assert (fault.code, fault.message, fault.detail) == (40004, "Parameter error", "File not uploaded")
    assert "Parameter error (File not uploaded) [code 40004]" in str(fault)


def test_message_goes_before_msg() -> None:
    assert fault_of({"code": 40004, "message": "new", "msg": "old"}).message == "new"


def test_error_message_stands_in_for_an_absent_message_and_detail() -> None:
    body = {"code": 40004, "error_message": "no pages", "data": {"error_message": "page 9 is missing"}}
    error = fault_of(body)
    assert (error.message, error.detail) == ("no pages", "page 9 is missing")
    named = fault_of(body | {"message": "first", "data": {"message": "second", "error_message": "third"}})
    assert (named.message, named.detail) == ("first", "second")


@pytest.mark.parametrize(
    "body", [{"msg": "no", "data": {"message": "too many pages"}}, {"msg": "too many pages"}]
)
def test_a_limit_of_pages_is_known_by_message_or_detail(body: dict[str, Any]) -> None:
    assert fault_of({"code": 40306, **body}).kind is ErrorKind.REQUEST
    assert fault_of({"code": 40306, "data": {}}).kind is ErrorKind.RATE_LIMIT


@pytest.mark.parametrize("said", [None, ""], ids=["null", "empty"])
def test_a_code_without_words_gets_those_of_the_table(said: object) -> None:
    assert fault_of({"code": 40003, "message": said}).message == "balance too low"


@pytest.mark.parametrize(
    "detail", [None, "", {"x": 1}, ["x"], 7], ids=["null", "empty", "object", "list", "number"]
)
def test_a_detail_of_any_shape_is_survived(detail: object) -> None:
    assert fault_of({"code": 40004, "message": "no", "data": {"message": detail}}).code == 40004


def test_a_detail_that_repeats_the_message_is_said_once() -> None:
    assert str(fault_of({"code": 40004, "message": "no", "data": {"message": "no"}})).count("no ") == 1


@pytest.mark.parametrize(
    ("body", "header", "expected"),
    [
        ({"code": 40004}, "from-header", "from-header"),
        ({"code": 40004, "x_request_id": "from-body"}, None, "from-body"),
        ({"code": 40004, "x_request_id": "from-body"}, "from-header", "from-header"),
        ({"code": 40004, "x_request_id": None}, None, None),
        ({"code": 40004, "x_request_id": 7}, None, None),
    ],
    ids=["header", "body", "header first", "null", "number"],
)
def test_the_request_id_is_found(body: dict[str, Any], header: str | None, expected: str | None) -> None:
    headers: dict[str, Any] = {"X_Request_ID": header} if header else {}

    fault = fault_of(body, **headers)

    assert fault.request_id == expected
    assert ("request id" in str(fault)) is (expected is not None)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        *(
            (status, ErrorKind.SERVER)
            for status in (204, 301, 302, 307, 400, 401, 403, 404, 407, 408, 410, 413)
        ),
        (423, ErrorKind.RATE_LIMIT),
        (425, ErrorKind.SERVER),
        (429, ErrorKind.RATE_LIMIT),
        (500, ErrorKind.SERVER),
        (502, ErrorKind.SERVER),
        (503, ErrorKind.SERVER),
        (504, ErrorKind.SERVER),
    ],
)
@pytest.mark.parametrize("body", [b"", b"<html>gateway</html>", b"{}", b"[]"])
def test_an_http_status_without_an_envelope_is_a_blip(status: int, kind: ErrorKind, body: bytes) -> None:
    fault = fault_of(body, status)

    assert (fault.kind, fault.code) == (kind, status)
    assert f"HTTP {status}" in fault.message
    assert "not an envelope of TextIn" in fault.message
    assert "proxy and gateway" in fault.fix


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>Sign in: secret words</html>",
        b"secret words",
        b"null",
        b"[1]",
        b'"x"',
        b"{",
        b'{"a": 1}',
        b'{"code": null}',
        b'{"code": true}',
        b'{"code": "ok"}',
        b'{"code": 200.0}',
        b"\xff\xfe\xfa",
        b"[" * 200_000,
        b'{"code": ' + b"1" * 6000 + b"}",
    ],
    ids=lambda body: repr(body[:24]),
)
def test_http_200_without_an_envelope_is_a_fault_of_the_server_and_is_not_quoted(body: bytes) -> None:
    fault = fault_of(body, content_type="text/html; charset=utf-8")

    assert fault.kind is ErrorKind.SERVER
    assert "secret words" not in str(fault)
    assert f"text/html of {len(body)} bytes" in str(fault)


@pytest.mark.parametrize("status", [300, 404, 500, 502])
def test_success_inside_an_http_error_is_no_success(status: int) -> None:
    assert fault_of({"code": 200, "data": {"a": 1}}, status).code == status


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        (40102, 500, ErrorKind.AUTHENTICATION),
        (40003, 401, ErrorKind.QUOTA),
        (500, 404, ErrorKind.SERVER),
        (40306, 502, ErrorKind.RATE_LIMIT),
        (401, 401, ErrorKind.AUTHENTICATION),
        (403, 400, ErrorKind.AUTHENTICATION),
        (400, 400, ErrorKind.REQUEST),
        (1005025103, 400, ErrorKind.REQUEST),
        (1005999999, 400, ErrorKind.REQUEST),
        (59999, 502, ErrorKind.REQUEST),
    ],
)
def test_the_code_of_an_envelope_wins_over_the_http_status(code: int, status: int, kind: ErrorKind) -> None:
    fault = fault_of({"code": code, "message": "x"}, status)

    assert (fault.kind, fault.code) == (kind, code)


def test_a_small_code_that_nobody_has_listed_is_a_gateways() -> None:
    fault = fault_of({"code": 777, "message": "upstream"}, 502)

    assert (fault.kind, fault.code) == (ErrorKind.SERVER, 502)
    assert fault.message == 'HTTP 502, gateway error ("upstream", not an envelope of TextIn)'


def test_partial_success_with_data_is_success() -> None:
    assert read_data(answer({"code": 50207, "data": {"elements": []}}), "it") == {"elements": []}
    assert read_data(answer({"code": 50207, "data": {"elements": []}}, 500), "it") == {"elements": []}


@pytest.mark.parametrize("data", [None, {}, []], ids=["null", "empty", "list"])
def test_partial_success_without_data_is_a_fault_that_may_pass(data: object) -> None:
    fault = fault_of({"code": 50207, "message": "some pages failed", "data": data})

    assert (fault.kind, fault.code) == (ErrorKind.SERVER, 50207)


def test_retry_after_reaches_the_fault_with_and_without_an_envelope() -> None:
    assert fault_of({"code": 40306}, retry_after="7").retry_after == 7
    assert fault_of(b"", 503, retry_after="7").retry_after == 7


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (200, 200),
        ("40306", 40306),
        (-1, -1),
        (0, 0),
        ("", None),
        (" 200", None),
        ("2e2", None),
        ("٢٠٠", None),
        ("1" * 11, None),
        (True, None),
        (200.0, None),
        (None, None),
        ([200], None),
    ],
    ids=repr,
)
def test_a_code_is_a_whole_number_or_its_digits(code: object, expected: int | None) -> None:
    assert code_of({"code": code}) == expected


def test_the_body_is_not_in_the_repr_of_an_answer() -> None:
    assert "document text" not in repr(answer(b"document text", set_cookie="document text"))
