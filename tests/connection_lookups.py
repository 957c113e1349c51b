"""Airflow's own look-up of a connection, made to fail as it does when Airflow's API cannot be reached."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseHook

if TYPE_CHECKING:
    import pytest


def _function_of(name: str) -> Any:
    """Return the function under a class method of BaseHook."""
    return getattr(BaseHook, name).__func__


def fail_first_lookups(patch: pytest.MonkeyPatch, error: Exception, *, times: float) -> list[str]:
    """Let the first ``times`` look-ups raise ``error``; return a list that grows by each id looked up."""
    looked_up: list[str] = []

    def count_or_raise(conn_id: str) -> None:
        looked_up.append(conn_id)
        if len(looked_up) <= times:
            raise error

    get = _function_of("get_connection")

    def get_connection(cls: type[BaseHook], conn_id: str) -> Any:
        count_or_raise(conn_id)
        return get(cls, conn_id)

    patch.setattr(BaseHook, "get_connection", classmethod(get_connection))
    if not hasattr(BaseHook, "aget_connection"):  # before Airflow 3.1
        return looked_up
    aget = _function_of("aget_connection")

    async def aget_connection(cls: type[BaseHook], conn_id: str) -> Any:
        count_or_raise(conn_id)
        return await aget(cls, conn_id)

    patch.setattr(BaseHook, "aget_connection", classmethod(aget_connection))
    return looked_up
