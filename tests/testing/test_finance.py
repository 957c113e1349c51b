"""Balance and packages of the account."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.testing.client import conforms
from textin_provider.testing import PLANS, Account, PagePackage, ScriptedFault, TextInServer
from textin_provider.testing.contract import response_pointer

if TYPE_CHECKING:
    from tests.testing.client import Client

BALANCE = "/user/finance/balance"
PACKAGE = "/user/finance/package"
XPARSE = "/ai/service/v1/pdf_to_markdown"


def get(client: Client, path: str, query: str = "", **kwargs: Any) -> dict[str, Any]:
    response = client.session.get(f"{client.server.url}{path}?{query}", timeout=30, **kwargs)
    assert response.status_code == 200
    return conforms(response.json(), response_pointer("GET", path))


@pytest.mark.parametrize(
    ("account", "available"),
    [(Account(balance=12.5, unavailable_balance=2.25), 10.25), (Account(balance=0), 0), (Account(), 1000)],
)
def test_the_balance_is_that_of_the_account(
    client: Client, textin: TextInServer, account: Account, available: float
) -> None:
    textin.account = account
    envelope = get(client, BALANCE)
    assert (envelope["code"], envelope["msg"]) == (200, "success")
    assert envelope["data"] == {
        "balance": account.balance,
        "available_balance": available,
        "unavailable_balance": account.unavailable_balance,
    }
    assert "message" not in envelope
    assert textin.count("balance") == 1


NOW = time.time()
PACKAGES = (
    PagePackage(1000, 250, starts_at=0, ends_at=4_102_444_800),
    PagePackage(500, 500),
    PagePackage(300, starts_at=NOW - 200, ends_at=NOW - 100),
    PagePackage(200, starts_at=NOW + 3600, ends_at=NOW + 7200),
    PagePackage(40, 1, api_path="/docflow"),
)


@pytest.mark.parametrize(
    ("query", "remaining"),
    [
        (f"api_path={XPARSE}", [750]),
        (f"api_path={XPARSE}&include_all=0", [750]),
        (f"include_all=1&api_path={XPARSE.replace('/', '%2F')}", [750, 0, 300, 200]),
        ("api_path=/docflow", [39]),
        ("api_path=/nothing&include_all=1", []),
    ],
)
def test_packages_are_those_of_one_api(
    client: Client, textin: TextInServer, query: str, remaining: list[int]
) -> None:
    textin.account = Account(packages=PACKAGES)
    packages = get(client, PACKAGE, query)["data"]["list"]
    assert [package["remain_count"] for package in packages] == remaining
    assert all(p["total_count"] == p["remain_count"] + p["use_count"] for p in packages)
    assert textin.count("package") == 1


def test_a_package_has_its_times_and_its_api(client: Client, textin: TextInServer) -> None:
    textin.account = Account(packages=PACKAGES)
    (package,) = get(client, PACKAGE, f"api_path={XPARSE}")["data"]["list"]
    assert (package["start_time"], package["end_time"]) == ("1970-01-01 00:00:00", "2100-01-01 00:00:00")
    assert package["service_list"] == [XPARSE]


@pytest.mark.parametrize("query", ["", "include_all=1", "api_path=", "api_path=/a&api_path=/b"])
def test_packages_need_one_api(client: Client, query: str) -> None:
    envelope = get(client, PACKAGE, query)
    assert (envelope["code"], envelope["data"]) == (40004, None)
    assert "api_path" in envelope["msg"]


@pytest.mark.parametrize("path", [BALANCE, PACKAGE])
@pytest.mark.parametrize(
    ("headers", "code"), [({"x-ti-app-id": None}, 40101), ({"x-ti-secret-code": "guess"}, 40102)]
)
def test_errors_say_msg(client: Client, path: str, headers: dict[str, Any], code: int) -> None:
    envelope = get(client, path, headers=headers)
    assert envelope["code"] == code
    assert envelope["msg"].startswith("x-ti-app-id or x-ti-secret-code")


def test_faults_apply_and_a_plan_keeps_its_limits(client: Client, textin: TextInServer) -> None:
    textin.account = PLANS["paid"]
    textin.fault("balance", ScriptedFault(code=500))
    assert [get(client, BALANCE)["code"] for _ in range(2)] == [500, 200]
    assert textin.connection()["extra"]["max_concurrent_jobs"] == 5


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"balance": -1}, "balance: -1 is not 0 or above"),
        ({"balance": float("nan")}, "balance: nan is not 0 or above"),
        ({"balance": 5, "unavailable_balance": 6}, "balance: 5 is not 6 or above"),
        ({"unavailable_balance": -2}, "unavailable_balance: -2 is not 0 or above"),
    ],
)
def test_an_impossible_balance_is_refused(arguments: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        Account(**arguments)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"total": 5, "used": 6}, "used: 6 is not from 0 to 5"),
        ({"total": 5, "used": -1}, "used: -1"),
        ({"total": 5, "starts_at": 10.0, "ends_at": 9.0}, "ends_at: 9.0 is before starts_at, 10.0"),
    ],
)
def test_an_impossible_package_is_refused(arguments: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        PagePackage(**arguments)
