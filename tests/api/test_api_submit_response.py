"""The response to a submit: the job id, a refusal, or a document that may have been accepted."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from textin_provider.api.errors import ApiError, ErrorKind
from textin_provider.api.inputs import Document
from textin_provider.api.protocol import Response, read_submitted
from textin_provider.api.xparse.endpoints import submit_job

URL = "https://h.example/doc.pdf"


def read(body: Any, status: int = 200) -> str:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return submit_job(file_url=URL).read(Response(status, raw))


@pytest.mark.parametrize(
    ("job_id", "expected"), [("c020a1f0", "c020a1f0"), (12345678901234567890, "12345678901234567890")]
)
def test_a_job_id_comes_back_as_text(job_id: object, expected: str) -> None:
    assert read({"code": 200, "data": {"job_id": job_id}}) == expected


@pytest.mark.parametrize(
    "data",
    [None, [], {}, {"job_id": None}, {"job_id": ""}, {"job_id": "  "}, {"job_id": ["x"]}, {"job_id": True}],
    ids=repr,
)
def test_success_without_a_job_id_may_have_been_billed(data: object) -> None:
    with pytest.raises(ApiError) as caught:
        read({"code": 200, "data": data})

    assert caught.value.kind is ErrorKind.UNCERTAIN


#: Responses that are not TextIn's: pages, JSON of gateways, redirects, nothing.
FOREIGN: dict[str, tuple[Any, int]] = {
    "a page in HTTP 200": (b"<html>", 200),
    "an empty list": ([], 200),
    "nothing": (b"", 204),
    "a redirect": (b"", 302),
    "HTTP 401": (b"<html>", 401),
    "HTTP 403": (b"", 403),
    "HTTP 404": (b"default backend - 404", 404),
    "HTTP 407": (b"", 407),
    "HTTP 408": (b"", 408),
    "HTTP 410": (b"", 410),
    "HTTP 413": (b"<html>", 413),
    "HTTP 423": (b"", 423),
    "HTTP 502": (b"", 502),
    "HTTP 504": (b"", 504),
    "a mirrored 404": ({"code": 404, "message": "no route"}, 404),
    "JSON of gRPC": ({"code": 14, "message": "upstream"}, 503),
    "JSON of Kubernetes": ({"kind": "Status", "code": 403, "message": "no"}, 403),
    "success in HTTP 500": ({"code": 200, "data": {}}, 500),
}


@pytest.mark.parametrize(("body", "status"), FOREIGN.values(), ids=FOREIGN)
def test_a_response_that_is_not_textins_leaves_a_submit_uncertain(body: Any, status: int) -> None:
    with pytest.raises(ApiError) as caught:
        read(body, status)

    assert caught.value.kind is ErrorKind.UNCERTAIN
    assert "not an envelope of TextIn" in caught.value.message
    assert "may have been accepted" in caught.value.message
    assert "TextIn console" in caught.value.fix
    assert "proxy and gateway" in caught.value.fix


@pytest.mark.parametrize("body", [{"code": 50207, "data": None}, {"code": 50207, "data": {"x": 1}}], ids=str)
def test_partial_success_without_a_job_id_may_have_been_billed(body: Any) -> None:
    with pytest.raises(ApiError) as caught:
        read(body)

    assert caught.value.kind is ErrorKind.UNCERTAIN
    assert "may have been accepted" in caught.value.message


@pytest.mark.parametrize("status", [200, 400, 500, 502])
@pytest.mark.parametrize("code", [500, 30203, 40004, 40306, 40102, 40003])
@pytest.mark.parametrize(
    "named",
    [
        {"data": {"job_id": "c020"}},
        {"result": {"files": [{"id": "c020"}, None, {}]}},
        {"data": {"job_id": "c020", "files": 7, "message": "no"}},
    ],
    ids=str,
)
def test_a_failure_that_names_an_id_is_uncertain_and_says_which(
    status: int, code: int, named: dict[str, Any]
) -> None:
    with pytest.raises(ApiError) as caught:
        read({"code": code, "message": "no", **named}, status)

    assert caught.value.kind is ErrorKind.UNCERTAIN
    assert caught.value.code == code
    assert "_id='c020'" in caught.value.message
    assert "gateway" not in caught.value.fix


def test_ids_in_data_and_in_result_are_both_said() -> None:
    body = {"code": 500, "data": {"job_id": "c020"}, "result": {"files": [{"id": "f1"}, {"id": "f2"}]}}
    with pytest.raises(ApiError, match="the response names job_id='c020'; file_id='f1'; file_id='f2';"):
        read(body)


@pytest.mark.parametrize("status", [429, 500])
def test_a_job_id_in_a_gateways_response_is_said_too(status: int) -> None:
    with pytest.raises(ApiError) as caught:
        read({"code": 200, "data": {"job_id": "c020"}}, status)

    assert caught.value.kind is ErrorKind.UNCERTAIN
    assert "job_id='c020'" in caught.value.message


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (40306, ErrorKind.RATE_LIMIT),
        (423, ErrorKind.RATE_LIMIT),
        (900, ErrorKind.RATE_LIMIT),
        (500, ErrorKind.SERVER),
        (503, ErrorKind.SERVER),
        (30203, ErrorKind.SERVER),
        (401, ErrorKind.AUTHENTICATION),
        (40102, ErrorKind.AUTHENTICATION),
        (40003, ErrorKind.QUOTA),
        (40302, ErrorKind.REQUEST),
        (59999, ErrorKind.REQUEST),
        (-1, ErrorKind.REQUEST),
        (0, ErrorKind.REQUEST),
        (201, ErrorKind.REQUEST),
        (1005025103, ErrorKind.REQUEST),
    ],
)
@pytest.mark.parametrize(
    "named", [{}, {"data": {"job_id": ""}}, {"result": {"batch_number": "b", "files": []}}]
)
def test_a_failure_without_an_id_is_a_refusal(code: int, kind: ErrorKind, named: dict[str, Any]) -> None:
    with pytest.raises(ApiError) as caught:
        read({"code": code, "message": "no", **named})

    assert caught.value.kind is kind
    assert "accepted" not in str(caught.value)


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"code": 429, "message": "slow down"}'], ids=repr)
def test_http_429_has_accepted_nothing(body: bytes) -> None:
    with pytest.raises(ApiError) as caught:
        read(body, 429)

    assert caught.value.kind is ErrorKind.RATE_LIMIT


def test_an_uncertain_error_of_the_reader_is_not_changed() -> None:
    error = ApiError(ErrorKind.UNCERTAIN, about="it", message="no")

    def reads(_: Response) -> None:
        raise error

    with pytest.raises(ApiError) as caught:
        read_submitted(reads, Response(200, b""))
    assert caught.value is error


def test_errors_name_the_document() -> None:
    with pytest.raises(ApiError, match=r"xParse submit of 合同\.pdf: "):
        submit_job(document=Document("合同.pdf", 5, io.BytesIO(b"hello"))).read(Response(500, b""))
