"""The ``Retry-After`` header, in the two forms of RFC 9110 and in those of careless servers."""

from __future__ import annotations

import random

import pytest

from textin_provider.api.protocol import retry_after_seconds

#: Wed, 21 Oct 2026 07:28:00 GMT.
NOW = 1_792_567_680.0
ONE_DAY = 86_400.0


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0),
        ("7", 7),
        (" 7 ", 7),
        ("007", 7),
        ("86400", ONE_DAY),
        ("86401", ONE_DAY),
        ("9999999999", ONE_DAY),
    ],
)
def test_seconds_are_read_and_capped_at_a_day(value: str, seconds: float) -> None:
    assert retry_after_seconds(value, now=NOW) == seconds


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("Wed, 21 Oct 2026 07:28:30 GMT", 30),
        ("Wed, 21 Oct 2026 09:28:30 +0200", 30),
        ("Wed, 21 Oct 2026 07:28:30 -0000", 30),
        ("Wednesday, 21-Oct-26 07:28:30 GMT", 30),
        ("Wed, 21 Oct 2026 07:28:00 GMT", 0),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", ONE_DAY),
    ],
)
def test_a_date_becomes_the_seconds_until_then(value: str, seconds: float) -> None:
    assert retry_after_seconds(value, now=NOW) == seconds


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        " ",
        "soon",
        "-5",
        "1.5",
        "7s",
        "٧",
        "99999999999",
        "nan",
        "inf",
        "Wed, 21 Oct 99999 07:28:00 GMT",
        "Wed, 32 Oct 2026 07:28:00 GMT",
        "Wed, 21 Oct 2026 07:28:00 +9999",
        "2026-10-21T07:28:00Z",
    ],
    ids=repr,
)
def test_what_is_neither_is_taken_as_absent(value: str | None) -> None:
    assert retry_after_seconds(value, now=NOW) is None


def test_no_text_breaks_it() -> None:
    chance = random.Random(7)
    for _ in range(5_000):
        text = "".join(chance.choices("0123456789 :+-,.abJanOctGMTUWed\u0661", k=chance.randint(0, 30)))
        seconds = retry_after_seconds(text, now=NOW)
        assert seconds is None or 0 <= seconds <= ONE_DAY
