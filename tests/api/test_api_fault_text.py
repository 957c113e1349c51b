"""What faults say: one line, of bounded length, and never a signature or a password."""

from __future__ import annotations

from typing import Any

import pytest

from textin_provider.api.errors import ApiError, ErrorKind, bad_input
from textin_provider.api.inputs import check_http_url
from textin_provider.api.protocol import Response
from textin_provider.api.text import MAX_TEXT, one_line
from textin_provider.api.xparse.endpoints import check_config, submit_job
from textin_provider.api.xparse.models import XParseJob

SECRET = "Hush-7f3a"


def saying(text: str) -> ApiError:
    return ApiError(
        ErrorKind.SERVER, about=text, message=text, fix=text, detail=f"more: {text}", request_id=text
    )


@pytest.mark.parametrize("text", ["a\nb", "a\r\nb", "a\tb", "a\u2028b", "a\x85b", "\n\na\n \nb\n"], ids=ascii)
def test_text_of_many_lines_becomes_one(text: str) -> None:
    assert one_line(text) == "a b"
    assert len(str(saying(text)).splitlines()) == 1


def test_long_text_is_cut() -> None:
    assert len(one_line("x" * 10_000)) == MAX_TEXT
    assert one_line("x" * 10_000).endswith("...")
    assert one_line("x" * MAX_TEXT) == "x" * MAX_TEXT


def test_making_one_line_twice_changes_nothing() -> None:
    for text in ("x" * 10_000, "see https://u:p@h/a?b=c#d and\nhttps://h?x", "plain"):
        assert one_line(one_line(text)) == one_line(text)


@pytest.mark.parametrize(
    "url",
    [
        f"https://h.example/doc.pdf?sig={SECRET}",
        f"HTTPS://h.example/doc.pdf?a=b&sig={SECRET}",
        f"https://h.example?{SECRET}",
        f"https://h.example/doc.pdf#token={SECRET}",
        f"https://user:{SECRET}@h.example/doc.pdf",
        f"http://{SECRET}@h.example:8080/doc.pdf",
        f"https://user:a@{SECRET}@h.example/doc.pdf",
        f"https://h.example/John's%20doc.pdf?sig={SECRET}",
        f"https://h.example/a.pdf?name=John's&sig={SECRET}",
        f"https://h.example/my doc.pdf?sig={SECRET}",
        f"ftp://user:{SECRET}@h.example/doc.pdf",
        f"s3://bucket/doc.pdf?X-Amz-Signature={SECRET}",
    ],
    ids=[
        "query",
        "upper case",
        "no path",
        "fragment",
        "password",
        "user",
        "two at signs",
        "apostrophe in path",
        "apostrophe in query",
        "blank in path",
        "ftp",
        "s3",
    ],
)
def test_a_url_loses_its_query_and_its_user(url: str) -> None:
    texts = [
        str(_fault_of(submit_job, file_url=url)),
        str(_fault_of(check_http_url, "webhook", f"x{url}")),
        str(bad_input("file", url, "it does not exist", "Check it")),
    ]
    assert [text for text in texts if SECRET in text] == []


def _fault_of(function: Any, *args: Any, **kwargs: Any) -> ApiError:
    """Return the fault that the input gives, or the one that the server's answer to it would."""
    with pytest.raises(ApiError) as caught:
        function(*args, **kwargs).read(Response(500, b""))
    return caught.value


def test_a_url_in_the_words_of_the_server_loses_its_query_too() -> None:
    text = str(saying(f"cannot fetch 'https://u:{SECRET}@h.example/a?s={SECRET}', sorry"))

    assert SECRET not in text
    assert "cannot fetch 'https://h.example/a?...', sorry" in text


def test_several_urls_in_one_line_all_lose_their_query() -> None:
    assert (
        one_line("http://a/?x=1 or <http://b/#y> or http://c/d")
        == "http://a/?... or <http://b/?...> or http://c/d"
    )


@pytest.mark.parametrize(
    "config",
    [
        f'{{"document": {{"password": "{SECRET}"}}',
        f'"{SECRET}"',
        f'["{SECRET}"]',
        SECRET,
        {"document": {"password": SECRET, "x": {SECRET}}},
        {"document": {"password": SECRET, "x": float}},
        [SECRET],
        {(SECRET,): 1},
    ],
    ids=["cut off", "text", "list text", "bare", "set", "type", "list", "tuple key"],
)
def test_a_bad_config_is_not_quoted(config: Any) -> None:
    fault = _fault_of(check_config, config)

    assert SECRET not in str(fault)
    assert SECRET not in repr(fault.to_dict())
    assert str(fault).startswith("config='...': ")


def test_a_good_config_is_in_no_error_of_its_submit() -> None:
    call = submit_job(file_url="https://h.example/doc.pdf", config={"document": {"password": SECRET}})

    assert SECRET not in repr(call)
    with pytest.raises(ApiError) as caught:
        call.read(Response(500, b""))
    assert SECRET not in str(caught.value)


def test_a_job_as_sensors_return_it_has_no_query_and_no_user_in_its_url() -> None:
    url = f"https://user:{SECRET}@h.example/r?sig={SECRET}#{SECRET}"

    job = XParseJob("1", "completed", result_url=url).to_dict()

    assert SECRET not in repr(job)


def test_a_job_shown_by_repr_gives_no_signature_away() -> None:
    assert SECRET not in repr(XParseJob("1", "completed", result_url=f"https://h.example/r?sig={SECRET}"))
