"""Balance and packages: what TextIn's responses mean."""

from __future__ import annotations

import json
from typing import Any

import pytest

from textin_provider.api.errors import ApiError, ErrorKind
from textin_provider.api.finance import Balance, Package, get_balance, get_packages
from textin_provider.api.protocol import Response


def response(data: Any, code: int = 200) -> Response:
    return Response(200, json.dumps({"code": code, "msg": "success", "data": data}).encode())


@pytest.mark.parametrize(
    ("data", "balance"),
    [
        ({"balance": 10, "available_balance": 8, "unavailable_balance": 2}, Balance(10, 8, 2)),
        ({"balance": "10.50", "available_balance": "8", "unavailable_balance": "2.5"}, Balance(10.5, 8, 2.5)),
        ({"balance": 0}, Balance(0, 0, 0)),
        ({"balance": 3.5, "available_balance": None, "unavailable_balance": "a"}, Balance(3.5, 3.5, 0)),
    ],
)
def test_a_balance_is_read_with_what_textin_says(data: Any, balance: Balance) -> None:
    assert get_balance().read(response(data)) == balance


@pytest.mark.parametrize("value", [None, "", "a", True, [1], "inf", "nan", "1e999"])
def test_a_balance_that_is_no_number_is_an_error(value: Any) -> None:
    with pytest.raises(ApiError, match="without a balance") as caught:
        get_balance().read(response({"balance": value}))
    assert caught.value.kind is ErrorKind.SERVER


def test_packages_are_read_with_what_textin_says() -> None:
    entry = {
        "id": 1,
        "service_list": ["a"],
        "total_count": 1000,
        "remain_count": "400",
        "use_count": 600,
        "end_time": "2027-01-01 00:00:00",
    }
    packages = get_packages("xparse").read(response({"list": [entry, "odd", {}]}))
    assert packages == [Package(1000, 400, 600, "2027-01-01 00:00:00"), Package(0, 0, 0, None)]


@pytest.mark.parametrize("data", [{}, {"list": None}, {"list": []}, None])
def test_no_packages_are_an_empty_list(data: Any) -> None:
    assert get_packages("xparse").read(response(data)) == []


def test_packages_of_another_shape_are_an_error() -> None:
    with pytest.raises(ApiError, match="without a list"):
        get_packages("docflow").read(response({"list": {"a": 1}}))


@pytest.mark.parametrize("read", [get_balance().read, get_packages("xparse").read])
def test_a_refusal_is_an_error(read: Any) -> None:
    with pytest.raises(ApiError) as caught:
        read(response({}, code=40102))
    assert caught.value.kind is ErrorKind.AUTHENTICATION


@pytest.mark.parametrize(
    ("api", "path"),
    [("xparse", "/ai/service/v1/pdf_to_markdown"), ("docflow", "/docflow"), ("/a/b?c", "/a/b?c")],
)
def test_an_api_is_named_by_its_word_or_path(api: str, path: str) -> None:
    assert get_packages(api).params == (("api_path", path),)


@pytest.mark.parametrize("api", ["", "XPARSE", "pdf", None, 3])
def test_another_word_is_an_error(api: Any) -> None:
    with pytest.raises(ApiError, match=r"api=.*Pass \"xparse\", \"docflow\""):
        get_packages(api)
