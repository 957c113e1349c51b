"""Many jobs on a worker: handle a few at the same time, poll and wait. One job is a list of one."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from textin_provider.api.errors import ApiError
from textin_provider.polling.decision import Decision, Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Generator, Sequence

    from textin_provider.polling.wait import Wait

    #: Returns the state of a key, or raises an ApiError.
    Poll: TypeAlias = Callable[[str], Any]
    #: Logs the message of a decision.
    Log: TypeAlias = Callable[[Decision], None]
    #: Returns the seconds until the pause of the account ends.
    PauseLeft: TypeAlias = Callable[[], float]

S = TypeVar("S")
T = TypeVar("T")

_MAX_THREADS = 8
#: How many keys are polled together at most.
_MAX_BATCH = 64
#: The longest pause of a rate limit that a poll sleeps through, and for how long it goes on without reading
#: anything, in seconds.
_LONGEST_PAUSE = 60.0
_LONGEST_STALL = 300.0


def map_in_threads(action: Callable[[S], T], items: Sequence[S]) -> Generator[T | Exception, None, None]:
    """
    Call an action for each of the items, eight at a time, and yield the results or errors in their order.

    If the generator is closed early, after an error or a signal, calls that have begun are not waited for.
    The first item is handled alone: it opens what the others share, such as connections of Airflow.
    """

    def attempt(item: S) -> T | Exception:
        try:
            return action(item)
        except Exception as error:  # of any class: one must not lose the results of the others
            return error

    yield from map(attempt, items[:1])
    if len(items) <= 1:
        return
    pool = ThreadPoolExecutor(_MAX_THREADS, thread_name_prefix="textin")
    try:
        yield from pool.map(attempt, items[1:])
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def poll_pending(
    wait: Wait,
    poll: Poll,
    log: Log,
    *,
    pause_left: PauseLeft | None = None,
    only: Collection[str] | None = None,
) -> Decision:
    """
    Poll the pending keys of a wait in their order, in growing batches, until one has not ended.

    Put the key that probably ends last first: while it is pending, the others cost no request. The end of the
    poll may lose what it has read, such as in a deferral. So once a key has ended, keys that are refused for
    their rate are polled again after the pause, unless the pause or the row of refusals is long.

    :param pause_left: returns the pause after a refusal; without it each refusal ends the poll.
    :param only: the keys to poll, by default all.
    :return: the decision that ends the wait, or one with the delay until the next poll; neither if the keys
        have ended and others are pending.
    """
    size, has_read, read_at = 1, False, time.time()
    while keys := list(islice((key for key in wait.pending if only is None or key in only), size)):
        decisions = _poll_batch(wait, keys, poll, log)
        if final := [decision for decision in decisions if decision.outcome is not None]:
            return final[0]
        waiting = [decision for decision in decisions if decision.delay is not None]
        if len(waiting) < len(decisions):
            has_read, read_at = True, time.time()
        if not waiting:
            size = min(2 * size, _MAX_BATCH)
            continue
        pending = [decision for decision in waiting if not decision.is_limited]
        if pending or not has_read or pause_left is None:
            return (pending or waiting)[0]
        pause, now = pause_left(), time.time()
        if pause > _LONGEST_PAUSE or now + pause >= min(read_at + _LONGEST_STALL, wait.policy.deadline):
            return waiting[0]
        time.sleep(pause)
    return Decision() if wait.pending else Decision(Outcome.DONE)


def _poll_batch(wait: Wait, keys: list[str], poll: Poll, log: Log) -> list[Decision]:
    """Poll keys in threads, judge what that brings, and log it."""
    decisions = []
    for key, state in zip(keys, map_in_threads(poll, keys), strict=True):
        decision = _judge(wait, key, state)
        if decision.message:
            log(decision)
        decisions.append(decision)
    return decisions


def _judge(wait: Wait, key: str, state: Any) -> Decision:
    if isinstance(state, Exception) and not isinstance(state, ApiError):
        raise state
    judge = wait.on_error if isinstance(state, ApiError) else wait.on_state
    return judge(key, state, now=time.time())


def poll_ended(wait: Wait, poll: Poll, log: Log, *, pause_left: PauseLeft) -> Decision:
    """
    Poll keys that have ended until all are read; give up if none was for five minutes.

    A rate limit is waited out until the deadline: whoever continues would be under the same one.

    :return: the decision that ends the wait, or one with the delay until the next poll.
    """
    unread, read_at = len(wait.pending), time.time()
    while True:
        decision = poll_pending(wait, poll, log, pause_left=pause_left)
        now = time.time()
        if decision.is_limited or len(wait.pending) < unread:
            unread, read_at = len(wait.pending), now
        if decision.delay is None or now - read_at >= _LONGEST_STALL:
            return decision
        pause = pause_left() if decision.is_limited else 0.0
        time.sleep(min(pause or decision.delay, max(0.0, wait.policy.deadline - now)))


def poll_until_done(wait: Wait, poll: Poll, log: Log, *, delay: float | None = None) -> dict[str, Any]:
    """
    Poll on this worker until the wait ends, and return the event that a trigger would end with.

    :param delay: seconds until the first poll, by default as the wait decides.
    """
    delay = wait.first_delay(now=time.time()) if delay is None else delay
    while True:
        time.sleep(delay)
        decision = poll_pending(wait, poll, log)
        if decision.event is not None:
            return decision.event
        delay = decision.delay or 0.0
