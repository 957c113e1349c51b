"""Options of the command line that define the account, for all programs that start a local TextIn."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, get_args

from textin_provider.testing.account import PLANS, Account, Over

if TYPE_CHECKING:
    import argparse


def add_account_options(parser: argparse.ArgumentParser, *, plan: str | None = None) -> None:
    """Add the options; ``plan`` is the default of ``--plan``, None for no limits."""
    group = parser.add_argument_group("account", "what the account allows; 0 is no limit")
    group.add_argument(
        "--plan", choices=PLANS, default=plan, help=f"take the limits of a plan ({plan or 'no limits'})"
    )
    group.add_argument("--requests-per-second", type=float, help="API requests a second")
    group.add_argument("--concurrent-jobs", type=int, help="xParse jobs in work at once")
    group.add_argument(
        "--over", choices=get_args(Over), help="queue or reject jobs beyond --concurrent-jobs (reject)"
    )


def account_of(parser: argparse.ArgumentParser, options: argparse.Namespace) -> Account:
    """Return the account of parsed options; exit with a message if it is not a valid one."""
    given = {
        name: getattr(options, name)
        for name in ("requests_per_second", "concurrent_jobs", "over")
        if getattr(options, name) is not None
    }
    try:
        return replace(PLANS[options.plan] if options.plan else Account(), **given)
    except ValueError as exc:
        parser.error(str(exc))
