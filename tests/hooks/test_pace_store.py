"""Which connections lead to a store, and what is said about others."""

from __future__ import annotations

import sys

import pytest
from airflow.providers.common.compat.sdk import Connection

from textin_provider.exceptions import TextInConfigurationError
from textin_provider.hooks.pace_store import open_store


@pytest.mark.parametrize("conn_type", ["mysql", "textin", "rediss"])
def test_another_type_is_refused(conn_type: str) -> None:
    with pytest.raises(TextInConfigurationError) as caught:
        open_store(Connection(conn_id="pace", conn_type=conn_type), "a")
    assert str(caught.value) == (
        "Connection 'pace', named in field pace_conn_id: "
        f"it is of type {conn_type!r}. Name a connection of type 'redis' or 'postgres'."
    )


@pytest.mark.parametrize("conn_type", ["redis", "postgres"])
def test_a_missing_package_is_named_with_its_extra(conn_type: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, f"textin_provider.hooks.pace_{conn_type}", raising=False)
    monkeypatch.setitem(sys.modules, f"airflow.providers.{conn_type}.hooks.{conn_type}", None)
    with pytest.raises(TextInConfigurationError) as caught:
        open_store(Connection(conn_id="pace", conn_type=conn_type), "a")
    message = str(caught.value)
    assert message.startswith("Connection 'pace', named in field pace_conn_id: ")
    assert f"airflow.providers.{conn_type}" in message
    assert message.endswith(f"pip install 'airflow-provider-textin[{conn_type}]'.")


@pytest.mark.parametrize("conn_type", ["redis", "postgres"])
def test_opening_a_store_needs_no_server(conn_type: str) -> None:
    open_store(Connection(conn_id="pace", conn_type=conn_type, host="pace.invalid"), "a").close()
