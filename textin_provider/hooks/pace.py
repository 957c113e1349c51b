"""One pace for all processes of a credential, kept in a Redis or PostgreSQL that the user has."""

from __future__ import annotations

import hashlib
import logging
import os
import time
from collections import deque
from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING

from textin_provider.api.errors import ApiError
from textin_provider.api.rate_limit import Booking
from textin_provider.api.text import one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from airflow.providers.common.compat.sdk import Connection

    from textin_provider.hooks.pace_store import PaceStore

log = logging.getLogger(__name__)

#: Slots that are reserved together at most.
_MOST_SLOTS = 10
#: Seconds until a store that was out of reach is tried again.
_RETRY_SECONDS = 10.0
#: Seconds for which the answer of the store stands: a pause that began since then is not known.
_FRESH_SECONDS = 1.0

_paces: dict[tuple[int, str, str], FleetPace] = {}


def shared_pace(connection: Connection, credential: str) -> FleetPace:
    """Return this process's part in the pace of a credential, kept in the store that a connection names."""
    # A forked process has a part of its own: it must not use slots that its parent has reserved.
    key = (os.getpid(), connection.get_uri(), credential)
    pace = _paces.get(key)
    if pace is None:
        digest = hashlib.sha256(credential.encode()).hexdigest()[:32]
        pace = _paces.setdefault(key, FleetPace(str(connection.conn_id), lambda: _open(connection, digest)))
    return pace


def _open(connection: Connection, credential: str) -> PaceStore:
    from textin_provider.hooks.pace_store import open_store

    return open_store(connection, credential)


class FleetPace:
    """
    The part of this process in a shared pace, see :class:`~textin_provider.api.rate_limit.SharedPace`.

    One call to the store reserves a slot for each of the requests that wait for one. While the store is out
    of reach, which is logged once, each process keeps to its own pace.

    :param name: the id of the store's connection, for the log.
    :param open_: connects to the store.
    """

    def __init__(
        self, name: str, open_: Callable[[], PaceStore], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._name = name
        self._open = open_
        self._clock = clock
        self._store: PaceStore | None = None
        self._lock = Lock()
        self._waiting = 0
        self._waiting_lock = Lock()
        #: When the slots that are reserved ahead begin.
        self._slots: deque[float] = deque()
        self._state: Booking | None = None
        self._asked_at = self._retry_at = float("-inf")
        self._is_away = False

    def reserve(self, spacing: float) -> Booking | None:
        """Reserve the next slot; None if the store is out of reach."""
        with self._one_waits(), self._lock:
            return self._slot_ahead(spacing) or self._ask(lambda store: self._book(store, spacing))

    def check(self) -> Booking | None:
        """Return the state of the pace unless it was asked for within the last second."""
        with self._lock:
            if self._clock() - self._asked_at < _FRESH_SECONDS:
                return None
            return self._ask(lambda store: self._refresh(store.reserve(0, 0.0)))

    def pause(self, seconds: float, least: float, learned: str) -> Booking | None:
        """Pause all processes, and share what a refusal taught."""
        with self._lock:
            return self._ask(lambda store: self._refresh(store.pause(seconds, least, learned)))

    @contextmanager
    def _one_waits(self) -> Iterator[None]:
        with self._waiting_lock:
            self._waiting += 1
        try:
            yield
        finally:
            with self._waiting_lock:
                self._waiting -= 1

    def _slot_ahead(self, spacing: float) -> Booking | None:
        """Return a slot that was reserved ahead; slots that nobody used in time are dropped."""
        now = self._clock()
        while self._slots and self._slots[0] < now - spacing:
            self._slots.popleft()
        if not self._slots or self._state is None:
            return None
        passed = now - self._asked_at
        left, age = self._state.pause_left, self._state.age
        age = passed - left if left else age + passed
        delay = max(0.0, self._slots.popleft() - now)
        return Booking(delay, max(0.0, left - passed), self._state.learned, max(0.0, age))

    def _book(self, store: PaceStore, spacing: float) -> Booking:
        slots = max(1, min(self._waiting, _MOST_SLOTS))
        booking = store.reserve(slots, spacing)
        first = self._clock() + booking.delay
        self._slots = deque(first + number * spacing for number in range(1, slots))
        return booking

    def _refresh(self, booking: Booking) -> Booking:
        """Drop the slots ahead if a pause has begun since they were reserved."""
        if self._state is None or self._state.learned != booking.learned:
            self._slots.clear()
        return booking

    def _ask(self, call: Callable[[PaceStore], Booking]) -> Booking | None:
        if self._clock() < self._retry_at:
            return None
        try:
            self._store = self._store or self._open()
            booking = call(self._store)
        except ApiError:
            raise
        except Exception as error:  # of any class: each driver has its own
            self._lose(error)
            return None
        if self._is_away:
            log.info("The shared pace in %r is back.", self._name)
        self._is_away, self._state, self._asked_at = False, booking, self._clock()
        return booking

    def _lose(self, error: Exception) -> None:
        if not self._is_away:
            log.warning(
                "The shared pace in %r is out of reach (%s: %s). Until it is back, this process keeps "
                "max_requests_per_second by itself.",
                self._name,
                type(error).__name__,
                one_line(error),
            )
        self._is_away = True
        self._retry_at = self._clock() + _RETRY_SECONDS
        self._slots.clear()
