"""Which files are meant, how a fetch asks for them, and how its page is read."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pendulum
import pytest

from textin_provider.api.docflow.fetch import count_files, fetch_page, query_of
from textin_provider.api.docflow.models import MAX_LEVELS, FilePage, RecognitionStatus, Selector
from textin_provider.api.errors import ApiError, ErrorKind
from textin_provider.api.protocol import Request, Response, Service

CHINA = timezone(timedelta(hours=8))


def page(body: Any, *, status: int = 200) -> FilePage:
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = Response.received(status, {"Content-Type": "application/json"}, text, now=0.0)
    return fetch_page("w", Selector("batch_number", "b")).read(answer)


@pytest.mark.parametrize("name", ["batch_number", "file_id", "task_id"])
@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("202611210001", "202611210001"),
        (1981234567890123457, "1981234567890123457"),
        ("  b\t", "b"),
        ("批次-1", "批次-1"),
        ("nightly 2026-11-21 / a&b=c", "nightly 2026-11-21 / a&b=c"),
    ],
)
def test_one_selector_is_taken(name: str, value: Any, expected: str) -> None:
    assert Selector.of(**{name: value}) == Selector(name, expected)


def test_no_selector_is_an_error() -> None:
    with pytest.raises(
        ApiError, match=r"batch_number=None, file_id=None, task_id=None: none is given.*exactly one"
    ):
        Selector.of()


@pytest.mark.parametrize(
    "given",
    [
        {"batch_number": "b", "file_id": "f"},
        {"batch_number": "b", "task_id": "t"},
        {"batch_number": "b", "file_id": "f", "task_id": "t"},
        {"batch_number": "", "file_id": "f"},
    ],
)
def test_several_selectors_are_an_error(given: dict[str, str]) -> None:
    with pytest.raises(ApiError, match="several are given") as caught:
        Selector.of(**given)

    assert caught.value.kind is ErrorKind.REQUEST


@pytest.mark.parametrize("name", ["batch_number", "file_id", "task_id"])
@pytest.mark.parametrize(
    "value",
    [
        "",
        "   ",
        "None",
        "none",
        " NONE ",
        True,
        False,
        1.5,
        [],
        ["b"],
        ["b", "c"],
        {"batch_number": "b"},
        b"b",
        "b\nc",
        "b\0",
        "b\u202ec",
    ],
    ids=repr,
)
def test_what_cannot_be_an_id_is_an_error_that_names_it(name: str, value: Any) -> None:
    with pytest.raises(ApiError, match=name) as caught:
        Selector.of(**{name: value})

    assert caught.value.kind is ErrorKind.REQUEST
    assert len(str(caught.value).splitlines()) == 1


def test_a_selector_reads_well_in_a_message() -> None:
    assert str(Selector("batch_number", "2026")) == "batch_number='2026'"


def query(**filters: Any) -> dict[str, str]:
    call = fetch_page("w", Selector("batch_number", "b"), filters=filters)
    assert len(dict(call.params)) == len(call.params), "each parameter takes a single value"
    return dict(call.params)


def test_a_fetch_asks_for_a_page_of_one_batch() -> None:
    call = fetch_page("w", Selector("task_id", "t"), page=3, page_size=7)

    assert (call.method, call.service) == ("GET", Service.DOCFLOW)
    assert call.path == "/api/app-api/sip/platform/v2/file/fetch"
    assert dict(call.params) == {"workspace_id": "w", "page": "3", "page_size": "7", "task_id": "t"}
    assert call.is_read
    assert (call.parts, call.json) == ((), None)


def test_a_fetch_without_a_selector_asks_for_the_workspace() -> None:
    call = fetch_page("w")

    assert dict(call.params) == {"workspace_id": "w", "page": "1", "page_size": "1000"}
    assert "workspace w" in call.about


@pytest.mark.parametrize("name", ["with_document", "with_task_detail_url", "with_image_url"])
@pytest.mark.parametrize(("value", "text"), [(True, "true"), (False, "false")])
def test_booleans_are_written_as_in_json(name: str, value: bool, text: str) -> None:
    assert query(**{name: value})[name] == text


def test_a_filter_that_is_none_is_left_out_and_zero_is_not() -> None:
    asked = query(category=None, recognition_status=0, verification_status=None, with_document=None)

    assert asked["recognition_status"] == "0"
    assert not {"category", "verification_status", "with_document"} & set(asked)


def test_a_status_can_be_given_by_name() -> None:
    assert query(recognition_status=RecognitionStatus.CLASSIFIED)["recognition_status"] == "10"


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (datetime(2026, 11, 21, 8, 30, tzinfo=UTC), "2026-11-21T08:30:00+00:00"),
        (datetime(2026, 11, 21, 8, 30, tzinfo=CHINA), "2026-11-21T08:30:00+08:00"),
        (pendulum.datetime(2026, 11, 21, 8, 30, tz="Asia/Shanghai"), "2026-11-21T08:30:00+08:00"),
        ("2026-11-21T08:30:00Z", "2026-11-21T08:30:00Z"),
    ],
    ids=["utc", "offset", "pendulum", "text"],
)
def test_times_are_written_as_rfc_3339(moment: Any, text: str) -> None:
    assert query(start_time=moment, end_time=moment)["start_time"] == text


def test_a_category_that_is_not_ascii_stays_as_it_is() -> None:
    assert query(category="增值税发票 & 其他")["category"] == "增值税发票 & 其他"


def test_the_query_keeps_its_order_and_shows_in_no_repr() -> None:
    assert query_of({"b": 1, "a": None, "c": True}) == (("b", "1"), ("c", "true"))
    assert "hush" not in repr(fetch_page("w", filters={"category": "hush"}))


def test_a_page_is_read_with_its_total() -> None:
    found = page({"code": 200, "msg": "成功", "result": {"total": 2, "files": [{"id": 1}, {"id": "2"}]}})

    assert [file.file_id for file in found.files] == ["1", "2"]
    assert found.total == 2


@pytest.mark.parametrize(
    "result",
    [None, {}, {"files": None}, {"files": {}}, {"files": "x"}, {"files": [None, 5, {}, {"id": None}]}, []],
    ids=repr,
)
def test_a_page_without_files_is_empty(result: Any) -> None:
    assert page({"code": 200, "result": result}) == FilePage((), None)


@pytest.mark.parametrize(
    ("total", "expected"), [(3, 3), ("3", 3), (0, 0), (None, None), ("many", None), (True, None), ([], None)]
)
def test_a_total_that_is_no_number_is_none(total: Any, expected: int | None) -> None:
    assert page({"code": 200, "result": {"total": total, "files": []}}).total == expected


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (423, ErrorKind.RATE_LIMIT),
        (429, ErrorKind.RATE_LIMIT),
        (900, ErrorKind.RATE_LIMIT),
        (500, ErrorKind.SERVER),
        (40101, ErrorKind.AUTHENTICATION),
        (40003, ErrorKind.QUOTA),
        (400, ErrorKind.REQUEST),
        (1005006000, ErrorKind.REQUEST),
        (1005016000, ErrorKind.REQUEST),
    ],
)
@pytest.mark.parametrize("as_text", [False, True], ids=["number", "text"])
def test_a_code_in_the_body_is_a_fault_of_its_kind(code: int, kind: ErrorKind, as_text: bool) -> None:
    with pytest.raises(ApiError, match=r"DocFlow files of batch_number='b': 频繁") as caught:
        page({"code": str(code) if as_text else code, "msg": "频繁", "result": None})

    assert (caught.value.kind, caught.value.code) == (kind, code)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"null", b"{}", b'{"result": {"files": []}}'])
def test_what_is_no_envelope_is_never_an_empty_page(body: bytes) -> None:
    with pytest.raises(ApiError) as caught:
        page(body)

    assert caught.value.kind is ErrorKind.SERVER


@pytest.mark.parametrize("request_", [fetch_page("w"), count_files("w", Selector("task_id", "t"))])
def test_files_that_are_nested_too_deeply_are_an_error_of_the_server(request_: Request[Any]) -> None:
    def response(levels: int) -> Response:
        opening, closing = b'[{"id": 1, "child_files": ' * (levels - 1) + b'[{"id": 1}]', b"}]" * (levels - 1)
        return Response(200, b'{"code": 200, "result": {"files": ' + opening + closing + b"}}")

    (file,) = request_.read(response(MAX_LEVELS)).files
    assert len(list(file.with_parts())) == MAX_LEVELS
    with pytest.raises(ApiError) as caught:
        request_.read(response(MAX_LEVELS + 1))
    error = caught.value
    assert (error.kind, error.about) == (ErrorKind.SERVER, request_.about)
    assert error.message == "the response nests files too deeply"
