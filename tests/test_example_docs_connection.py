"""The connections that the documentation writes down, read as Airflow reads them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from airflow.secrets.local_filesystem import load_connections_dict

from textin_provider.api.protocol import Service
from textin_provider.hooks.connection import read_connection
from textin_provider.hooks.textin import TextInHook

DOCS = Path(__file__).parents[1] / "docs"
EXPORT = re.compile(r"^export (AIRFLOW_CONN_\w+)='([^']*)'", re.MULTILINE)
LOCAL = "http://127.0.0.1:8866"
XPARSE, DOCFLOW = "https://api.textin.com", "https://docflow.textin.com"

EXPECTED: dict[str, tuple[str, dict[Service, str], str | None]] = {
    "textin_default": ("SECRET_CODE", {Service.XPARSE: XPARSE, Service.DOCFLOW: DOCFLOW}, None),
    "textin_intl": (
        "SECRET/CODE",
        {Service.XPARSE: XPARSE, Service.DOCFLOW: "https://docflow.textin.ai"},
        "123",
    ),
    "textin_proxy": (
        "SECRET_CODE",
        {Service.XPARSE: "https://textin-proxy.example.com", Service.DOCFLOW: DOCFLOW},
        None,
    ),
    "textin_local": ("SECRET_CODE", {Service.XPARSE: LOCAL, Service.DOCFLOW: LOCAL}, None),
    "textin_full": ("SECRET/CODE", {Service.XPARSE: XPARSE, Service.DOCFLOW: DOCFLOW}, "123"),
}


def _written() -> dict[str, str]:
    found = EXPORT.findall((DOCS / "connection.md").read_text())
    return {name.removeprefix("AIRFLOW_CONN_").lower(): value for name, value in found}


def _of(connection: Any) -> tuple[str, Any, str | None]:
    assert connection.app_id == "APP_ID"
    return connection.secret_code, connection.base_urls, connection.workspace_id


def test_every_connection_of_the_page_is_known_here() -> None:
    assert set(_written()) == set(EXPECTED)


@pytest.mark.parametrize("conn_id", sorted(EXPECTED))
def test_an_environment_variable_says_what_the_page_says(
    conn_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", _written()[conn_id])

    assert _of(TextInHook(conn_id).connection) == EXPECTED[conn_id]


def test_the_full_one_sets_its_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_TEXTIN_FULL", _written()["textin_full"])

    connection = TextInHook("textin_full").connection

    assert (connection.max_requests_per_second, connection.timeout) == (5, 30)


def test_the_file_of_the_secrets_backend_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    found = load_connections_dict(str(DOCS / "connections.yaml"))["textin_default"]

    connection = read_connection(found, found.extra_dejson)

    assert _of(connection) == ("SECRET_CODE", EXPECTED["textin_default"][1], "123")
