"""How many jobs may be in flight: the limit that is told, and the one that is learned."""

from __future__ import annotations

import pytest

from textin_provider.api.job_window import JobWindow


def fill(window: JobWindow, allowed: int, submits: int) -> tuple[int, int]:
    """Keep the window full at an account with a limit; return the most jobs in flight and the refusals."""
    in_flight = most = refused = 0
    for _ in range(submits):
        if not window.room(in_flight):
            in_flight -= 1  # the oldest job ends
        if in_flight < allowed:
            in_flight += 1
            most = max(most, in_flight)
            window.on_accepted(in_flight)
        else:
            refused += 1
            window.on_refused(in_flight)
    return most, refused


def test_a_known_limit_is_used_from_the_beginning_and_never_exceeded() -> None:
    window = JobWindow(5)
    assert window.room(0) == 5
    assert window.room(4) == 1
    assert window.room(7) == 0
    assert fill(window, allowed=100, submits=1000) == (5, 0)


def test_a_learned_window_grows_while_it_is_full() -> None:
    window = JobWindow()
    assert window.size == 1
    window.on_accepted(1)
    window.on_accepted(2)
    assert window.size == 3
    window.on_accepted(1)
    assert window.size == 3


def test_a_learned_window_has_an_end() -> None:
    assert fill(JobWindow(), allowed=10_000, submits=1000) == (100, 0)


@pytest.mark.parametrize("allowed", [1, 5, 50])
def test_a_learned_window_finds_the_limit_with_few_refusals(allowed: int) -> None:
    most, refused = fill(JobWindow(), allowed=allowed, submits=2000)
    assert most == allowed
    assert refused <= 20


def test_a_refusal_shrinks_the_window_to_what_is_in_flight() -> None:
    window = JobWindow(10)
    window.on_refused(4)
    assert window.size == 4
    window.on_refused(0)
    assert window.size == 1


def test_a_refusal_never_widens_the_window() -> None:
    window = JobWindow()
    window.on_refused(7)
    assert window.size == 1


def test_a_window_that_was_refused_is_probed_after_a_hundred_accepted_submits() -> None:
    window = JobWindow(10)
    window.on_refused(4)
    for _ in range(99):
        window.on_accepted(4)
    assert window.size == 4
    window.on_accepted(4)
    assert window.size == 5
    window.on_accepted(5)
    assert window.size == 5


def test_a_learned_size_is_probed_after_each_hundred_accepted_submits() -> None:
    window = JobWindow(10, size=4)
    sizes = []
    for _ in range(200):
        window.on_accepted(window.size)
        sizes.append(window.size)
    assert sizes == [4] * 99 + [5] * 100 + [6]


def test_a_learned_size_is_within_the_limit() -> None:
    assert JobWindow(3, size=7).size == 3
    assert JobWindow(1).size == 1


def test_a_window_without_room_for_any_job_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        JobWindow(0)
