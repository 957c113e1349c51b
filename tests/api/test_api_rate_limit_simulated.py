"""A rate limiter against an account that allows less than the ceiling says, over thousands of requests."""

from __future__ import annotations

import heapq
import random
from collections import deque
from dataclasses import dataclass, field

import pytest

from textin_provider.api.rate_limit import RateLimiter

LATENCY = 0.02


@dataclass
class Account:
    """Lets a number of requests a second in, over a sliding window."""

    allowed: int
    let_in: deque[float] = field(default_factory=deque)
    refused: int = 0

    def request(self, now: float) -> bool:
        while self.let_in and self.let_in[0] <= now - 1.0:
            self.let_in.popleft()
        if len(self.let_in) >= self.allowed:
            self.refused += 1
            return False
        self.let_in.append(now)
        return True


def simulate(ceiling: float, account: Account, requests: int, senders: int) -> float:
    """Send requests from several senders as the pipeline does, and return the seconds that it took."""
    chance = random.Random(1)
    limiter, now, done = RateLimiter(ceiling), 0.0, 0
    events: list[tuple[float, int, str, int]] = [(0.0, sender, "reserve", 0) for sender in range(senders)]
    while done < requests:
        now, sender, event, pauses = heapq.heappop(events)
        if event == "send" and limiter.pauses == pauses:
            is_let_in = account.request(now + LATENCY * chance.random())
            heapq.heappush(events, (now + LATENCY, sender, "accepted" if is_let_in else "refused", 0))
            continue
        if event == "refused":
            limiter.on_limit(None, now=now, chance=chance.random)
        done += event == "accepted"
        delay = limiter.reserve(now)
        heapq.heappush(events, (now + delay, sender, "send", limiter.pauses))
    return now


@pytest.mark.parametrize("senders", [1, 8])
@pytest.mark.parametrize(
    ("ceiling", "allowed"),
    [(2, 2), (3, 2), (5, 2), (10, 2), (0, 2), (2, 1), (10, 5), (20, 20), (50, 20), (0, 20)],
)
def test_the_rate_finds_what_the_account_allows(ceiling: int, allowed: int, senders: int) -> None:
    account = Account(allowed)
    seconds = simulate(ceiling, account, 3000, senders)
    assert account.refused / 3000 <= 0.01
    assert 0.8 <= 3000 / seconds / allowed <= 1.0


@pytest.mark.parametrize("senders", [1, 8])
def test_a_rate_within_the_account_is_not_refused(senders: int) -> None:
    account = Account(20)
    simulate(20, account, 3000, senders)
    assert account.refused == 0
