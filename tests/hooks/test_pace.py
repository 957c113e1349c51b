"""This process's part in a shared pace: slots ahead, a store that is away, what is told."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Any

import pytest

from textin_provider.api.errors import ApiError, ErrorKind
from textin_provider.api.rate_limit import Booking
from textin_provider.hooks.pace import FleetPace, shared_pace

if TYPE_CHECKING:
    from collections.abc import Callable

FREE = Booking(0.0, 0.0, "", 0.0)


class Store:
    """A store in this process: it lists its calls, and answers as told or fails."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.answer = FREE
        self.error: BaseException | None = None
        self.before: Callable[[], object] = lambda: None

    def reserve(self, slots: int, spacing: float) -> Booking:
        self.before()
        return self._answer("reserve", slots, spacing)

    def pause(self, seconds: float, least: float, learned: str) -> Booking:
        return self._answer("pause", seconds, least, learned)

    def close(self) -> None:
        pass

    def _answer(self, *call: Any) -> Booking:
        self.calls.append(call)
        if self.error is not None:
            raise self.error
        return self.answer


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def pace(store: Store, clock: Clock) -> FleetPace:
    return FleetPace("redis_default", lambda: store, clock)


def test_one_request_reserves_one_slot(pace: FleetPace, store: Store) -> None:
    store.answer = Booking(1.5, 0.5, "learned", 0.0)
    assert pace.reserve(0.5) == store.answer
    assert store.calls == [("reserve", 1, 0.5)]


@pytest.mark.parametrize(("waiting", "slots"), [(2, 2), (10, 10), (25, 10)])
def test_requests_that_wait_together_reserve_together(
    pace: FleetPace, store: Store, waiting: int, slots: int
) -> None:
    store.answer = Booking(3.0, 0.0, "", 7.0)
    all_wait = threading.Event()
    store.before = lambda: all_wait.wait(30)
    found: list[Booking | None] = []
    threads = [threading.Thread(target=lambda: found.append(pace.reserve(0.5))) for _ in range(waiting)]
    threads[0].start()
    for thread in threads[1:]:
        thread.start()
    while pace._waiting < waiting:
        pass
    all_wait.set()
    for thread in threads:
        thread.join()
    # The first call went out before the others waited.
    assert store.calls[0] == ("reserve", 1, 0.5)
    assert store.calls[1] == ("reserve", min(waiting - 1, slots), 0.5)
    delays = sorted(booking.delay for booking in found if booking)
    assert len(delays) == waiting
    assert delays[:2] == [3.0, 3.0]


def test_slots_ahead_are_given_out_without_a_call_and_dropped_when_they_have_passed(
    pace: FleetPace, store: Store, clock: Clock
) -> None:
    store.answer = Booking(1.0, 0.0, "", 7.0)
    with pace._one_waits(), pace._one_waits(), pace._one_waits():
        assert pace.reserve(0.5) == Booking(1.0, 0.0, "", 7.0)
    clock.now += 0.25
    assert pace.reserve(0.5) == Booking(1.25, 0.0, "", 7.25)
    clock.now += 2.5  # the slots at 2.0 and 2.5 seconds have passed, the first by more than the spacing
    assert pace.reserve(0.5) == Booking(0.0, 0.0, "", 9.75)
    clock.now += 0.1
    assert pace.reserve(0.5) == Booking(1.0, 0.0, "", 7.0)
    assert store.calls == [("reserve", 4, 0.5), ("reserve", 1, 0.5)]


def test_slots_ahead_are_void_in_a_pause(pace: FleetPace, store: Store) -> None:
    with pace._one_waits():
        pace.reserve(0.5)
    store.answer = Booking(2.0, 2.0, "learned", 0.0)
    assert pace.pause(2.0, 1.0, "learned") == store.answer
    assert pace.reserve(0.5) == store.answer
    assert store.calls[1:] == [("pause", 2.0, 1.0, "learned"), ("reserve", 1, 0.5)]


def test_a_pause_ends_for_slots_ahead_too(pace: FleetPace, store: Store, clock: Clock) -> None:
    store.answer = Booking(2.0, 2.0, "learned", 0.0)
    with pace._one_waits():
        pace.reserve(0.5)
    clock.now += 0.5
    assert pace.reserve(0.5) == Booking(2.0, 1.5, "learned", 0.0)


def test_the_state_is_asked_for_once_a_second(pace: FleetPace, store: Store, clock: Clock) -> None:
    assert pace.check() == FREE
    clock.now += 0.9
    assert pace.check() is None
    clock.now += 0.2
    assert pace.check() == FREE
    assert store.calls == [("reserve", 0, 0.0)] * 2


def test_a_store_that_is_away_is_told_once_and_asked_again_later(
    pace: FleetPace, store: Store, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="textin_provider.hooks.pace")
    store.error = ConnectionError("no\nroute")
    for _ in range(3):
        assert pace.reserve(0.5) is None
        assert pace.pause(1.0, 0.0, "") is None
        assert pace.check() is None
        clock.now += 11.0
    assert len(store.calls) == 3
    store.error = None
    assert pace.reserve(0.5) == FREE
    assert [record.getMessage() for record in caplog.records] == [
        "The shared pace in 'redis_default' is out of reach (ConnectionError: no route). Until it is back, "
        "this process keeps max_requests_per_second by itself.",
        "The shared pace in 'redis_default' is back.",
    ]


def test_a_store_that_cannot_be_opened_is_away(clock: Clock) -> None:
    def fail() -> Store:
        raise OSError("refused")

    pace = FleetPace("redis_default", fail, clock)
    assert pace.reserve(0.5) is None


def test_a_connection_of_another_type_is_an_error(pace: FleetPace, store: Store) -> None:
    store.error = ApiError(ErrorKind.CONFIGURATION, about="pace_conn_id", message="it is of type 'http'")
    with pytest.raises(ApiError, match="of type 'http'"):
        pace.reserve(0.5)


def test_a_credential_has_one_pace_in_a_store_and_process(monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow.models.connection import Connection

    first = shared_pace(Connection(conn_id="a", uri="redis://h:1/0"), "credential")
    assert shared_pace(Connection(conn_id="a", uri="redis://h:1/0"), "credential") is first
    assert shared_pace(Connection(conn_id="a", uri="redis://h:2/0"), "credential") is not first
    assert shared_pace(Connection(conn_id="a", uri="redis://h:1/0"), "another") is not first
    monkeypatch.setattr("os.getpid", lambda: -1)
    assert shared_pace(Connection(conn_id="a", uri="redis://h:1/0"), "credential") is not first
