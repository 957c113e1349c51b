"""Text for errors and logs: exact results at the bounds, redacted URLs, and lists of texts."""

from __future__ import annotations

import pytest

from textin_provider.api.text import MAX_TEXT, one_line, redact_url, storable, summarize


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("plain", "plain"),
        ("a@b?c", "a@b?c"),
        ("https://h", "https://h"),
        ("https://h/", "https://h/"),
        ("https://h/a/b", "https://h/a/b"),
        ("https://u@h/a@b", "https://h/a@b"),
        ("https://u:a@b@h/x/y", "https://h/x/y"),
        ("https://h/a?b=c?d", "https://h/a?..."),
        ("https://h/a#b?c", "https://h/a?..."),
        ("https://h/a?b#c", "https://h/a?..."),
        ("https://h?", "https://h?..."),
        ("https://h/a?u=http://x", "https://h/a?..."),
        ("https://h/http://x", "https://h/http://x"),
    ],
)
def test_a_url_is_redacted(url: str, expected: str) -> None:
    assert redact_url(url) == expected


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("u:Hush@h:1", "***@h:1"),
        ("http//u:Hush@h", "***@h"),
        ("http:/u:Hush@h", "***@h"),
        ("//u:Hush@h:1", "***@h:1"),
        ("u:Hush@Hush@h:1", "***@h:1"),
        ("u:Hush/Hush@h:1", "***@h:1"),
        ("http://u:Hush#Hush@h", "http://h"),
        ("http://u:Hush?Hush@h:1", "http://h:1"),
        ("http://u:Hush/Hush@h:1/a", "http://h:1/a"),
        ("http://u:/Hush@h:1", "http://h:1"),
        ("http://u:Hush Hush@h:1", "http://h:1"),
        ("http://u:Hush%40@h", "http://h"),
        ("http://u:100%Hush@h", "http://h"),
        ("http://u:Hush@Hush/Hush@h", "http://h"),
        ("http://u:Hush[Hush@h", "http://h"),
        ("http://u:Hush@", "http://"),
        ("http://u:Hush@[::1]:1", "http://[::1]:1"),
        ("http://u:Hush@h,http://u:Hush@i", "http://h,http://i"),
        ("http://h:8080/a@b", "http://h:8080/a@b"),
        ("http://[::1]:8080/a@b", "http://[::1]:8080/a@b"),
        ("s3://conn@bucket/a@b", "s3://bucket/a@b"),
    ],
)
def test_a_password_in_a_malformed_url_is_redacted_too(url: str, expected: str) -> None:
    assert redact_url(url) == expected
    assert "Hush" not in one_line(f"Failed to parse {url!r}, as {url} is ('{url}') no URL: proxy={url}")


def test_text_without_a_password_is_kept() -> None:
    line = "at 10:30 bob@example.com opened https://h:8080/a and https://i: see bob@h"
    assert one_line(line) == line


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("see https://h/a?b).", "see https://h/a?..."),
        ("see https://h/a?b)", "see https://h/a?...)"),
        ("see (https://u@h/a), 'https://h/b?c'>;", "see (https://h/a), 'https://h/b?...'>;"),
        ("HTTPS://u@h", "HTTPS://h"),
        ("a\0b\ud83dc", "a?b?c"),
        (7, "7"),
    ],
    ids=ascii,
)
def test_a_line_is_redacted_and_storable(text: object, expected: str) -> None:
    assert one_line(text) == expected


def test_text_is_storable_without_nul_and_lone_surrogates() -> None:
    assert storable("标\0\ud83d\n") == "标??\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x" * 9, "x" * 9),
        ("x" * 10, "x" * 10),
        ("x" * 11, "xxxxxxx..."),
        (" " * 39 + "xy", "x"),
        (" " * 40 + "xy", ""),
    ],
    ids=["shorter", "as long", "longer", "within the read part", "after it"],
)
def test_a_line_has_the_given_length_at_most(text: str, expected: str) -> None:
    assert one_line(text, 10) == expected


def test_the_usual_length_is_500() -> None:
    assert one_line("x" * 501) == "x" * 497 + "..."
    assert MAX_TEXT == 500


@pytest.mark.parametrize(
    ("count", "total", "expected"),
    [
        (0, 0, ""),
        (1, 1, "0"),
        (2, 2, "0; 1"),
        (2, 3, "0; 1; and 1 more"),
        (20, 20, "; ".join(map(str, range(20)))),
        (21, 21, "; ".join(map(str, range(20))) + "; and 1 more"),
        (25, 100, "; ".join(map(str, range(20))) + "; and 80 more"),
    ],
)
def test_twenty_texts_are_listed_and_the_others_counted(count: int, total: int, expected: str) -> None:
    assert summarize([str(number) for number in range(count)], total) == expected
