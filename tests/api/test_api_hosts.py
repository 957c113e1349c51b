"""Which hosts get credentials, and which ones may serve a result."""

from __future__ import annotations

import re

import pytest

from textin_provider.api.errors import ApiError, ErrorKind
from textin_provider.api.origins import HostPolicy, Origin

PUBLIC = HostPolicy(frozenset({Origin.of("https://api.textin.com"), Origin.of("https://docflow.textin.com")}))
LOCAL = HostPolicy(
    frozenset({Origin.of("http://127.0.0.1:8866")}), frozenset({Origin.of("https://cdn.example.org")})
)


def allows_result(policy: HostPolicy, url: str) -> bool:
    try:
        policy.check_result_url(url, "it")
    except ApiError as fault:
        return fault.kind is not ErrorKind.REQUEST
    return True


@pytest.mark.parametrize(
    "url",
    [
        "https://api.textin.com/x",
        "https://textin.com",
        "https://web-api.textin.com/file/xparse_result/1?sig=2",
        "https://docflow.textin.ai:443/x",
        "https://a.b.c.textin.ai/x",
        "HTTPS://API.TextIn.COM/x",
        "https://api.textin.com./x",
        "https://api.textin.com?x",
        "https://api.textin.com#x",
        "https://evil.org.textin.com/",
    ],
)
def test_textin_itself_gets_credentials_and_serves_results(url: str) -> None:
    for policy in (PUBLIC, LOCAL):
        assert policy.gets_credentials(url)
        assert allows_result(policy, url)


@pytest.mark.parametrize(
    "url",
    [
        "https://textin.com.evil.org/",
        "https://textin.com.evil.org./",
        "https://eviltextin.com/",
        "https://evil-textin.com/",
        "https://textin.co/",
        "https://textin.community/",
        "https://evil.org/textin.com",
        "https://evil.org/.textin.com",
        "https://evil.org?.textin.com",
        "https://evil.org#.textin.com",
        "https://api.textin.com@evil.org/",
        "https://api.textin.com:443@evil.org/",
        "https://user:pw@api.textin.com/",
        "https://@api.textin.com/",
        "https://evil.org\\@api.textin.com/",
        "https://evil.org\\.textin.com/",
        "https:\\\\api.textin.com/",
        "https://evil.org%00.textin.com\x00/",
        "https://api.textin.com\t.evil.org/",
        "https://api.textin.com\n/",
        " https://api.textin.com/",
        "https://api.textin.com /",
        "http://api.textin.com/",
        "http://api.textin.com:443/",
        "https://api.textin.com:8443/",
        "https://api.textin.com:80/",
        "https://api.textin.com:99999/",
        "https://api.textin.com:x/",
        "https://evil.org：443.textin.com/",
        "https://evil.org／.textin.com/",
        "https://textin.com。evil.org/",
        "https://[::1].textin.com/",
        "https://[::1/",
        "ftp://api.textin.com/",
        "file://api.textin.com/etc/passwd",
        "//api.textin.com/",
        "api.textin.com/",
        "https:api.textin.com",
        "https:///api.textin.com",
        "https://",
        "",
    ],
    ids=ascii,
)
def test_what_only_looks_like_textin_gets_nothing(url: str) -> None:
    for policy in (PUBLIC, LOCAL):
        assert not policy.gets_credentials(url)
        assert not allows_result(policy, url)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8866/x", "http://127.0.0.1:8866", "HTTP://127.0.0.1:8866/"]
)
def test_the_connections_own_host_is_trusted_as_it_is_written(url: str) -> None:
    assert LOCAL.gets_credentials(url)
    assert allows_result(LOCAL, url)


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1:8866/",
        "http://127.0.0.1/",
        "http://127.0.0.1:8867/",
        "http://localhost:8866/",
        "http://127.0.0.1:8866@evil.org/",
        "http://127.0.0.1.evil.org:8866/",
        "http://[::1]:8866/",
    ],
)
def test_another_scheme_port_or_name_is_another_host(url: str) -> None:
    assert not LOCAL.gets_credentials(url)
    assert not allows_result(LOCAL, url)


def test_a_result_host_serves_results_and_gets_no_credentials() -> None:
    assert allows_result(LOCAL, "https://cdn.example.org/r?sig=1")
    assert not LOCAL.gets_credentials("https://cdn.example.org/r")


@pytest.mark.parametrize(
    "url",
    [
        "http://cdn.example.org/r",
        "https://cdn.example.org:444/r",
        "https://x.cdn.example.org/r",
        "https://example.org/r",
    ],
)
def test_a_result_host_is_exactly_that_one(url: str) -> None:
    assert not allows_result(LOCAL, url)


def test_an_ipv6_host_can_be_the_connections_own() -> None:
    policy = HostPolicy(frozenset({Origin.of("http://[::1]:8866")}))

    assert policy.gets_credentials("http://[::1]:8866/x")
    assert not policy.gets_credentials("http://[::2]:8866/x")
    assert not policy.gets_credentials("http://[::1]:8867/x")


def test_a_port_of_zero_is_not_the_default_port() -> None:
    assert not PUBLIC.gets_credentials("https://api.textin.com:0/")


def test_a_refusal_names_the_host_and_not_the_signature() -> None:
    with pytest.raises(ApiError) as caught:
        PUBLIC.check_result_url("https://cdn.example.org/r?sig=hush", "xParse job 1: result")

    assert "add https://cdn.example.org to result_hosts" in str(caught.value)
    assert "result_hosts" in str(caught.value)
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "https://cdn.example.org/r",
        "https://cdn.example.org:8443/r",
        "http://cdn.example.org/r",
        "https://[fd00::1]/r",
    ],
)
def test_following_the_advice_of_a_refusal_lets_the_result_in(url: str) -> None:
    with pytest.raises(ApiError) as caught:
        PUBLIC.check_result_url(url, "it")
    advised = re.search(r"add (\S+) to result_hosts", str(caught.value))
    assert advised

    entry = advised[1] if "://" in advised[1] else f"https://{advised[1]}"
    assert allows_result(HostPolicy(PUBLIC.own, frozenset({Origin.of(entry)})), url)
