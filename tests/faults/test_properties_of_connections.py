"""Whatever is written into a connection: it is read, or the field that is wrong is named."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.faults.strategies import JSON, TEXT
from tests.faults.test_properties_of_answers import check_fault
from textin_provider.api.errors import ApiError, ErrorKind
from textin_provider.api.protocol import Service
from textin_provider.hooks.connection import read_connection

SECRET = "hush-hush"
HOST = TEXT | st.from_regex(r"(https?://)?[a-z0-9.:@%/\[\]?#-]{0,30}", fullmatch=True)
FIELDS = (
    "docflow_host",
    "workspace_id",
    "max_requests_per_second",
    "enterprise_id",
    "timeout",
    "result_hosts",
)
EXTRA = st.dictionaries(st.sampled_from(FIELDS) | TEXT, JSON | HOST, max_size=4)


@dataclass
class Connection:
    """What is read of Airflow's own."""

    conn_id: str | None = "c1"
    conn_type: str | None = "textin"
    login: str | None = "app"
    password: str | None = field(default=SECRET, repr=False)
    host: str | None = None
    schema: str | None = None
    port: int | None = None


def stand_in(**fields: Any) -> Any:
    return Connection(**fields)


def check_named(fault: ApiError) -> None:
    check_fault(fault)
    assert fault.kind is ErrorKind.CONFIGURATION
    assert "field " in fault.about


@given(
    st.none() | TEXT,
    st.none() | HOST,
    st.sampled_from([None, "", "http", "https", "ftp"]),
    st.none() | st.integers(min_value=-1, max_value=70_000),
    st.sampled_from([None, "", "textin", "http"]),
    EXTRA,
)
def test_any_connection_is_read_or_the_field_is_named(
    login: str | None,
    host: str | None,
    schema: str | None,
    port: int | None,
    conn_type: str | None,
    extra: dict[str, Any],
) -> None:
    try:
        connection = stand_in(login=login, host=host, schema=schema, port=port, conn_type=conn_type)
        read = read_connection(connection, extra)
    except ApiError as fault:
        check_named(fault)
    else:
        assert conn_type != "http"
        assert SECRET not in repr(read)
        assert set(read.base_urls) == set(Service)
        assert read.timeout >= 0.1
        assert 0 <= read.max_requests_per_second < float("inf")
        for url in read.base_urls.values():
            assert read.hosts.gets_credentials(url)
            assert not url.endswith("/")
        for value in read.credentials.values():
            assert value.isascii()
            assert value.isprintable()


@given(JSON)
def test_an_extra_of_any_kind_is_read_or_named(extra: Any) -> None:
    try:
        read_connection(stand_in(), extra)
    except ApiError as fault:
        check_fault(fault)


@pytest.mark.parametrize("name", ["timeout", "max_requests_per_second"])
def test_a_number_that_no_float_can_hold_is_named(name: str) -> None:
    with pytest.raises(ApiError, match=name):
        read_connection(stand_in(), {name: 10**400})
