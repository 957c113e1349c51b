"""What is Redis's own about the pace in it: its key, its values and its client."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import pytest

from tests.hooks.pace import RedisOfTest
from textin_provider.api.rate_limit import Booking
from textin_provider.hooks.pace_redis import RedisPaceStore

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.servers
DAY = 86_400


@pytest.fixture(scope="module")
def server() -> Iterator[RedisOfTest]:
    with RedisOfTest() as server:
        yield server


@pytest.fixture
def store(server: RedisOfTest) -> Iterator[RedisPaceStore]:
    store = RedisPaceStore(server.connection(), uuid.uuid4().hex)
    yield store
    store.close()


def test_a_key_expires_a_week_after_its_last_slot(server: RedisOfTest, store: RedisPaceStore) -> None:
    with server.admin() as admin:
        store.reserve(1, 0.0)
        assert 6 * DAY < admin.ttl(store._key) <= 7 * DAY
        store.pause(30.0 * DAY, 0.0, "a")
        assert 36 * DAY < admin.ttl(store._key) <= 37 * DAY + 1


@pytest.mark.parametrize("value", ["", "nan", "inf", "-inf", "1e300", "soon"])
def test_values_that_are_not_times_count_as_missing(
    server: RedisOfTest, store: RedisPaceStore, value: str
) -> None:
    store.pause(1000.0, 0.0, "a")
    credential = store._key.rpartition(":")[2]
    server.change(credential, dict.fromkeys(("seen_at", "free_at", "paused_until"), value))
    assert store.reserve(1, 1000.0) == Booking(0.0, 0.0, "a", 0.0)
    assert 900 < store.reserve(1, 1000.0).delay <= 1000


def test_the_database_of_the_connection_is_used(server: RedisOfTest) -> None:
    store = RedisPaceStore(server.connection(db=3), "a")
    store.reserve(1, 1.0)
    with server.admin() as admin:
        assert admin.info("keyspace")["db3"]["keys"] == 1
    store.close()


def test_limits_that_the_connection_sets_stand(server: RedisOfTest) -> None:
    store = RedisPaceStore(server.connection(socket_timeout=9), "a")
    store.reserve(1, 1.0)
    options = store._client.get_connection_kwargs()
    assert options["socket_connect_timeout"] == 2.0
    assert options["socket_timeout"] != 2.0
    store.close()
