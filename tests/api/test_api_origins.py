"""Origins as values, and the exact errors for a result URL that is not allowed."""

from __future__ import annotations

import pytest

from textin_provider.api.errors import ApiError, ErrorKind
from textin_provider.api.origins import HostPolicy, Origin

DISPUTED = "it contains blanks, backslashes, control characters or a user name"
NOT_HTTP = "it is not an absolute http(s) URL"


@pytest.mark.parametrize(
    ("url", "origin", "text"),
    [
        ("https://H.Example/a", Origin("https", "h.example", 443), "https://h.example"),
        ("http://h.example.:80?b", Origin("http", "h.example", 80), "http://h.example"),
        ("https://h:80", Origin("https", "h", 80), "https://h:80"),
        ("http://h:443", Origin("http", "h", 443), "http://h:443"),
        ("http://h:0", Origin("http", "h", 0), "http://h:0"),
        ("http://[FD00::1]:8866/", Origin("http", "fd00::1", 8866), "http://[fd00::1]:8866"),
        ("https://[::1]/", Origin("https", "::1", 443), "https://[::1]"),
        ("https://hXX./", Origin("https", "hxx", 443), "https://hxx"),
        ("https://h/a@b", Origin("https", "h", 443), "https://h"),
    ],
)
def test_an_origin_is_scheme_host_and_port(url: str, origin: Origin, text: str) -> None:
    assert Origin.of(url) == origin
    assert str(origin) == text


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("https://h/a b", DISPUTED),
        ("https://h\\a", DISPUTED),
        ("https://h/\x7f", DISPUTED),
        ("https://u@h/", DISPUTED),
        ("ftp://h/", NOT_HTTP),
        ("https:///a", NOT_HTTP),
        ("h/a", NOT_HTTP),
    ],
)
def test_a_url_without_an_origin_is_refused(url: str, problem: str) -> None:
    with pytest.raises(ValueError, match="it ") as caught:
        Origin.of(url)
    assert str(caught.value) == problem

    with pytest.raises(ApiError) as refused:
        HostPolicy(frozenset()).check_result_url(url, "xParse job 1: result")
    error = refused.value
    assert (error.kind, error.about) == (ErrorKind.REQUEST, "xParse job 1: result")
    assert error.fix == "Contact TextIn with the job id"
    assert error.message.startswith("result_url ")
    assert error.message.endswith(f" is not usable: {problem}")


def test_the_url_that_is_not_usable_is_quoted_without_its_query() -> None:
    with pytest.raises(ApiError) as caught:
        HostPolicy(frozenset()).check_result_url("ftp://u:p@h/a?b", "it")
    assert caught.value.message == f"result_url ftp://h/a?... is not usable: {DISPUTED}"


def test_a_host_that_is_not_allowed_is_an_error_that_names_it() -> None:
    with pytest.raises(ApiError) as caught:
        HostPolicy(frozenset()).check_result_url("http://h:81/a?b", "xParse job 1: result")
    error = caught.value
    assert (error.kind, error.about) == (ErrorKind.REQUEST, "xParse job 1: result")
    assert error.message == "the result is on http://h:81, which is not a host of TextIn"
    assert error.fix == "If you trust that host, add http://h:81 to result_hosts of the connection"


@pytest.mark.parametrize(
    ("origin", "expected"),
    [
        (Origin("https", "textin.com", 443), True),
        (Origin("https", "a.textin.ai", 443), True),
        (Origin("https", "atextin.ai", 443), False),
        (Origin("http", "textin.com", 443), False),
        (Origin("https", "textin.com", 80), False),
        (Origin("https", "h", 443), False),
    ],
    ids=str,
)
def test_textin_is_known_by_scheme_host_and_port(origin: Origin, expected: bool) -> None:
    assert origin.is_textin is expected
