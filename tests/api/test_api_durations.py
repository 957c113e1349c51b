"""Durations as parameters give them: seconds, or a timedelta."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from textin_provider.api.errors import ApiError, ErrorKind
from textin_provider.api.inputs import as_seconds, check_seconds


@pytest.mark.parametrize(
    ("duration", "seconds"),
    [(90, 90), (0.25, 0.25), (timedelta(minutes=1, milliseconds=500), 60.5), (timedelta(days=1), 86_400.0)],
    ids=str,
)
def test_a_duration_is_read_in_seconds(duration: Any, seconds: float) -> None:
    assert as_seconds(duration) == seconds


@pytest.mark.parametrize("seconds", [0.001, 1, 60.0, 999_999_999.0])
def test_a_duration_that_a_wait_can_have_passes(seconds: float) -> None:
    check_seconds("timeout", seconds)


def test_zero_seconds_pass_where_no_wait_is_allowed() -> None:
    check_seconds("rate_limit_timeout", 0, may_be_zero=True)
    check_seconds("rate_limit_timeout", 0.5, may_be_zero=True)


@pytest.mark.parametrize("seconds", [-1, 1e9, float("inf"), float("nan"), "60", None, timedelta(1)], ids=repr)
@pytest.mark.parametrize(("may_be_zero", "least"), [(False, "more than 0"), (True, "0 or more")])
def test_any_other_duration_is_refused_with_parameter_value_and_fix(
    seconds: Any, may_be_zero: bool, least: str
) -> None:
    with pytest.raises(ApiError) as caught:
        check_seconds("timeout", seconds, may_be_zero=may_be_zero)
    error = caught.value
    assert (error.kind, error.about) == (ErrorKind.REQUEST, f"timeout={seconds!r}")
    assert error.message == "it is not a valid number of seconds"
    assert error.fix == f"Pass seconds, or a timedelta, {least}"


def test_zero_seconds_are_refused_for_a_wait() -> None:
    with pytest.raises(ApiError, match="timeout=0: it is not a valid number of seconds"):
        check_seconds("timeout", 0)
