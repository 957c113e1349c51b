"""Whose word a response is: TextIn's envelope, or the JSON of a gateway."""

from __future__ import annotations

import json
from typing import Any

import pytest

from textin_provider.api.envelope import first_said, parse_envelope

#: What gateways, ingresses and frameworks write, with the HTTP status that they send.
GATEWAYS: dict[str, tuple[int, dict[str, Any]]] = {
    "mirrored": (404, {"code": 404, "message": "page not found"}),
    "mirrored as text": (404, {"code": "404", "msg": "no route"}),
    "mirrored beside another status": (502, {"code": 404, "message": "no route"}),
    "mirrored with nothing": (404, {"code": 404, "message": "no route", "data": None, "result": None}),
    "mirrored with a trace": (404, {"code": 404, "message": "no route", "traceId": "4bf9"}),
    "Kubernetes": (404, {"kind": "Status", "status": "Failure", "code": 404, "message": "not found"}),
    "Kubernetes, not allowed": (403, {"kind": "Status", "apiVersion": "v1", "code": 403, "metadata": {}}),
    "gRPC": (503, {"code": 14, "message": "upstream"}),
    "gRPC, not found": (404, {"code": 5, "message": "Not Found", "details": []}),
    "Spring": (404, {"timestamp": "2026-01-01", "status": 404, "error": "Not Found", "path": "/api"}),
    "Spring with a code": (500, {"code": 500, "status": 500, "error": "Internal", "path": "/api"}),
    "Kong": (404, {"message": "no Route matched with those values", "request_id": "4bf9"}),
    "a framework": (429, {"code": 429, "success": False, "message": "slow down"}),
    "an unlisted status": (502, {"code": 502, "message": "Bad Gateway"}),
    "a success": (500, {"code": 200, "data": {"job_id": "j"}}),
    "a negative code": (500, {"code": -1, "message": "error"}),
    "a code that is not a number": (404, {"code": "not_found", "message": "no route", "data": {}}),
}

TEXTINS: dict[str, tuple[int, dict[str, Any]]] = {
    "success": (200, {"code": 200, "data": {}}),
    "any code in HTTP 200": (200, {"code": 1, "kind": "Status"}),
    "any code in HTTP 299": (299, {"code": "777", "error": "x"}),
    "its own number": (400, {"code": 1005025103, "msg": "category", "result": None}),
    "its own number among other members": (404, {"code": 10000, "kind": "Status"}),
    "its own number as text": (500, {"code": "40004", "path": "/api"}),
    "a listed code": (500, {"code": 500, "message": "internal error", "x_request_id": "r", "data": None}),
    "a listed code beside another status": (502, {"code": 429, "msg": "slow down", "traceId": "t"}),
    "a listed code with a place": (400, {"code": 400, "message": "no", "location": {"stage": "parse"}}),
    "all members": (
        500,
        {
            "code": 500,
            "message": "no",
            "msg": "no",
            "error_message": "no",
            "data": None,
            "result": None,
            "location": None,
            "x_request_id": "r",
            "traceId": "t",
        },
    ),
    "not found, with its request": (404, {"code": 404, "message": "no", "x_request_id": "r"}),
    "not found, with data": (404, {"code": 404, "message": "no", "data": {"message": "no such job"}}),
    "not found, with a result": (404, {"code": 404, "msg": "no", "result": {}}),
    "not found in HTTP 200": (200, {"code": 404, "message": "no"}),
}


@pytest.mark.parametrize(("status", "body"), GATEWAYS.values(), ids=GATEWAYS)
def test_the_json_of_a_gateway_is_not_an_envelope(status: int, body: dict[str, Any]) -> None:
    assert parse_envelope(json.dumps(body).encode(), status) is None


@pytest.mark.parametrize(("status", "body"), TEXTINS.values(), ids=TEXTINS)
def test_an_envelope_is_textins_whatever_the_http_status(status: int, body: dict[str, Any]) -> None:
    assert parse_envelope(json.dumps(body).encode(), status) == body


@pytest.mark.parametrize("status", [299, 300])
def test_beside_an_http_error_a_code_needs_more_to_be_textins(status: int) -> None:
    is_envelope = status < 300
    assert (parse_envelope(b'{"code": 9999}', status) is not None) is is_envelope
    assert parse_envelope(b'{"code": 10000}', status) is not None


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ((), None),
        (("a", "b"), "a"),
        ((None, "", "b"), "b"),
        (("success", "b"), "b"),
        (("Success ", " SUCCESS", "b\nc"), "b c"),
        (("success",), None),
        ((" ", "b"), "b"),
        ((7,), "7"),
        ((0, {}, [], False), None),
        (("unsuccessful",), "unsuccessful"),
    ],
    ids=repr,
)
def test_the_first_message_that_says_something_is_taken(values: tuple[Any, ...], said: str | None) -> None:
    assert first_said(*values) == said
