"""Concurrent requests of one task."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

from textin_provider.api.errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

S = TypeVar("S")
T = TypeVar("T")

_MAX_THREADS = 8


def map_in_threads(action: Callable[[S], T], items: Sequence[S]) -> Iterator[T | ApiError]:
    """
    Call an action for each of the items, eight at a time, and yield the results or errors in their order.

    The first item is handled alone: it opens what the others share, such as connections of Airflow.
    """

    def attempt(item: S) -> T | ApiError:
        try:
            return action(item)
        except ApiError as error:
            return error

    yield from map(attempt, items[:1])
    if len(items) > 1:
        pool = ThreadPoolExecutor(_MAX_THREADS, thread_name_prefix="textin")
        try:
            yield from pool.map(attempt, items[1:])
        finally:
            pool.shutdown(cancel_futures=True)
