"""What is PostgreSQL's own about the pace in it: its table, rights, limits and drivers."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from tests.hooks.pace import SPACING, PostgresOfTest, in_processes
from tests.running import GUARD_SECONDS
from textin_provider.hooks.pace_postgres import PostgresPaceStore

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.servers


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresOfTest]:
    with PostgresOfTest() as server:
        yield server


@pytest.fixture
def store(server: PostgresOfTest) -> Iterator[PostgresPaceStore]:
    store = PostgresPaceStore(server.connection(), uuid.uuid4().hex)
    yield store
    store.close()


def test_processes_create_the_table_at_the_same_time(server: PostgresOfTest) -> None:
    for _ in range(5):
        server.forget("DROP TABLE")
        stores = [PostgresPaceStore(server.connection(), "same") for _ in range(8)]
        with ThreadPoolExecutor(8) as pool:
            bookings = list(pool.map(lambda store: store.reserve(1, SPACING), stores))
        assert len({round(booking.delay / SPACING) for booking in bookings}) == 8
        for store in stores:
            store.close()


def test_a_user_without_the_right_to_create_tables_uses_an_existing_one(server: PostgresOfTest) -> None:
    with server.admin() as admin:
        admin.execute("CREATE ROLE guest LOGIN")
        admin.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    server.forget("DROP TABLE")
    guest = PostgresPaceStore(server.connection(login="guest"), "a")
    with pytest.raises(Exception, match="permission denied for schema public"):
        guest.reserve(1, SPACING)
    PostgresPaceStore(server.connection(), "a").reserve(0, 0.0)
    with server.admin() as admin:
        admin.execute("GRANT SELECT, INSERT, UPDATE ON textin_provider_pace TO guest")
    assert guest.reserve(1, SPACING).delay == 0.0
    guest.close()


def test_a_session_that_the_server_ended_is_opened_again(
    server: PostgresOfTest, store: PostgresPaceStore
) -> None:
    store.reserve(1, SPACING)
    with server.admin() as admin:
        admin.execute(
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
            " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
        )
        assert admin.rowcount >= 1
    assert store.reserve(1, SPACING).delay > 0


@pytest.mark.parametrize(
    ("extra", "error"),
    [
        ({}, "due to (lock|statement) timeout"),
        ({"options": "-c statement_timeout=300 -c lock_timeout=60s"}, "due to statement timeout"),
        ({"options": "-c statement_timeout=60s -c lock_timeout=300"}, "due to lock timeout"),
    ],
)
def test_limits_that_the_connection_sets_stand(
    server: PostgresOfTest, store: PostgresPaceStore, extra: dict[str, str], error: str
) -> None:
    store.reserve(1, SPACING)
    limited = PostgresPaceStore(server.connection(**extra), "a")
    with server.hang(), pytest.raises(Exception, match=error):
        limited.reserve(0, 0.0)
    limited.close()


def test_settings_do_not_outlive_a_call(server: PostgresOfTest, store: PostgresPaceStore) -> None:
    """A pooler gives the same session to other clients."""
    store.reserve(1, SPACING)
    with store._session().connection.cursor() as cursor:
        cursor.execute("SHOW statement_timeout")
        assert cursor.fetchone() == ("0",)


def test_the_kind_of_rows_of_the_connection_does_not_matter(server: PostgresOfTest) -> None:
    store = PostgresPaceStore(server.connection(cursor="dictcursor"), "rows")
    assert store.reserve(1, SPACING).delay == 0.0
    store.close()


def test_the_store_leaves_the_connection_of_the_caller_as_it_is(server: PostgresOfTest) -> None:
    connection = server.connection(cursor="dictcursor")
    PostgresPaceStore(connection, "a")
    assert connection.extra_dejson == {"cursor": "dictcursor"}


def test_a_process_forked_during_a_call_does_not_wait_for_that_call(store: PostgresPaceStore) -> None:
    store.reserve(1, SPACING)
    with store._session().turn():
        [booking] = in_processes(1, lambda: store.reserve(1, SPACING))
    assert booking.delay > 0


def test_a_thread_waits_for_the_others_only_for_a_while(store: PostgresPaceStore) -> None:
    with (
        store._session().turn(),
        ThreadPoolExecutor() as pool,
        pytest.raises(TimeoutError, match="busy with calls of other threads"),
    ):
        pool.submit(store.reserve, 1, SPACING).result(GUARD_SECONDS)
    assert store.reserve(1, SPACING).delay == 0.0
