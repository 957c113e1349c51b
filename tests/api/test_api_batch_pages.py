"""The walk through all pages of a fetch: each file once, whatever the server does, and never without end."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from textin_provider.api.docflow.fetch import PageWalk
from textin_provider.api.docflow.models import DocFlowFile, FilePage, Selector
from textin_provider.api.errors import ApiError

#: No walk of these tests may need more calls.
BOUND = 200

#: Answers a page number and a page size.
Server = Callable[[int, int], FilePage]


def files(*ids: int | str) -> tuple[DocFlowFile, ...]:
    return tuple(DocFlowFile(str(file_id), 1) for file_id in ids)


def serving(
    count: int,
    *,
    has_total: bool = True,
    most: int | None = None,
    ignores_page: bool = False,
    overlap: int = 0,
    chance: random.Random | None = None,
) -> Server:
    """Return a server of files numbered from 0."""

    def serve(page: int, page_size: int) -> FilePage:
        size = min(page_size, most or page_size)
        ids = list(range(count))
        if chance:
            chance.shuffle(ids)
        start = 0 if ignores_page else (page - 1) * (size - overlap)
        return FilePage(files(*ids[start : start + size]), count if has_total else None)

    return serve


def walk(serve: Server, page_size: int = 10) -> tuple[list[str], int]:
    """Return the ids that a walk gives, and the number of its calls."""
    walking = PageWalk("w", Selector("batch_number", "b"), page_size=page_size)
    ids: list[str] = []
    calls = 0
    while (call := walking.next_request()) is not None:
        calls += 1
        assert calls <= BOUND, "the walk does not end"
        asked = dict(call.params)
        ids += [file.file_id for file in walking.take(serve(int(asked["page"]), int(asked["page_size"])))]
    assert walking.next_request() is None
    return ids, calls


def numbers(count: int) -> list[str]:
    return [str(number) for number in range(count)]


@pytest.mark.parametrize(
    ("count", "calls"), [(0, 1), (1, 1), (9, 1), (10, 1), (11, 2), (20, 2), (21, 3), (95, 10)]
)
def test_all_pages_are_asked_for_once_where_there_is_a_total(count: int, calls: int) -> None:
    assert walk(serving(count)) == (numbers(count), calls)


@pytest.mark.parametrize("count", [0, 1, 9, 10, 11, 20, 21, 95])
def test_all_pages_are_asked_for_where_there_is_no_total(count: int) -> None:
    ids, calls = walk(serving(count, has_total=False))

    assert ids == numbers(count)
    assert calls <= count // 10 + 2


@pytest.mark.parametrize("has_total", [True, False], ids=["total", "no total"])
@pytest.mark.parametrize("count", [11, 30, 57])
def test_a_file_that_is_listed_twice_over_pages_comes_once(count: int, has_total: bool) -> None:
    ids, _ = walk(serving(count, overlap=1, has_total=has_total))

    assert ids == numbers(count)


def test_a_file_that_is_listed_twice_on_a_page_comes_once() -> None:
    assert walk(lambda page, size: FilePage(files(1, 1, 2), 2))[0] == ["1", "2"]


@pytest.mark.parametrize("has_total", [True, False], ids=["total", "no total"])
@pytest.mark.parametrize("most", [1, 3, 9])
def test_a_server_that_serves_smaller_pages_than_asked_for_hides_nothing(most: int, has_total: bool) -> None:
    ids, _ = walk(serving(25, most=most, has_total=has_total))

    assert ids == numbers(25)


def test_a_server_that_ignores_the_page_and_counts_is_a_fault_that_says_what_is_missing() -> None:
    with pytest.raises(ApiError, match=r"batch_number='b'.*only 10 of 25 files appeared") as caught:
        walk(serving(25, ignores_page=True))

    assert caught.value.kind.is_transient


def test_a_server_that_ignores_the_page_and_does_not_count_gives_the_first_one_once() -> None:
    assert walk(serving(25, ignores_page=True, has_total=False)) == (numbers(10), 2)


@pytest.mark.parametrize("seed", range(40))
def test_a_server_that_shuffles_gives_each_file_once_or_says_how_many_are_missing(seed: int) -> None:
    try:
        ids, _ = walk(serving(60, chance=random.Random(seed)))
    except ApiError as error:
        fault = str(error)
    else:
        fault = None
        assert sorted(ids, key=int) == numbers(60)
    assert fault is None or "of 60 files appeared" in fault


def test_a_file_that_slipped_to_a_page_that_was_read_is_found_at_the_second_walk() -> None:
    orders = iter([[0, 1, 2, 3], [2, 0, 1, 3]])
    last = [0, 1, 2, 3]

    def serve(page: int, size: int) -> FilePage:
        order = next(orders, last)
        return FilePage(files(*order[(page - 1) * size : page * size]), 4)

    ids, _ = walk(serve, page_size=2)

    assert sorted(ids) == numbers(4)


def test_a_batch_that_grows_meanwhile_is_read_to_its_new_end() -> None:
    counts = iter([15, 25, 35])
    count = 15

    def serve(page: int, size: int) -> FilePage:
        nonlocal count
        count = next(counts, count)
        return serving(count)(page, size)

    assert walk(serve)[0] == numbers(35)


def test_a_batch_that_shrinks_at_its_end_meanwhile_ends_the_walk() -> None:
    counts = iter([35, 25, 12])
    count = 35

    def serve(page: int, size: int) -> FilePage:
        nonlocal count
        count = next(counts, count)
        return serving(count)(page, size)

    ids, calls = walk(serve)

    assert ids == numbers(20)
    assert calls <= 6


def test_a_file_that_is_deleted_between_two_pages_hides_no_other() -> None:
    remaining = list(range(25))

    def serve(page: int, size: int) -> FilePage:
        if page == 2 and 0 in remaining:
            remaining.remove(0)
        return FilePage(files(*remaining[(page - 1) * size : page * size]), len(remaining))

    ids, _ = walk(serve)

    assert set(ids) >= {str(number) for number in remaining}
    assert len(ids) == len(set(ids))


def _always_one_more(page: int, size: int) -> FilePage:
    return FilePage((), page * size + 1)


def _far_too_much(page: int, size: int) -> FilePage:
    return FilePage(files(*range(5)) if page == 1 else (), 1_000_000)


def _always_the_same(page: int, size: int) -> FilePage:
    return FilePage(files(*range(size)), page * size * 10)


@pytest.mark.parametrize(
    "serve", [_always_one_more, _far_too_much, _always_the_same], ids=lambda serve: serve.__name__
)
def test_a_total_that_is_never_reached_does_not_keep_the_walk_going(serve: Server) -> None:
    with pytest.raises(ApiError, match="appeared"):
        walk(serve)


@pytest.mark.parametrize("total", [-1, 0, 1])
def test_a_total_that_is_too_small_loses_nothing_of_the_page_it_came_with(total: int) -> None:
    assert walk(lambda page, size: FilePage(files(1, 2, 3), total)) == (["1", "2", "3"], 1)


def test_totals_that_come_and_go_lose_nothing() -> None:
    def serve(page: int, size: int) -> FilePage:
        found = serving(35)(page, size)
        return found if page % 2 else FilePage(found.files, None)

    assert walk(serve)[0] == numbers(35)


def test_each_call_carries_selector_filters_and_page_size() -> None:
    walking = PageWalk("w", Selector("task_id", "t"), page_size=2, filters={"category": "发票"})

    def asked() -> Iterator[dict[str, Any]]:
        while (call := walking.next_request()) is not None:
            query = dict(call.params)
            yield query
            walking.take(serving(5)(int(query["page"]), 2))

    fixed = {"workspace_id": "w", "task_id": "t", "category": "发票", "page_size": "2"}
    assert list(asked()) == [fixed | {"page": page} for page in ("1", "2", "3")]
