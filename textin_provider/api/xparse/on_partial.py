"""The argument ``on_partial``: what to do with results of which pages or exports are missing."""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

from textin_provider.api.errors import bad_input

#: What to do with a result of which pages or exports are missing; it is stored in any case.
OnPartial: TypeAlias = Literal["warn", "fail", "ignore"]


def check_on_partial(on_partial: str) -> OnPartial:
    """Return the argument ``on_partial`` if it is valid."""
    if on_partial in get_args(OnPartial):
        return on_partial  # type: ignore[return-value]
    raise bad_input("on_partial", on_partial, "it is unknown", 'Pass "warn", "fail" or "ignore"')
