"""What is left of the account, asked of the local TextIn."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from textin_provider.api.finance import Balance
from textin_provider.exceptions import TextInAuthenticationError
from textin_provider.testing import Account, PagePackage, ScriptedFault, TextInServer

if TYPE_CHECKING:
    from tests.hooks.support import Connect
    from textin_provider.hooks.textin import TextInHook

DOCFLOW = "/docflow"


def test_the_balance_is_that_of_the_account(hook: TextInHook, textin: TextInServer) -> None:
    textin.account = Account(balance=12.5, unavailable_balance=2)
    assert hook.get_balance() == Balance(12.5, 10.5, 2)


def test_packages_are_those_of_one_api(hook: TextInHook, textin: TextInServer) -> None:
    textin.account = Account(
        packages=(PagePackage(1000, 400), PagePackage(50, api_path=DOCFLOW), PagePackage(5, 5))
    )
    [package] = hook.get_package()
    assert (package.total, package.used, package.remaining) == (1000, 400, 600)
    assert str(package.ends_at)[:2] == "20"
    assert [package.total for package in hook.get_package("docflow")] == [50]
    assert [package.total for package in hook.get_package(DOCFLOW)] == [50]
    assert hook.get_package("/another") == []


def test_wrong_credentials_are_an_error(connect: Connect, textin: TextInServer) -> None:
    textin.fault("balance", ScriptedFault(code=40102))
    with pytest.raises(TextInAuthenticationError, match="TextIn balance"):
        connect({}).get_balance()


def test_a_blip_is_retried(hook: TextInHook, textin: TextInServer) -> None:
    textin.fault("balance", ScriptedFault(http_status=502, body=b"gateway"), times=2)
    assert hook.get_balance().balance > 0
    assert textin.count("balance") == 3


def test_the_test_button_tells_what_is_left(hook: TextInHook, textin: TextInServer) -> None:
    textin.account = Account(balance=12.5, packages=(PagePackage(1000, 400), PagePackage(1000)))
    is_good, message = hook.test_connection()
    assert is_good
    assert message.endswith(" Left: balance 12.5, 1,600 pages of xParse packages.")


@pytest.mark.parametrize("endpoint", ["balance", "package"])
@pytest.mark.parametrize(
    "fault",
    [ScriptedFault(code=40102), ScriptedFault(code=500), ScriptedFault(http_status=404, body=b"")],
    ids=str,
)
def test_the_test_button_says_nothing_of_what_it_may_not_see(
    hook: TextInHook, textin: TextInServer, endpoint: str, fault: ScriptedFault
) -> None:
    textin.fault(endpoint, fault, times=None)
    is_good, message = hook.test_connection()
    assert is_good
    assert "Left" not in message
