"""
Decisions about waiting: when to look again, and what an answer means.

Nothing here looks at a clock or sends anything: time is an argument, chance a callable. The trigger feeds the
answers in and does what the decision says.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from textin_provider.api.errors import ApiError

#: Gives a number in [0, 1).
Chance = Callable[[], float]

_ERROR_BASE = 1.0
_ERROR_CAP = 120.0
_JITTER = 0.1


def backoff(faults: int, *, chance: Chance = random.random, cap: float = _ERROR_CAP) -> float:
    """Return the seconds to pause after that many faults in a row: full jitter under a doubling ceiling."""
    return chance() * min(cap, _ERROR_BASE * 2.0 ** min(faults, 16))


@dataclass(frozen=True, slots=True)
class Schedule:
    """
    When to look again, as the sensor was told.

    :param interval: seconds between looks (``poke_interval``).
    :param exponential_backoff: whether the interval doubles with each look.
    :param max_wait: seconds that a doubled interval may reach at most; None for no limit.
    """

    interval: float
    exponential_backoff: bool = False
    max_wait: float | None = None

    def first(self, chance: Chance = random.random) -> float:
        """Return the seconds to the first look: anywhere in the interval, so that many waits spread out."""
        return chance() * self.interval

    def after_poll(self, looks: int, chance: Chance = random.random) -> float:
        """Return the seconds to the next look after ``looks`` looks: the interval, give or take a tenth."""
        growth = 2.0 ** min(looks - 1, 32) if self.exponential_backoff else 1.0
        limit = self.max_wait if self.exponential_backoff and self.max_wait else math.inf
        return min(self.interval * growth * (1 - _JITTER + 2 * _JITTER * chance()), limit)

    def after_error(self, faults: int, retry_after: float | None, chance: Chance = random.random) -> float:
        """Return the seconds to the next try after ``faults`` faults in a row, at least ``retry_after``."""
        return max(backoff(faults, chance=chance), retry_after or 0.0)


class Outcome(StrEnum):
    """How a wait ended."""

    TERMINAL = "terminal"
    TIMEOUT = "timeout"
    FAULT = "fault"


@dataclass(frozen=True, slots=True)
class Pace:
    """
    How long a wait may last and how often it looks.

    :param deadline: epoch seconds.
    :param timeout: the seconds that the deadline was made from, for the message.
    :param looks: how many looks were taken in earlier deferrals of the same wait, which goes on at its pace.
    """

    schedule: Schedule
    deadline: float
    timeout: float
    looks: int = 0


@dataclass(frozen=True, slots=True)
class Decision:
    """
    What to do after one look.

    :param event: the event that ends the wait, None to go on.
    :param delay: seconds to the next look at the same; None if it has ended and others have not.
    :param notice: a line for the log if something changed.
    :param is_warning: whether that line says that something is wrong.
    """

    event: dict[str, Any] | None = None
    delay: float | None = None
    notice: str | None = None
    is_warning: bool = False


def error_event(fault: ApiError) -> dict[str, Any]:
    """Return the event of a wait that a fault ended."""
    return {"ending": Outcome.FAULT.value, "fault": fault.to_dict()}


class Wait:
    """
    A wait for something at TextIn, or for several things: judges each look, status first and deadline second.

    What ended before the last look is never reported as timed out. A subclass judges what was seen with
    ``on_state`` and says in ``_subject`` and ``_seen`` what it waits for and how far that was.

    :param keys: what is looked at, each at a pace of its own.
    :ivar pending: those that have not ended, and how many looks each has had.
    """

    def __init__(self, keys: Iterable[str], pace: Pace, *, chance: Chance = random.random) -> None:
        self.pace = pace
        self.pending = dict.fromkeys(keys, pace.looks)
        self._chance = chance
        self._faults: dict[str, int] = {}
        self._faults_in_a_row = 0
        # In words: the fault itself would keep all that its request was made of.
        self._last_fault: str | None = None
        self._last_news: str | None = None
        self._told_at = -math.inf

    def first_delay(self, *, now: float) -> float:
        """Return the seconds to the first look at one of the keys; chance spreads them."""
        schedule, looks = self.pace.schedule, self.pace.looks
        return self._within(
            schedule.after_poll(looks, self._chance) if looks else schedule.first(self._chance), now
        )

    def on_state(self, key: str, seen: Any, *, now: float) -> Decision:
        """Judge what a look at one of the keys saw."""
        raise NotImplementedError

    def on_error(self, key: str, fault: ApiError, *, now: float) -> Decision:
        """Judge a look that failed: a blip is waited out, anything else ends the wait."""
        if not fault.kind.is_transient:
            return Decision(event=error_event(fault))
        faults = self._faults[key] = self._faults.get(key, 0) + 1
        is_first, self._last_fault = self._last_fault is None, str(fault)
        self._faults_in_a_row += 1
        decision = self._go_on(self.pace.schedule.after_error(faults, fault.retry_after, self._chance), now)
        if not is_first or not self._may_tell(now):
            return decision
        return replace(decision, notice=f"{fault} The wait goes on.", is_warning=True)

    def _looked(self, key: str) -> None:
        self.pending[key] += 1
        self._faults.pop(key, None)
        self._faults_in_a_row, self._last_fault = 0, None

    def _wait_on(self, key: str, news: str | None, now: float, *, is_warning: bool = False) -> Decision:
        """Go on waiting; the news is told if it is any."""
        decision = self._go_on(self.pace.schedule.after_poll(self.pending[key], self._chance), now)
        notice = self._fresh(news, now)
        return replace(decision, notice=notice, is_warning=is_warning) if notice else decision

    def _fresh(self, news: str | None, now: float) -> str | None:
        """Return the news if it is to be told."""
        if news is None or news == self._last_news or not self._may_tell(now):
            return None
        self._last_news = news
        return news

    def _may_tell(self, now: float) -> bool:
        """Whether a line may be logged: where many things move, one an interval will do."""
        if len(self.pending) > 1 and now - self._told_at < self.pace.schedule.interval:
            return False
        self._told_at = now
        return True

    def _go_on(self, delay: float, now: float) -> Decision:
        if now >= self.pace.deadline:
            return Decision(event={"ending": Outcome.TIMEOUT.value, "message": self._timeout_message()})
        return Decision(delay=self._within(delay, now))

    def _within(self, delay: float, now: float) -> float:
        return max(0.0, min(delay, self.pace.deadline - now))

    def _timeout_message(self) -> str:
        when = datetime.fromtimestamp(self.pace.deadline, tz=UTC).isoformat(timespec="seconds")
        in_a_row, fault = self._faults_in_a_row, self._last_fault
        faults = f" The last {in_a_row} looks failed: {fault}" if fault else ""
        return (
            f"{self._describe()} had not ended after timeout={self.pace.timeout:g}s ({when}; {self._describe_state()})."
            f"{faults} TextIn works on; waiting for the same again costs nothing."
        )

    def _describe(self) -> str:
        raise NotImplementedError

    def _describe_state(self) -> str:
        raise NotImplementedError
