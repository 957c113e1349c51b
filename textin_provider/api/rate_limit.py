"""Client-side rate limiting per credential. Nothing here reads a clock or sleeps: time is an argument."""

from __future__ import annotations

import random
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple, Protocol

from textin_provider.api.jobs_in_work import JobsInWork
from textin_provider.api.learned_rate import MARGIN, LearnedRate
from textin_provider.api.retry import timing

if TYPE_CHECKING:
    from textin_provider.api.retry import Chance

_LONGEST_PAUSE = 60.0
#: A spacing below this part of the first one counts as none, if the connection sets no ceiling.
_NO_SPACING = 0.05


class Booking(NamedTuple):
    """
    The answer to a reservation in a shared pace, in seconds by the clock of its store.

    :param delay: until the first reserved slot.
    :param pause_left: until the pause ends, 0.0 without one.
    :param learned: the text that the last pause stored, empty if there was none.
    :param age: since the end of the last pause, 0.0 during one.
    """

    delay: float
    pause_left: float
    learned: str
    age: float


class SharedPace(Protocol):
    """A pace that all processes of a credential share; its calls block, and return None while it is away."""

    def reserve(self, spacing: float) -> Booking | None:
        """Reserve the next slot; the one after that is ``spacing`` seconds later."""

    def check(self) -> Booking | None:
        """Return the state of the pace, if it may have changed since the last call."""

    def pause(self, seconds: float, least: float, learned: str) -> Booking | None:
        """Pause all processes, and share what the refusal taught; a pause that lasts is only extended."""


class Refusal(NamedTuple):
    """
    A refusal that started a pause.

    :param pause: seconds.
    :param refused: requests per second of this process when it was refused, None if there was only one.
    :param allowed: requests per second after the pause.
    """

    pause: float
    refused: float | None
    allowed: float

    def __str__(self) -> str:
        """Describe it for the log, with the setting to make."""
        text = f"TextIn refused a request for its rate; this account pauses for {self.pause:.1f} s."
        if self.refused is None:
            return f"{text} Other processes or programs use it too."
        return (
            f"{text} It sent {self.refused:.2g} requests a second, and continues with {self.allowed:.2g}. "
            f"If this happens again, set max_requests_per_second of the connection below {self.refused:.2g}."
        )


class RateLimiter:
    """
    Space the requests of one credential evenly, and pause all of them together after a rate-limit response.

    A request reserves the next free slot, so that requests do not burst and go out in the order of their
    reservations. A rate-limit response (40306, 429, 423, 900) starts a pause for all of them, which doubles
    with each further one. After the pause the rate stays below the refused one and grows slowly. Safe to
    share between threads.

    :param ceiling: requests per second that the account allows, 0 if unknown; a tenth is left unused.
    :ivar shared: the pace that all processes share, None if each has its own.
    :ivar is_alone: whether the last slot was reserved without the shared pace, so that the rate that was
        learned since then is that of this process, not of all.
    :ivar jobs: the jobs of the credential that may be in work.
    :ivar pauses: the number of pauses so far; a slot that was reserved before the last one is not valid.
    """

    def __init__(self, ceiling: float = 0.0) -> None:
        self.ceiling = ceiling
        self.shared: SharedPace | None = None
        self.is_alone = False
        self.pauses = 0
        self.jobs = JobsInWork()
        self._settings: dict[str, tuple[float, SharedPace | None]] = {}
        self._learned: LearnedRate | None = None
        self._free_at = self._sent_at = float("-inf")
        self._paused_until = float("-inf")
        self._requests = 0
        #: Seconds between the last two requests.
        self._gap = float("inf")
        self._lock = Lock()

    def configure(self, conn_id: str, ceiling: float, shared: SharedPace | None) -> None:
        """Apply the settings of a connection; of several for one credential the lowest ceiling holds."""
        with self._lock:
            self._settings[conn_id] = (ceiling, shared)
            settings = self._settings.values()
            self.ceiling = min((ceiling for ceiling, _ in settings if ceiling), default=0.0)
            self.shared = shared or next((shared for _, shared in settings if shared), None)

    def reserve(self, now: float) -> float:
        """Reserve a slot and return the seconds until then."""
        with self._lock:
            self.is_alone = True
            at = max(now, self._free_at, self._paused_until)
            self._free_at = at + self._spacing(now)
            self._sent(at)
            return at - now

    def spacing(self, now: float) -> float:
        """Return the seconds between two requests."""
        with self._lock:
            return self._spacing(now)

    def _spacing(self, now: float) -> float:
        learned = self._learned.spacing_after(self._age(now)) if self._learned else 0.0
        return max(self._least_spacing, learned if learned > _NO_SPACING * timing().first_spacing else 0.0)

    @property
    def _least_spacing(self) -> float:
        return 1.0 / (MARGIN * self.ceiling) if self.ceiling else 0.0

    def _sent(self, at: float) -> None:
        self._gap, self._sent_at = at - self._sent_at, at
        self._requests += 1

    def _age(self, now: float) -> float:
        """Return the seconds since the end of the last pause."""
        return max(0.0, now - self._paused_until)

    def pause_left(self, now: float) -> float:
        """Return the seconds until the current pause ends, 0 without a pause."""
        return max(0.0, self._paused_until - now)

    def on_limit(
        self, retry_after: float | None, *, now: float, chance: Chance = random.random
    ) -> Refusal | None:
        """
        Start a pause, at least as long as the server asked for, and lower the rate.

        :return: the refusal; None for that of a request that was sent before the pause: it may extend it.
        """
        with self._lock:
            earliest = now + (retry_after or 0.0)
            if now < self._paused_until:
                self._paused_until = max(self._paused_until, earliest)
                return None
            in_force = self._spacing(now)
            # Before the first refusal only requests count: idle time does not prove a rate.
            age = self._age(now) if self._learned else self._requests * in_force
            learned = LearnedRate.after_refusal(in_force, self._gap, self._learned, age)
            self._learned = learned
            pause = min(_LONGEST_PAUSE, timing().first_pause * 2.0 ** (learned.hits - 1))
            self._paused_until = self._free_at = max(earliest, now + pause * (0.5 + 0.5 * chance()))
            self.pauses += 1
            # The pause is not a time between two requests.
            self._gap, self._sent_at = float("inf"), float("-inf")
            refused = 1 / learned.refused if learned.refused < learned.spacing else None
            return Refusal(self._paused_until - now, refused, 1 / max(self._least_spacing, learned.spacing))

    @property
    def learned(self) -> str:
        """What refusals taught, as text for the shared pace."""
        return self._learned.to_text() if self._learned else ""

    def adopt(self, booking: Booking, now: float, *, reserved: float = 0.0) -> None:
        """
        Take over the state of the shared pace.

        :param reserved: the seconds after the reserved slot that are reserved too, 0 if none was reserved.
        """
        with self._lock:
            if self.is_alone:  # the time between requests of this process is not that between those of all
                self.is_alone, self._gap, self._sent_at = False, 0.0, float("-inf")
            learned = LearnedRate.from_text(booking.learned)
            if learned != self._learned:
                self.pauses += 1
            self._learned = learned
            self._paused_until = now + booking.pause_left if booking.pause_left else now - booking.age
            if reserved:
                self._sent(now + booking.delay)
                if booking.delay:  # other processes took the slots before
                    self._gap = min(self._gap, reserved)


_limiters: dict[tuple[str, str], RateLimiter] = {}


def limiter_for(
    app_id: str, base_url: str, conn_id: str, ceiling: float, shared: SharedPace | None = None
) -> RateLimiter:
    """Return this process's rate limiter of a credential, with the settings of the connection applied."""
    # setdefault is atomic, also between threads.
    limiter = _limiters.setdefault((app_id, base_url), RateLimiter())
    limiter.configure(conn_id, ceiling, shared)
    return limiter


def forget_limits() -> None:
    """Forget all pauses and rates: a new local TextIn may get the port of a former one."""
    _limiters.clear()
