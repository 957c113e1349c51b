"""The exact errors for bodies that are not a result, and the bounds of a stream."""

from __future__ import annotations

import json

import pytest

from textin_provider.api.errors import ApiError, ErrorKind
from textin_provider.api.xparse.result_stream import HEAD_BYTES, ResultStream

TAIL_BYTES = 16 * 1024
FIX = "Nothing was stored. The job is paid for and keeps its result: download it again"
LONG = b"x" * HEAD_BYTES
NEITHER = "it has neither elements nor markdown"


def stored(*chunks: bytes, must_balance: bool = False) -> bytes:
    stream = ResultStream("xParse job 1: result", must_balance=must_balance)
    return b"".join([stream.feed(chunk) for chunk in chunks] + [stream.finish()])


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "it is not JSON, 0 bytes"),
        (b"<html>", "it is not JSON, 6 bytes"),
        (b"\xef\xbb\xbf<html>", "it is not JSON, 6 bytes"),
        (b"[1]", "it is a JSON list, not an object"),
        (b"null", "it is a JSON NoneType, not an object"),
        (b"{}", NEITHER),
        (b'{"data": {"markdown": ""}}', NEITHER),
        (b'{"code": 200, "data": {"markdown": 1, "elements": {}}}', NEITHER),
        (b'{"code": 404, "message": "gone"}', "code 404, the address may have expired"),
        (LONG, "it is not a JSON object"),
        (b'{"code": 404, "message": "' + LONG, "code 404, the address may have expired"),
        (b'{"code": 404, "data": ["' + LONG, "code 404, the address may have expired"),
        (b'{"other": ["' + LONG, NEITHER),
        (b'{"code": 200, "result": {"markdown": "' + LONG, NEITHER),
        (b'{"data": {"markdown": "' + LONG, NEITHER),
        (b'{"code": 200, "data": {"other": "' + LONG, NEITHER),
        (b'{"markdown": "' + LONG, "it is truncated"),
        (b'{"code": 200, "data": {"elements": [' + LONG + b"}", "its envelope is malformed at the end"),
    ],
    ids=lambda value: repr(value[:40]),
)
def test_any_other_body_is_an_error_with_its_reason(body: bytes, reason: str) -> None:
    with pytest.raises(ApiError) as caught:
        stored(body)
    assert caught.value.to_dict() == {
        "kind": ErrorKind.RESULT.value,
        "about": "xParse job 1: result",
        "message": f"the body at result_url is not a result: {reason}",
        "fix": FIX,
        "code": None,
        "detail": None,
        "request_id": None,
        "retry_after": None,
    }


@pytest.mark.parametrize("filler", [b"", LONG], ids=["small", "large"])
def test_an_error_envelope_is_its_own_error(filler: bytes) -> None:
    body = b'{"code": 40003, "message": "no", "data": {"message": "%s"}}' % (filler or b"why")
    with pytest.raises(ApiError) as caught:
        stored(body)
    error = caught.value
    assert (error.kind, error.about, error.code, error.message) == (
        ErrorKind.QUOTA,
        "xParse job 1: result",
        40003,
        "no",
    )
    assert error.detail == (None if filler else "why")


@pytest.mark.parametrize("key", [
    "schema_version", "file_id", "success_count", "metadata", "markdown", "elements", "pages", "title_tree",
    "summary", "exports",
])  # fmt: skip
@pytest.mark.parametrize("wrapped", [False, True], ids=["bare", "wrapped"])
def test_a_large_result_is_known_by_any_of_its_keys(key: str, wrapped: bool) -> None:
    result = b'{"%s": ["%s"]}' % (key.encode(), LONG)
    body = b'{"code": 200, "data": %s, "message": "ok"}' % result if wrapped else result
    assert stored(body) == result


def test_a_body_is_held_until_its_head_is_complete() -> None:
    stream = ResultStream("it")
    assert stream.feed(b'{"markdown": "' + b"x" * (HEAD_BYTES - 15)) == b""
    assert len(stream.feed(b"x")) == HEAD_BYTES - TAIL_BYTES


def test_the_tail_is_held_back() -> None:
    stream = ResultStream("it")
    first = stream.feed(b'{"markdown": "' + LONG)
    assert len(first) == len(LONG) + 14 - TAIL_BYTES
    assert stream.feed(b"y" * (TAIL_BYTES - 1)) == b"x" * (TAIL_BYTES - 1)
    assert stream.feed(b"z" * TAIL_BYTES) == b"x" + b"y" * (TAIL_BYTES - 1)
    assert stream.feed(b'"}') == b"zz"
    assert stream.finish() == b"z" * (TAIL_BYTES - 2) + b'"}'


def test_a_small_wrapped_result_is_stored_as_plain_utf_8() -> None:
    assert stored('{"code": 200, "data": {"markdown": "标"}}'.encode()) == '{"markdown": "标"}'.encode()


def test_a_lone_surrogate_is_stored_with_its_escape() -> None:
    body = rb'{"code": 200, "data": {"markdown": "\ud83d"}}'
    assert stored(body) == rb'{"markdown": "\ud83d"}'


@pytest.mark.parametrize(
    "text",
    [b"", b"]}", b"{[", b'\\"]}', b"\\\\", b'\\\\\\"{', b"\\n"],
    ids=repr,
)
@pytest.mark.parametrize("step", [1, 2, 3, 100_000])
def test_brackets_within_strings_do_not_count(text: bytes, step: int) -> None:
    body = b'{"elements": [{"text": "%s"}], "markdown": "%s"}' % (text, LONG)
    chunks = [body[at : at + step] for at in range(0, 300, step)]
    rest = body[len(b"".join(chunks)) :]
    assert stored(*chunks, rest, must_balance=True) == body
    assert json.loads(body)["markdown"] == LONG.decode()


@pytest.mark.parametrize(
    "body",
    [
        b'{"elements": ["%s", {"a": 1}' % LONG,
        b'{"elements": {"a": "%s"}' % LONG,
        b'{"elements": ["%s"]}]' % LONG + b"}",
        b'{"elements": ["%s"], "a": "}' % LONG,
    ],
    ids=["list", "object", "too many", "string"],
)
def test_brackets_that_do_not_balance_are_a_truncated_result(body: bytes) -> None:
    with pytest.raises(ApiError, match="it is truncated"):
        stored(body, must_balance=True)
    assert stored(body) == body
