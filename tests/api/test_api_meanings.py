"""What codes and HTTP statuses mean: kind, meaning and fix."""

from __future__ import annotations

import pytest

from textin_provider.api.errors import (
    ErrorKind,
    meaning_of_code,
    meaning_of_http,
    meaning_without_envelope,
)

LATER = "Temporary; retry later"
LOOK_UP = "Look up the code in TextIn's documentation"
FOREIGN = "If this stays, this is not TextIn: check the connection's host, proxy and gateway"
MOVED = (
    "Set the base URL of the connection to the final address; if it is right, "
    "this is not TextIn: check the connection's host, proxy and gateway"
)
EXPIRED = "Ask for the address of the result again"


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        ((200, 204, 299), (ErrorKind.SERVER, "no envelope", FOREIGN)),
        ((300, 302, 399), (ErrorKind.SERVER, "redirected", MOVED)),
        ((423, 429), (ErrorKind.RATE_LIMIT, "too many requests", FOREIGN)),
        ((400, 401, 403, 404, 408, 425, 499), (ErrorKind.SERVER, "refused", FOREIGN)),
        ((500, 503, 599), (ErrorKind.SERVER, "gateway error", FOREIGN)),
    ],
)
def test_each_http_status_without_an_envelope_has_its_meaning(
    statuses: tuple[int, ...], expected: tuple[object, ...]
) -> None:
    assert [tuple(meaning_without_envelope(status)) for status in statuses] == [expected] * len(statuses)


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        ((423, 429), (ErrorKind.RATE_LIMIT, "too many requests", LATER)),
        ((300, 304, 399, 400, 401, 403, 404, 410, 499), (ErrorKind.RESULT, "expired", EXPIRED)),
        ((204, 299, 408, 425, 500, 503), (ErrorKind.SERVER, "gateway error", LATER)),
    ],
)
def test_each_http_status_at_a_result_url_has_its_meaning(
    statuses: tuple[int, ...], expected: tuple[object, ...]
) -> None:
    assert [tuple(meaning_of_http(status)) for status in statuses] == [expected] * len(statuses)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (40003, (ErrorKind.QUOTA, "balance too low", "Top up the TextIn account")),
        (41234, (ErrorKind.REQUEST, "refused", LOOK_UP)),
        (777, (ErrorKind.REQUEST, "refused", LOOK_UP)),
        (599, (ErrorKind.SERVER, "error", LATER)),
        (50207, (ErrorKind.SERVER, "some pages failed, and the others are missing", LATER)),
    ],
)
def test_each_code_has_its_meaning(code: int, expected: tuple[object, ...]) -> None:
    assert tuple(meaning_of_code(code)) == expected


@pytest.mark.parametrize(
    "message", ["too many pages", "at most 1000 Pages in one request", "a page too many", "页数超过限制"]
)
def test_the_limit_of_pages_is_an_invalid_request(message: str) -> None:
    assert tuple(meaning_of_code(40306, message)) == (
        ErrorKind.REQUEST,
        "too many pages in one request",
        "Split the document with config.scope.page_range",
    )


@pytest.mark.parametrize(
    "message",
    ["", "slow down", "too many requests", "too many requests, or pages", "QPS of pages", "页面请求频繁"],
)
def test_the_limit_of_requests_has_the_same_code_and_is_temporary(message: str) -> None:
    known = meaning_of_code(40306, message)
    assert (known.kind, known.meaning) == (
        ErrorKind.RATE_LIMIT,
        "too many requests, or too many pages in one",
    )
    assert meaning_of_code(40306) == meaning_of_code(40306, message)


def test_a_message_about_pages_changes_no_other_code() -> None:
    assert meaning_of_code(429, "too many pages") == meaning_of_code(429)
    assert meaning_of_code(40003, "too many pages") == meaning_of_code(40003)
