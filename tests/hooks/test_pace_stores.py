"""The pace in Redis and in PostgreSQL: the same tests for both, with real servers."""

from __future__ import annotations

import math
import signal
import uuid
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import get_context
from typing import TYPE_CHECKING

import pytest

from tests.hooks.pace import (
    SPACING,
    TIMES,
    PaceServer,
    PostgresOfTest,
    RedisOfTest,
    Slots,
    in_processes,
    near,
)
from tests.running import GUARD_SECONDS
from textin_provider.api.rate_limit import Booking
from textin_provider.hooks.pace_store import open_store

if TYPE_CHECKING:
    from collections.abc import Iterator

    from textin_provider.hooks.pace_store import PaceStore

pytestmark = pytest.mark.servers

YEAR = 366 * 86_400.0


@pytest.fixture(scope="module", params=[RedisOfTest, PostgresOfTest], ids=["redis", "postgres"])
def server(request: pytest.FixtureRequest) -> Iterator[PaceServer]:
    with request.param() as server:
        yield server


@pytest.fixture
def credential() -> str:
    return uuid.uuid4().hex


@pytest.fixture
def store(server: PaceServer, credential: str) -> Iterator[PaceStore]:
    # Airflow knows no connection of its id, so a look-up would fail.
    store = open_store(server.connection(), credential)
    yield store
    store.close()


def test_the_first_slot_is_free_and_the_next_ones_are_spaced(store: PaceStore) -> None:
    assert store.reserve(1, SPACING) == Booking(0.0, 0.0, "", 0.0)
    assert store.reserve(1, SPACING).delay == near(SPACING)
    assert store.reserve(1, SPACING).delay == near(2 * SPACING)


def test_several_slots_are_reserved_at_once(store: PaceStore) -> None:
    assert store.reserve(10, SPACING).delay == 0.0
    assert store.reserve(2, 2 * SPACING).delay == near(10 * SPACING)
    assert store.reserve(1, SPACING).delay == near(14 * SPACING)


def test_no_slots_reserve_nothing(store: PaceStore) -> None:
    assert store.reserve(0, SPACING) == Booking(0.0, 0.0, "", 0.0)
    assert store.reserve(1, SPACING).delay == 0.0
    for _ in range(2):
        assert store.reserve(0, SPACING).delay == near(SPACING)


def test_without_spacing_all_slots_are_free(store: PaceStore) -> None:
    assert [store.reserve(5, 0.0).delay for _ in range(3)] == [0.0, 0.0, 0.0]


def test_credentials_have_a_pace_each(store: PaceStore, server: PaceServer) -> None:
    store.reserve(1, SPACING)
    store.pause(SPACING, 0.0, "a")
    other = open_store(server.connection(), uuid.uuid4().hex)
    assert other.reserve(1, SPACING) == Booking(0.0, 0.0, "", 0.0)
    other.close()


def test_a_pause_moves_the_next_slot(store: PaceStore) -> None:
    store.reserve(1, SPACING)
    assert store.pause(4000.0, 0.0, "a") == Booking(near(4000), near(4000), "a", 0.0)
    assert store.reserve(1, SPACING) == Booking(near(4000), near(4000), "a", near(0))
    assert store.reserve(1, SPACING).delay == near(4000 + SPACING)


def test_after_a_pause_all_slots_are_free(store: PaceStore) -> None:
    store.reserve(10, SPACING)
    assert store.pause(SPACING, 0.0, "a") == Booking(near(SPACING), near(SPACING), "a", 0.0)


def test_a_pause_is_as_long_as_the_server_asked_for(store: PaceStore) -> None:
    assert store.pause(1.0, 4000.0, "a").pause_left == near(4000)


def test_a_pause_is_only_extended(store: PaceStore) -> None:
    store.pause(2000.0, 0.0, "a")
    assert store.pause(9000.0, 1000.0, "b") == Booking(near(2000), near(2000), "a", near(0))
    assert store.pause(9000.0, 4000.0, "b") == Booking(near(4000), near(4000), "a", near(0))


def test_after_a_pause_its_text_and_age_stay(store: PaceStore, server: PaceServer, credential: str) -> None:
    store.pause(2000.0, 0.0, "a")
    server.set_clock(credential, 5000.0)
    assert store.reserve(0, 0.0) == Booking(0.0, 0.0, "a", near(3000))
    assert store.pause(1000.0, 0.0, "b") == Booking(near(1000), near(1000), "b", 0.0)


@pytest.mark.parametrize("text", ["", '{"rate": 1.5}', "50 % of 'this', \\ %(that)s; 文字\n"])
def test_any_text_can_be_learned(store: PaceStore, text: str) -> None:
    store.pause(SPACING, 0.0, text)
    assert store.reserve(0, 0.0).learned == text


def test_a_clock_that_jumps_forward_frees_the_slots(
    store: PaceStore, server: PaceServer, credential: str
) -> None:
    store.reserve(10, SPACING)
    server.set_clock(credential, 11 * SPACING)
    assert [store.reserve(1, SPACING).delay for _ in range(2)] == [0.0, near(SPACING)]


def test_a_clock_that_is_set_back_takes_all_times_along(
    store: PaceStore, server: PaceServer, credential: str
) -> None:
    store.reserve(10, SPACING)
    store.pause(1000.0, 0.0, "a")
    server.set_clock(credential, 500.0)
    store.reserve(0, 0.0)
    server.set_clock(credential, -1_000_000.0)
    assert store.reserve(1, SPACING) == Booking(near(500), near(500), "a", 0.0)
    assert store.reserve(1, SPACING) == Booking(near(500 + SPACING), near(500), "a", 0.0)
    server.set_clock(credential, -1_000_000.0)
    assert store.pause(9000.0, 2000.0, "b") == Booking(near(2000), near(2000), "a", 0.0)


def test_a_pause_that_ended_stays_ended_when_the_clock_is_set_back(
    store: PaceStore, server: PaceServer, credential: str
) -> None:
    store.pause(1000.0, 0.0, "a")
    server.set_clock(credential, 5000.0)
    store.reserve(0, 0.0)
    server.set_clock(credential, -1_000_000.0)
    assert store.pause(2000.0, 0.0, "b") == Booking(near(2000), near(2000), "b", 0.0)


def test_a_clock_that_was_far_ahead_once_leaves_free_slots(
    store: PaceStore, server: PaceServer, credential: str
) -> None:
    store.pause(1000.0, 0.0, "a")
    seen_at = float(server.stored(credential)["seen_at"])
    server.change(credential, {"seen_at": seen_at + 1_000_000.0})
    assert store.reserve(1, SPACING) == Booking(0.0, 0.0, "a", near(999_000))
    assert store.reserve(1, SPACING).delay == near(SPACING)


@pytest.mark.parametrize("way", [0, 1])
def test_the_pace_starts_anew_after_its_data_is_forgotten(
    store: PaceStore, server: PaceServer, way: int
) -> None:
    store.reserve(10, SPACING)
    store.pause(SPACING, 0.0, "a")
    server.forget(server.ways_to_forget[way])
    assert store.reserve(1, SPACING) == Booking(0.0, 0.0, "", 0.0)
    server.forget(server.ways_to_forget[way])
    assert store.pause(SPACING, 0.0, "b") == Booking(near(SPACING), near(SPACING), "b", 0.0)


@pytest.mark.parametrize("number", [math.nan, -1.0, -math.inf])
def test_negative_and_nan_durations_are_refused(store: PaceStore, number: float) -> None:
    error = "is not a number of seconds"
    with pytest.raises(ValueError, match=error):
        store.reserve(1, number)
    with pytest.raises(ValueError, match=error):
        store.pause(number, 0.0, "a")
    with pytest.raises(ValueError, match=error):
        store.pause(0.0, number, "a")
    assert store.reserve(0, 0.0) == Booking(0.0, 0.0, "", 0.0)


@pytest.mark.parametrize("number", [math.inf, 1e308])
def test_infinite_durations_count_as_a_year(
    store: PaceStore, server: PaceServer, credential: str, number: float
) -> None:
    store.pause(number, number, "a")
    assert store.reserve(10, number) == Booking(near(YEAR), near(YEAR), "a", near(0))
    assert store.reserve(0, 0.0).delay == near(2 * YEAR)
    assert all(math.isfinite(float(server.stored(credential)[name])) for name in TIMES)


def test_only_the_documented_values_are_stored(store: PaceStore, server: PaceServer, credential: str) -> None:
    store.pause(1.0, 0.0, "a")
    assert set(server.stored(credential)) - {"credential"} == {*TIMES, "learned"}


def test_a_server_that_restarts_is_used_again(store: PaceStore, server: PaceServer) -> None:
    store.reserve(1, SPACING)
    server.crash()
    server.start()
    # It may forget what it had: Redis does here, and PostgreSQL empties its table after a crash.
    assert [store.reserve(1, SPACING).delay for _ in range(2)] == [0.0, near(SPACING)]


def test_a_server_that_is_gone_is_an_error_until_it_is_back(store: PaceStore, server: PaceServer) -> None:
    store.reserve(1, SPACING)
    server.crash()
    try:
        for _ in range(2):
            with pytest.raises(Exception, match="refused"):
                store.reserve(1, SPACING)
    finally:
        server.start()
    assert store.reserve(1, SPACING).delay == 0.0


def test_a_call_without_a_response_gives_up(store: PaceStore, server: PaceServer) -> None:
    store.reserve(1, SPACING)
    with ThreadPoolExecutor() as pool:
        with server.hang():
            error = pool.submit(store.reserve, 0, 0.0).exception(GUARD_SECONDS)
        assert "time" in str(error).lower()
    assert store.reserve(0, 0.0).delay == near(SPACING)


def test_a_call_that_a_signal_interrupts_leaves_no_response_to_the_next(
    store: PaceStore, server: PaceServer
) -> None:
    """As Airflow does with an ``execution_timeout``."""
    store.reserve(1, SPACING)
    handler = signal.signal(signal.SIGALRM, _interrupt)
    try:
        with server.hang():
            signal.setitimer(signal.ITIMER_REAL, 0.3)
            with pytest.raises(_Interrupted):
                store.reserve(10, SPACING)
    finally:
        signal.signal(signal.SIGALRM, handler)
    assert store.reserve(0, 0.0).delay in (near(SPACING), near(11 * SPACING))


class _Interrupted(BaseException):
    pass


def _interrupt(*_: object) -> None:
    raise _Interrupted


def test_a_closed_store_connects_again(store: PaceStore) -> None:
    store.reserve(1, SPACING)
    store.close()
    store.close()
    assert store.reserve(1, SPACING).delay == near(SPACING)


def test_threads_share_a_store(store: PaceStore) -> None:
    slots = Slots(store)
    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(lambda _: slots.take(), range(200)))
    assert sorted(taken) == list(range(1, 201))


def test_a_forked_process_goes_on_with_the_store_of_its_parent(store: PaceStore) -> None:
    slots = Slots(store)
    of_children = in_processes(2, lambda: [slots.take() for _ in range(5)])
    # The end of the children has not closed the connection of the parent.
    taken = [*of_children[0], *of_children[1], slots.take()]
    assert sorted(taken) == list(range(1, 12))


def test_processes_get_slots_evenly(server: PaceServer, credential: str) -> None:
    """In each round, each of the four processes gets one of the next four slots."""
    first = open_store(server.connection(), credential)
    slots = Slots(first)
    barrier = get_context("fork").Barrier(4)

    def work() -> list[int]:
        taken = []
        for _ in range(100):
            barrier.wait(GUARD_SECONDS)
            taken.append(slots.take())
        return taken

    rounds = list(zip(*in_processes(4, work), strict=True))
    assert [sorted(taken) for taken in rounds] == [[*range(4 * n + 1, 4 * n + 5)] for n in range(100)]
    first.close()
