"""The methods of the hook for what is left of the account."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textin_provider.api.errors import ApiError
from textin_provider.api.finance import get_balance, get_packages
from textin_provider.hooks.rate_limit_wait import RateLimitWait
from textin_provider.hooks.sender import Sender

if TYPE_CHECKING:
    from textin_provider.api.finance import Balance, Package


class FinanceMethods(Sender):
    """The side of :class:`~textin_provider.hooks.textin.TextInHook` for balance and packages."""

    def get_balance(self) -> Balance:
        """Return the account's balance; the request is free of charge."""
        return self.send(get_balance())

    def get_package(self, api: str = "xparse") -> list[Package]:
        """
        Return the packages of pages that the account can use; the request is free of charge.

        :param api: ``"xparse"``, ``"docflow"``, or the path of another API.
        """
        return self.send(get_packages(api))

    def _what_is_left(self) -> str:
        """Return balance and pages in words, empty where the account may not see them."""
        turn = RateLimitWait(self, 0.0)
        try:
            balance = self.send(get_balance(), attempts=1, turn=turn)
            packages = self.send(get_packages("xparse"), attempts=1, turn=turn)
        except ApiError:
            return ""
        pages = sum(package.remaining for package in packages)
        of_packages = f", {pages:,} pages of xParse packages" if pages else ""
        return f"Left: balance {balance.available:g}{of_packages}"
