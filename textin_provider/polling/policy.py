"""When to poll next, and until when."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

from textin_provider.api.retry import Chance, backoff, timing

_JITTER = 0.1
#: Exponents beyond this are past any deadline, and would overflow in the end.
_MAX_DOUBLINGS = 32


@dataclass(frozen=True, slots=True)
class PollPolicy:
    """
    How often to poll and how long to wait; all in seconds.

    :param interval: between two polls of the same key (``poke_interval``).
    :param deadline: when the wait times out, in epoch seconds.
    :param timeout: the time that the deadline was calculated from, for messages.
    :param exponential_backoff: whether the interval doubles with each poll.
    :param max_wait: upper limit of a doubled interval; None for no limit.
    :param polls: polls in earlier deferrals of the same wait, which continues at their pace.
    """

    interval: float
    deadline: float
    timeout: float
    exponential_backoff: bool = False
    max_wait: float | None = None
    polls: int = 0

    def first_delay(self, chance: Chance = random.random) -> float:
        """Return the delay before the first poll: uniform over the interval, to spread out many waits."""
        if self.polls:
            return self.after_poll(self.polls, chance)
        return chance() * min(self.interval, timing().longest_interval)

    def after_poll(self, polls: int, chance: Chance = random.random) -> float:
        """Return the delay after ``polls`` polls: the interval with 10 % jitter, doubled if so configured."""
        growth = 2.0 ** min(polls - 1, _MAX_DOUBLINGS) if self.exponential_backoff else 1.0
        limit = self.max_wait if self.exponential_backoff and self.max_wait else math.inf
        limit = min(limit, timing().longest_interval)
        return min(self.interval * growth * (1 - _JITTER + 2 * _JITTER * chance()), limit)

    def after_error(self, errors: int, retry_after: float | None, chance: Chance = random.random) -> float:
        """Return the delay after ``errors`` errors in a row, at least ``retry_after``."""
        return max(backoff(errors, chance=chance), retry_after or 0.0)

    def polls_within(self, elapsed: float) -> int:
        """Estimate the number of polls since the first one, if the interval doubles with each."""
        return 1 + int(math.log2(1 + elapsed / self.interval)) if self.interval > 0 else 1


def errors_within(elapsed: float) -> int:
    """Estimate the number of errors in a row since the first one: the mean delays are 1, 2, 4, ... s."""
    return 1 + int(math.log2(1 + max(0.0, elapsed)))
