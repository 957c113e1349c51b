"""
Decisions about waiting: when to look again, and what an answer means.

Nothing here looks at a clock or sends anything: time is an argument, chance a callable. The trigger feeds the
answers in and does what the verdict says.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from textin_provider.api.xparse import JobStatus, XParseJob

if TYPE_CHECKING:
    from textin_provider.api.batch import Progress
    from textin_provider.api.docflow import Selector
    from textin_provider.api.faults import Fault

#: Gives a number in [0, 1).
Chance = Callable[[], float]

_FAULT_BASE = 1.0
_FAULT_CAP = 120.0
_JITTER = 0.1


def backoff(faults: int, *, chance: Chance = random.random, cap: float = _FAULT_CAP) -> float:
    """Return the seconds to pause after that many faults in a row: full jitter under a doubling ceiling."""
    return chance() * min(cap, _FAULT_BASE * 2.0 ** min(faults, 16))


@dataclass(frozen=True)
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

    def after_look(self, looks: int, chance: Chance = random.random) -> float:
        """Return the seconds to the next look after ``looks`` looks: the interval, give or take a tenth."""
        growth = 2.0 ** min(looks - 1, 32) if self.exponential_backoff else 1.0
        limit = self.max_wait if self.exponential_backoff and self.max_wait else math.inf
        return min(self.interval * growth * (1 - _JITTER + 2 * _JITTER * chance()), limit)

    def after_fault(self, faults: int, retry_after: float | None, chance: Chance = random.random) -> float:
        """Return the seconds to the next try after ``faults`` faults in a row, at least ``retry_after``."""
        return max(backoff(faults, chance=chance), retry_after or 0.0)


class Ending(StrEnum):
    """How a wait ended."""

    TERMINAL = "terminal"
    TIMEOUT = "timeout"
    FAULT = "fault"


@dataclass(frozen=True)
class Verdict:
    """
    What to do after one look.

    :param event: the event that ends the wait, None to go on.
    :param delay: seconds to the next look.
    :param notice: a line for the log if something changed.
    :param is_warning: whether that line says that something is wrong.
    """

    event: dict[str, Any] | None = None
    delay: float = 0.0
    notice: str | None = None
    is_warning: bool = False


def ended_by(fault: Fault) -> dict[str, Any]:
    """Return the event of a wait that a fault ended."""
    return {"ending": Ending.FAULT.value, "fault": fault.to_dict()}


class Wait:
    """
    A wait for something at TextIn: judges each look, status first and deadline second.

    What ended before the last look is never reported as timed out. A subclass judges what was seen with
    ``on_look`` and says in ``_subject`` and ``_seen`` what it waits for and how far that was.

    :param deadline: epoch seconds.
    :param timeout: the seconds that the deadline was made from, for the message.
    :param looks: how many looks were taken in earlier deferrals of the same wait, which goes on at its pace.
    """

    def __init__(
        self,
        schedule: Schedule,
        *,
        deadline: float,
        timeout: float,
        looks: int = 0,
        chance: Chance = random.random,
    ) -> None:
        self.schedule = schedule
        self.deadline = deadline
        self.timeout = timeout
        self._chance = chance
        self._looks = looks
        self._faults = 0
        self._last_fault: Fault | None = None
        self._last_news: str | None = None

    def begin(self, *, now: float) -> float:
        """Return the seconds to the first look."""
        schedule = self.schedule
        delay = (
            schedule.after_look(self._looks, self._chance) if self._looks else schedule.first(self._chance)
        )
        return self._within(delay, now)

    def on_fault(self, fault: Fault, *, now: float) -> Verdict:
        """Judge a look that failed: a blip is waited out, anything else ends the wait."""
        if not fault.kind.is_transient:
            return Verdict(event=ended_by(fault))
        self._faults += 1
        is_first, self._last_fault = self._last_fault is None, fault
        verdict = self._go_on(self.schedule.after_fault(self._faults, fault.retry_after, self._chance), now)
        return replace(verdict, notice=f"{fault} The wait goes on.", is_warning=True) if is_first else verdict

    def _looked(self) -> None:
        self._looks += 1
        self._faults, self._last_fault = 0, None

    def _wait_on(self, news: str, now: float, *, is_warning: bool = False) -> Verdict:
        """Go on waiting; the news is told if it is any."""
        is_new, self._last_news = news != self._last_news, news
        verdict = self._go_on(self.schedule.after_look(self._looks, self._chance), now)
        return replace(verdict, notice=news, is_warning=is_warning) if is_new else verdict

    def _go_on(self, delay: float, now: float) -> Verdict:
        if now >= self.deadline:
            return Verdict(event={"ending": Ending.TIMEOUT.value, "message": self._timeout_message()})
        return Verdict(delay=self._within(delay, now))

    def _within(self, delay: float, now: float) -> float:
        return max(0.0, min(delay, self.deadline - now))

    def _timeout_message(self) -> str:
        when = datetime.fromtimestamp(self.deadline, tz=UTC).isoformat(timespec="seconds")
        fault = f" The last {self._faults} looks failed: {self._last_fault}" if self._last_fault else ""
        return (
            f"{self._subject()} had not ended after timeout={self.timeout:g}s ({when}; {self._seen()})."
            f"{fault} TextIn works on; waiting for the same again costs nothing."
        )

    def _subject(self) -> str:
        raise NotImplementedError

    def _seen(self) -> str:
        raise NotImplementedError


class JobWait(Wait):
    """The wait for one xParse job."""

    def __init__(
        self,
        job_id: str,
        schedule: Schedule,
        *,
        deadline: float,
        timeout: float,
        looks: int = 0,
        chance: Chance = random.random,
    ) -> None:
        super().__init__(schedule, deadline=deadline, timeout=timeout, looks=looks, chance=chance)
        self.job_id = job_id
        self._reported: str | None = None

    def on_look(self, job: XParseJob, *, now: float) -> Verdict:
        """Judge a job that the status endpoint showed."""
        self._looked()
        self._reported = job.reported
        if job.status.is_terminal:
            return Verdict(event={"ending": Ending.TERMINAL.value, "job": job.to_dict()})
        if job.status is JobStatus.UNKNOWN:
            news = f"{self._subject()} has the unknown status {job.reported!r}; taken as not finished."
            return self._wait_on(news, now, is_warning=True)
        return self._wait_on(f"{self._subject()} is {job.reported}.", now)

    def _subject(self) -> str:
        return f"xParse job {self.job_id}"

    def _seen(self) -> str:
        return f"last seen {self._reported}" if self._reported else "its status never came"


class BatchWait(Wait):
    """
    The wait for the files of a DocFlow batch.

    :param expected_files: how many files must be visible before the wait can end, at least one.
    """

    def __init__(
        self,
        selector: Selector,
        schedule: Schedule,
        *,
        expected_files: int,
        deadline: float,
        timeout: float,
        looks: int = 0,
        chance: Chance = random.random,
    ) -> None:
        super().__init__(schedule, deadline=deadline, timeout=timeout, looks=looks, chance=chance)
        self.selector = selector
        self.expected_files = expected_files
        self._progress: Progress | None = None

    def on_look(self, progress: Progress, *, now: float) -> Verdict:
        """Judge the counts of a batch."""
        self._looked()
        self._progress = progress
        if progress.is_settled(self.expected_files):
            return Verdict(event={"ending": Ending.TERMINAL.value})
        return self._wait_on(f"{self._subject()}: {self._seen()}.", now)

    def _subject(self) -> str:
        return f"DocFlow files of {self.selector}"

    def _seen(self) -> str:
        if self._progress is None:
            return "their state never came"
        return self._progress.describe(self.expected_files)
