"""
The wait for something at TextIn, or for several things.

Invariants: a state is judged before the deadline, so a job that ended before its last poll never times out.
Transient errors never end a wait before its deadline; permanent errors end it at once.
"""

from __future__ import annotations

import math
import random
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from textin_provider.api.errors import ErrorKind
from textin_provider.polling.decision import Decision, Outcome
from textin_provider.polling.policy import PollPolicy, errors_within

if TYPE_CHECKING:
    from collections.abc import Iterable

    from textin_provider.api.errors import ApiError
    from textin_provider.api.retry import Chance


class Wait:
    """
    Judges the state or the error that each poll brings.

    A subclass judges states with ``on_state`` and describes for messages what it waits for.

    :param keys: what to poll; each key has its own delays.
    :ivar pending: the keys that have not ended, each with the number of its polls.
    """

    def __init__(self, keys: Iterable[str], policy: PollPolicy, *, chance: Chance = random.random) -> None:
        self.policy = policy
        self.pending = dict.fromkeys(keys, policy.polls)
        self._chance = chance
        self._errors: dict[str, int] = {}
        self._errors_in_a_row = 0
        # Text: the error itself would keep its traceback, and with it the request, in memory.
        self._last_error: str | None = None
        self._retry_after: float | None = None
        self._last_message: str | None = None
        self._are_errors_logged = False
        self._logged_at = self._error_logged_at = -math.inf

    def first_delay(self, *, now: float) -> float:
        """Return the seconds until the first poll of a key."""
        return self._within(self.policy.first_delay(self._chance), now)

    @property
    def has_error(self) -> bool:
        """Whether the last poll failed."""
        return self._last_error is not None

    def on_state(self, key: str, state: Any, *, now: float) -> Decision:
        """Judge the state of a key."""
        raise NotImplementedError

    def on_error(self, key: str, error: ApiError, *, now: float) -> Decision:
        """
        Judge the error of a poll: a transient one is waited out, a permanent one ends the wait.

        Of errors in a row the first one is logged. The rate limiter logs refusals, one line a pause.
        """
        if not error.kind.is_transient:
            return Decision(Outcome.ERROR, details={"fault": error.to_dict()})
        is_limited = error.kind is ErrorKind.RATE_LIMIT
        # The pause of the rate limiter grows with the refusals in a row, and is for all keys.
        errors = self._errors[key] = self._errors.get(key, 0) + (not is_limited)
        self._last_error = str(error)
        self._errors_in_a_row += 1
        self._retry_after = error.retry_after
        delay = self.policy.after_error(max(1, errors), error.retry_after, self._chance)
        decision = self._poll_again(delay, now)
        if decision.outcome:
            return decision
        if is_limited:
            return replace(decision, is_limited=True)
        if self._are_errors_logged or not self._is_due(self._error_logged_at, now):
            return decision
        self._are_errors_logged = True
        self._logged_at = self._error_logged_at = now
        return replace(decision, message=f"{error} The wait continues.", is_warning=True)

    def delay_without_counters(self, elapsed: float) -> float:
        """Return the delay after the only poll of a process, as in reschedule mode."""
        # As in Airflow's own sensors, the counters are estimated from the time since the first poll.
        if self._last_error is not None:
            return self.policy.after_error(errors_within(elapsed), self._retry_after, self._chance)
        return self.policy.after_poll(self.policy.polls_within(elapsed), self._chance)

    def describe(self) -> str:
        """Return what the wait is for and its last state, for messages of a timeout."""
        return f"{self._describe()}: {self._describe_state()}.{self._describe_errors()}"

    def _describe_errors(self) -> str:
        if self._last_error is None:
            return ""
        return f" The last {self._errors_in_a_row} polls failed: {self._last_error}"

    def _polled(self, key: str) -> None:
        self.pending[key] += 1
        self._errors.pop(key, None)
        self._errors_in_a_row, self._last_error, self._retry_after = 0, None, None
        self._are_errors_logged = False

    def _wait_on(self, key: str, message: str | None, now: float) -> Decision:
        """Continue to wait, with a log line if its message is new."""
        decision = self._poll_again(self.policy.after_poll(self.pending[key], self._chance), now)
        new = None if decision.outcome else self._if_new(message, now)
        return replace(decision, message=new) if new else decision

    def _if_new(self, message: str | None, now: float) -> str | None:
        if message is None or message == self._last_message or not self._is_due(self._logged_at, now):
            return None
        self._last_message, self._logged_at = message, now
        return message

    def _is_due(self, logged_at: float, now: float) -> bool:
        """Whether a line may be logged: with many keys, an interval after the line before."""
        return len(self.pending) <= 1 or now - logged_at >= self.policy.interval

    def _poll_again(self, delay: float, now: float) -> Decision:
        if now < self.policy.deadline:
            return Decision(delay=self._within(delay, now))
        when = datetime.fromtimestamp(self.policy.deadline, tz=UTC).isoformat(timespec="seconds")
        message = (
            f"{self._describe()} had not ended after timeout={self.policy.timeout:g}s"
            f" ({when}; {self._describe_state()}).{self._describe_errors()}"
            " TextIn continues to work on it; waiting for it again is free of charge."
        )
        return Decision(Outcome.TIMED_OUT, details={"message": message})

    def _within(self, delay: float, now: float) -> float:
        return max(0.0, min(delay, self.policy.deadline - now))

    def _describe(self) -> str:
        raise NotImplementedError

    def _describe_state(self) -> str:
        raise NotImplementedError
