"""Quick waits for tests."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from textin_provider.api.rate_limit import forget_limits
from textin_provider.api.retry import changed_timing

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def fast_polling(seconds: float = 0.01, *, keep_intervals: bool = False) -> Iterator[None]:
    """
    Make waits quick within the block, in this process: sensors, triggers, operators and hooks.

    Backoff, pauses after a rate limit and batches of triggers take about ``seconds``, and longer intervals
    between polls are shortened to that. An upload waits three hundred times as long for files that DocFlow
    lists late, and so does a read that TextIn refuses for its rate. ``Retry-After`` and ``timeout`` keep
    their meaning. Pauses of earlier tests are forgotten at the beginning and at the end.

    :param seconds: the new delays.
    :param keep_intervals: whether ``poke_interval`` and ``poll_interval`` stay as they are.
    """
    changes = {} if keep_intervals else {"longest_interval": seconds}
    forget_limits()
    try:
        with changed_timing(
            backoff_base=seconds,
            first_pause=seconds,
            first_spacing=seconds / 10,
            batch=seconds,
            list_settles=300 * seconds,
            list_interval=5 * seconds,
            rate_limit_timeout=300 * seconds,
            **changes,
        ):
            yield
    finally:
        forget_limits()
