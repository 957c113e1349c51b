"""What is left of an account: its balance and its packages of pages. Asking is free of charge."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import Any

from textin_provider.api.errors import bad_input
from textin_provider.api.protocol import Request, Response, Service, optional_text, read_data, server_error

_BALANCE_PATH = "/user/finance/balance"
_PACKAGE_PATH = "/user/finance/package"
#: The paths under which TextIn sells the pages of its services.
_API_PATHS = {"xparse": "/ai/service/v1/pdf_to_markdown", "docflow": "/docflow"}


@dataclass(frozen=True, slots=True)
class Balance:
    """
    The money of an account, in the unit of TextIn's console; 0 for accounts that have packages alone.

    :param available: the part that may be spent.
    :param unavailable: the part that may not.
    """

    balance: float
    available: float
    unavailable: float


@dataclass(frozen=True, slots=True)
class Package:
    """
    A package of pages.

    :param total: pages of the package.
    :param remaining: pages that may still be used.
    :param used: pages that were used.
    :param ends_at: when it ends, as TextIn writes it; None if it does not say.
    """

    total: int
    remaining: int
    used: int
    ends_at: str | None


def get_balance() -> Request[Balance]:
    """Return the request for the balance."""
    about = "TextIn balance"
    return Request(about, "GET", Service.XPARSE, _BALANCE_PATH, partial(_read_balance, about))


def get_packages(api: str) -> Request[list[Package]]:
    """
    Return the request for the packages of one API that can be used.

    :param api: ``"xparse"``, ``"docflow"``, or the path of another API.
    :raises ApiError: for another word.
    """
    path = _API_PATHS.get(api, api) if isinstance(api, str) else ""
    if not path.startswith("/"):
        raise bad_input("api", api, "it is unknown", 'Pass "xparse", "docflow" or the path of an API')
    about = f"TextIn packages of {path}"
    read = partial(_read_packages, about)
    return Request(about, "GET", Service.XPARSE, _PACKAGE_PATH, read, params=(("api_path", path),))


def _read_balance(about: str, response: Response) -> Balance:
    data = read_data(response, about)
    amounts = [_amount(data.get(name)) for name in ("balance", "available_balance", "unavailable_balance")]
    balance, available, unavailable = amounts
    if balance is None:
        raise server_error(about, "the response reports success without a balance")
    return Balance(balance, balance if available is None else available, unavailable or 0.0)


def _read_packages(about: str, response: Response) -> list[Package]:
    listed = read_data(response, about).get("list")
    if listed is None:
        return []
    if not isinstance(listed, list):
        raise server_error(about, "the response reports success without a list")
    return [_package(entry) for entry in listed if isinstance(entry, dict)]


def _package(entry: dict[str, Any]) -> Package:
    total, remaining, used = (
        int(_amount(entry.get(name)) or 0) for name in ("total_count", "remain_count", "use_count")
    )
    return Package(total, remaining, used, optional_text(entry.get("end_time")))


def _amount(value: object) -> float | None:
    """Return a number, which TextIn may write as text; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        amount = float(value)
    except (ValueError, OverflowError):
        return None
    return amount if math.isfinite(amount) else None
