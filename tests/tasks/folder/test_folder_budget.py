"""What a run may still send: its limits, and how documents and pages are counted."""

from __future__ import annotations

import pytest

from textin_provider.tasks.folder.budget import Budget


def pages_left(budget: Budget) -> int:
    """Return the most pages that one more document may have; 0 if none may be sent."""
    return max((pages for pages in range(1, 200) if budget.allows(pages)), default=0)


def test_without_limits_everything_may_be_sent() -> None:
    budget = Budget(sent=10**6, pages=10**6)
    assert budget.allows()
    assert budget.allows(10**6)


@pytest.mark.parametrize(
    ("most", "sent", "allowed"), [(0, 0, False), (1, 0, True), (2, 1, True), (2, 2, False), (2, 3, False)]
)
def test_documents_are_allowed_up_to_their_limit(most: int, sent: int, allowed: bool) -> None:
    assert Budget(most, sent=sent).allows() is allowed


@pytest.mark.parametrize(("most", "pages", "allowed"), [(10, 9, True), (10, 10, False), (10, 11, False)])
def test_a_document_without_known_pages_needs_room_for_one(most: int, pages: int, allowed: bool) -> None:
    assert Budget(max_pages=most, pages=pages).allows() is allowed


@pytest.mark.parametrize(("pages", "allowed"), [(3, True), (4, True), (5, False)])
def test_a_document_with_known_pages_needs_room_for_all(pages: int, allowed: bool) -> None:
    assert Budget(max_pages=10, pages=6).allows(pages) is allowed


def test_both_limits_hold() -> None:
    assert Budget(2, 2, sent=1, pages=1).allows()
    assert not Budget(1, 2, sent=1, pages=1).allows()
    assert not Budget(2, 1, sent=1, pages=1).allows()


def test_a_new_budget_has_counted_nothing() -> None:
    budget = Budget(1, 1)
    assert budget.allows()
    budget.spend()
    assert not budget.allows()


def test_each_document_counts_once_until_it_is_taken_back() -> None:
    budget = Budget(2)
    budget.spend(5)
    assert budget.allows()
    budget.spend(5)
    assert not budget.allows()
    budget.take_back(5)
    assert budget.allows()
    budget.spend()
    assert not budget.allows()


def test_a_document_counts_with_its_pages_or_as_one() -> None:
    budget = Budget(max_pages=100)
    budget.spend()
    assert pages_left(budget) == 99
    budget.spend(4)
    assert pages_left(budget) == 95


def test_a_document_is_taken_back_with_its_pages_or_as_one() -> None:
    budget = Budget(max_pages=100, pages=10)
    budget.take_back()
    assert pages_left(budget) == 91
    budget.take_back(4)
    assert pages_left(budget) == 95


@pytest.mark.parametrize(
    ("pages", "counted", "left"),
    [(None, None, 90), (None, 5, 90), (1, None, 90), (8, None, 83), (0, None, 91), (8, 5, 87), (3, 5, 92)],
)
def test_the_pages_of_a_result_replace_those_that_were_counted(
    pages: int | None, counted: int | None, left: int
) -> None:
    budget = Budget(max_pages=100, pages=10)
    budget.correct(pages, counted)
    assert pages_left(budget) == left


@pytest.mark.parametrize(
    ("budget", "limit"),
    [
        (Budget(2, 9, sent=1), "max_pages=9 is reached"),
        (Budget(2, 9, sent=2), "max_documents=2 is reached"),
        (Budget(2, 9, sent=3), "max_documents=2 is reached"),
        (Budget(None, 9, sent=3), "max_pages=9 is reached"),
    ],
)
def test_the_limit_that_is_reached_is_named(budget: Budget, limit: str) -> None:
    assert budget.limit == limit
