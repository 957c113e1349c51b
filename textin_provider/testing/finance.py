"""The endpoints of the account's money, read-only: the balance, and the packages of pages."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from textin_provider.testing.responses import PARAMETER_ERROR, Envelope, HttpResponse, Refusal
from textin_provider.testing.routing import Route, RoutedRequest

if TYPE_CHECKING:
    from textin_provider.testing.account import PagePackage
    from textin_provider.testing.limits import AccountLimits

BALANCE_PATH = "/user/finance/balance"
PACKAGE_PATH = "/user/finance/package"


class FinanceEndpoints:
    """Balance and packages of the account in ``limits``; no request changes them."""

    def __init__(self, limits: AccountLimits) -> None:
        self._limits = limits

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route("balance", "GET", BALANCE_PATH, self.balance),
            Route("package", "GET", PACKAGE_PATH, self.package),
        ]

    async def balance(self, _: RoutedRequest) -> HttpResponse:
        """Return the balance, and how much of it may be spent."""
        account = self._limits.account
        return Envelope.FINANCE.success(
            {
                "balance": account.balance,
                "available_balance": account.balance - account.unavailable_balance,
                "unavailable_balance": account.unavailable_balance,
            }
        )

    async def package(self, request: RoutedRequest) -> HttpResponse:
        """Return the packages of one API; those that are used up or over only with ``include_all=1``."""
        query = parse_qs(request.query)
        api_paths = query.get("api_path", [])
        if len(api_paths) != 1:
            raise Refusal(PARAMETER_ERROR, "api_path: it is required, once")
        include_all = query.get("include_all") == ["1"]
        now = time.time()
        entries = [
            _entry(number, package)
            for number, package in enumerate(self._limits.account.packages, start=1)
            if package.api_path == api_paths[0] and (include_all or package.is_usable(now))
        ]
        return Envelope.FINANCE.success({"list": entries})


def _entry(number: int, package: PagePackage) -> dict[str, Any]:
    return {
        "id": number,
        "service_list": [package.api_path],
        "total_count": package.total,
        "remain_count": package.remaining,
        "use_count": package.used,
        "create_time": _time(package.starts_at),
        "start_time": _time(package.starts_at),
        "end_time": _time(package.ends_at),
    }


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")
