"""Backoff, and the delays that tests may shorten."""

from __future__ import annotations

import math

import pytest

from textin_provider.api.retry import Timing, backoff, changed_timing, timing


@pytest.mark.parametrize(
    ("errors", "ceiling"), [(0, 1.0), (1, 2.0), (2, 4.0), (6, 64.0), (7, 120.0), (1000, 120.0)]
)
def test_the_ceiling_doubles_up_to_two_minutes(errors: int, ceiling: float) -> None:
    assert backoff(errors, chance=lambda: 1.0) == ceiling
    assert backoff(errors, chance=lambda: 0.25) == ceiling / 4
    assert 0 <= backoff(errors) <= ceiling


def test_a_caller_may_set_the_cap() -> None:
    assert backoff(10, chance=lambda: 1.0, cap=5.0) == 5.0
    assert backoff(17, chance=lambda: 1.0, cap=math.inf) == 2.0**16


def test_the_usual_delays() -> None:
    assert timing() == Timing(
        backoff_base=1.0, first_pause=2.0, first_spacing=0.2, batch=0.25, longest_interval=math.inf
    )


def test_changed_delays_hold_within_the_block_even_if_it_fails() -> None:
    usual = timing()

    def fail() -> None:
        with changed_timing(backoff_base=0.5):
            assert backoff(1, chance=lambda: 1.0) == 1.0
            with changed_timing(batch=0.1):
                assert (timing().backoff_base, timing().batch) == (0.5, 0.1)
            assert timing().batch == usual.batch
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert timing() is usual
