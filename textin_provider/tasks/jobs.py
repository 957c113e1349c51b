"""Many jobs on a worker: handle a few at the same time, poll and wait. One job is a list of one."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from textin_provider.api.errors import ApiError
from textin_provider.polling.decision import Decision, Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from textin_provider.polling.wait import Wait

    #: Returns the state of a key, or raises an ApiError.
    Poll: TypeAlias = Callable[[str], Any]
    #: Logs the message of a decision.
    Log: TypeAlias = Callable[[Decision], None]

S = TypeVar("S")
T = TypeVar("T")

_MAX_THREADS = 8
#: How many keys are polled together at most.
_MAX_BATCH = 64


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


def poll_pending(wait: Wait, poll: Poll, log: Log) -> Decision:
    """
    Poll the pending keys of a wait in their order, in growing batches, until one has not ended.

    Put the key that probably ends last first: while it is pending, the others cost no request.

    :return: the decision that ends the wait, or one with the delay until the next poll.
    """
    size = 1
    while wait.pending:
        keys = list(islice(wait.pending, size))
        states = map_in_threads(poll, keys)
        decisions = [_judge(wait, key, state) for key, state in zip(keys, states, strict=True)]
        for decision in decisions:
            if decision.message:
                log(decision)
        final = [decision for decision in decisions if decision.outcome is not None]
        if waiting := final or [decision for decision in decisions if decision.delay is not None]:
            return waiting[0]
        size = min(2 * size, _MAX_BATCH)
    return Decision(Outcome.DONE)


def _judge(wait: Wait, key: str, state: Any) -> Decision:
    if isinstance(state, Exception) and not isinstance(state, ApiError):
        raise state
    judge = wait.on_error if isinstance(state, ApiError) else wait.on_state
    return judge(key, state, now=time.time())


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
