"""Passwords of a configuration: which values they are, and where a text repeats them."""

from __future__ import annotations

from typing import Any

import pytest

from textin_provider.api.errors import ApiError, ErrorKind
from textin_provider.api.redaction import passwords_in, redact, redacted, redacted_event, without_secrets


@pytest.mark.parametrize(
    ("config", "found"),
    [
        (None, []),
        ({}, []),
        ("{no json", []),
        ("[" * 100_000, []),
        ([1, 2], []),
        ({"document": {"password": "a b"}}, ["a b"]),
        ('{"document": {"password": 17}}', ["17"]),
        ({"Pwd": 1.5, "SECRET_code": ["x", {"deep": 2}], "passphrase": ("y",)}, ["1.5", "x", "2", "y"]),
        ({"password": None, "pass": True, "pwd": " ", "secret": ""}, []),
        ({"scope": {"page_range": "1-2"}, "pages": 3}, []),
        ({1: {"password": "inner"}}, ["inner"]),
    ],
    ids=lambda value: str(value)[:40],
)
def test_secrets_are_found_by_the_names_of_their_keys(config: Any, found: list[str]) -> None:
    assert set(passwords_in(config)) == set(found)


@pytest.mark.parametrize(
    ("text", "secret", "expected"),
    [
        ("password open sesame is wrong", "open sesame", "password *** is wrong"),
        ("'open sesame'", "open  sesame", "'***'"),
        ("q=open%20sesame&r=open+sesame", "open sesame", "q=***&r=***"),
        ('a \\"b\\" c', 'a "b" c', "***"),
        ("\\u4e2d\\u6587 中文", "中文", "*** ***"),
        ("密码12错误, 123 and a12", "12", "密码***错误, 123 and a12"),
        ("pages and sesames", "sesame", "pages and ***s"),
        ("nothing", "other", "nothing"),
        (".*[a]", ".*", "***[a]"),
        ("too long open ses...", "open sesame", "too long ***..."),
        ("too long o...", "open sesame", "too long ***..."),
        ("nothing of it...", "open sesame", "nothing of it..."),
        ("foursome of four", "four", "***some of ***"),
        ("threesome of abc, abcd", "abc", "threesome of ***, abcd"),
        ('said é\\"x\\" here', 'é"x"', "said *** here"),
        ("said \\x01ab\\x01 here", "\x01ab\x01", "said *** here"),
        ("q=a%2Fb%20c", "a/b c", "q=***"),
        ("said pa?ssword here", "pa\ud800ssword", "said *** here"),
    ],
)
def test_a_text_repeats_no_secret(text: str, secret: str, expected: str) -> None:
    assert redact(text, [secret]) == expected


def test_the_longest_secret_is_removed_first() -> None:
    assert redact("long secret", ["long", "long secret"]) == "***"


@pytest.mark.parametrize("secrets", [["four", "fourfold"], ["fourfold", "four"]])
def test_a_secret_that_begins_with_another_is_removed_whole(secrets: list[str]) -> None:
    assert redact("fourfold, four", secrets) == "***, ***"


def test_an_error_is_redacted_but_not_its_fix() -> None:
    error = ApiError(
        ErrorKind.REQUEST,
        about="submit of 2024.pdf",
        message="password 2024 is wrong",
        fix="Use 2024 dots",
        code=40423,
        detail="2024",
        request_id="r-2024",
    )
    assert redacted(error, ["2024"]).to_dict() == error.to_dict() | {
        "about": "submit of ***.pdf",
        "message": "password *** is wrong",
        "detail": "***",
        "request_id": "r-***",
    }
    assert redacted(error, []) is error


def test_an_event_is_redacted_in_its_messages_alone() -> None:
    fault = ApiError(ErrorKind.SERVER, about="a", message="sesame").to_dict()
    event = {
        "ending": "fault",
        "message": "sesame",
        "fault": fault,
        "jobs": [{"job_id": "sesame", "message": "no sesame"}, {"job_id": "b", "message": None}],
    }
    assert redacted_event(event, ["sesame"]) == {
        "ending": "fault",
        "message": "***",
        "fault": fault | {"message": "***"},
        "jobs": [{"job_id": "sesame", "message": "no ***"}, {"job_id": "b", "message": None}],
    }
    assert redacted_event(event, []) is event
    assert redacted_event({"ending": "terminal"}, ["sesame"]) == {"ending": "terminal"}


def test_an_error_without_secrets_has_no_frames_and_keeps_a_harmless_cause() -> None:
    def caught(text: str) -> ApiError:
        try:
            try:
                raise ValueError(text)
            except ValueError as cause:
                raise ApiError(ErrorKind.SERVER, about="a", message="sesame") from cause
        except ApiError as error:
            return error

    clean = without_secrets(caught("harmless"), ["sesame"])
    assert (str(clean), str(clean.__cause__)) == ("a: ***.", "harmless")
    assert clean.__traceback__ is None
    assert clean.__cause__ is not None
    assert clean.__cause__.__traceback__ is None
    assert without_secrets(caught("open sesame"), ["sesame"]).__cause__ is None


def test_an_error_of_another_class_keeps_its_text_and_loses_its_cause() -> None:
    error = ValueError("sesame")
    error.__cause__ = KeyError("harmless")
    clean = without_secrets(error, ["sesame"])
    assert clean is error
    assert (str(clean), clean.__cause__) == ("sesame", None)


def test_a_cause_without_a_readable_text_is_left_out() -> None:
    class Unreadable(Exception):
        def __str__(self) -> str:
            raise UnicodeError

    error = ApiError(ErrorKind.SERVER, about="a", message="sesame")
    error.__cause__ = Unreadable()
    assert without_secrets(error, ["sesame"]).__cause__ is None
