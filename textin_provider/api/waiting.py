"""
Decisions about waiting: when to look again, and what an answer means.

Nothing here looks at a clock or sends anything: time is an argument, chance a callable. The trigger feeds the
answers in and does what the verdict says.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from textin_provider.api.xparse import JobStatus, XParseJob

if TYPE_CHECKING:
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
        interval = self.interval * (2.0 ** min(looks - 1, 32) if self.exponential_backoff else 1.0)
        if self.exponential_backoff and self.max_wait is not None:
            interval = min(interval, self.max_wait)
        return interval * (1 - _JITTER + 2 * _JITTER * chance())

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


class JobWait:
    """
    The wait for one job: judges each answer, status first and deadline second.

    :param deadline: epoch seconds; a job that ended before the last look is never reported as timed out.
    :param timeout: the seconds that the deadline came from, for the message.
    """

    def __init__(
        self,
        job_id: str,
        schedule: Schedule,
        *,
        deadline: float,
        timeout: float,
        chance: Chance = random.random,
    ) -> None:
        self.job_id = job_id
        self.schedule = schedule
        self.deadline = deadline
        self.timeout = timeout
        self._chance = chance
        self._looks = 0
        self._faults = 0
        self._reported: str | None = None
        self._last_fault: Fault | None = None

    def begin(self, *, now: float) -> float:
        """Return the seconds to the first look."""
        return self._within(self.schedule.first(self._chance), now)

    def on_job(self, job: XParseJob, *, now: float) -> Verdict:
        """Judge a job that the status endpoint showed."""
        self._looks += 1
        self._faults, self._last_fault = 0, None
        if job.status.is_terminal:
            return Verdict(event={"ending": Ending.TERMINAL.value, "job": job.to_dict()})
        verdict = self._go_on(self.schedule.after_look(self._looks, self._chance), now)
        if job.reported == self._reported:
            return verdict
        self._reported = job.reported
        return replace(verdict, notice=self._news(job), is_warning=job.status is JobStatus.UNKNOWN)

    def on_fault(self, fault: Fault, *, now: float) -> Verdict:
        """Judge a look that failed: a blip is waited out, anything else ends the wait."""
        if not fault.kind.is_transient:
            return Verdict(event=ended_by(fault))
        self._faults += 1
        is_first, self._last_fault = self._last_fault is None, fault
        verdict = self._go_on(self.schedule.after_fault(self._faults, fault.retry_after, self._chance), now)
        return replace(verdict, notice=f"{fault} The wait goes on.", is_warning=True) if is_first else verdict

    def _go_on(self, delay: float, now: float) -> Verdict:
        if now >= self.deadline:
            return Verdict(event={"ending": Ending.TIMEOUT.value, "message": self._timeout_message()})
        return Verdict(delay=self._within(delay, now))

    def _within(self, delay: float, now: float) -> float:
        return max(0.0, min(delay, self.deadline - now))

    def _news(self, job: XParseJob) -> str:
        if job.status is JobStatus.UNKNOWN:
            return f"xParse job {job.job_id} has the unknown status {job.reported!r}; taken as not finished."
        return f"xParse job {job.job_id} is {job.reported}."

    def _timeout_message(self) -> str:
        when = datetime.fromtimestamp(self.deadline, tz=UTC).isoformat(timespec="seconds")
        seen = f"last seen {self._reported}" if self._reported else "its status never came"
        fault = f" The last {self._faults} looks failed: {self._last_fault}" if self._last_fault else ""
        return (
            f"xParse job {self.job_id} had not ended after timeout={self.timeout:g}s ({when}; {seen})."
            f"{fault} TextIn works on; waiting for the same job_id again costs nothing."
        )
