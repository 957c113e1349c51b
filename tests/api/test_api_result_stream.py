"""The body of a result, checked and unwrapped while it streams by: what is stored of which body."""

from __future__ import annotations

import json
import tracemalloc
from typing import TYPE_CHECKING, Any

import pytest

from textin_provider.api.errors import ApiError, ErrorKind
from textin_provider.api.xparse.result_stream import HEAD_BYTES, ResultStream

if TYPE_CHECKING:
    from collections.abc import Iterator

SMALL = {
    "schema_version": "1.4.0",
    "markdown": "# 标题 }{",
    "elements": [{"text": 'a "} b', "page_number": 1}],
}
#: Strings full of what brackets and envelopes are made of, across every cut that a test makes.
HARD_TEXT = 'x"},"message":"ok"} }}{{ \\" \\\\ 标题\n' * 4


def large(size: int = HEAD_BYTES + 40_000, **last: Any) -> dict[str, Any]:
    elements = [{"element_id": f"{n:032x}", "text": HARD_TEXT} for n in range(size // 200)]
    return {"schema_version": "1.4.0", "elements": elements, "metadata": {"page_count": 1}, **last}


def encode(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def stored(body: bytes, step: int | None = None, must_balance: bool = False) -> bytes:
    stream = ResultStream("xParse job 1: result", must_balance=must_balance)
    step = step or max(len(body), 1)
    parts = [stream.feed(body[at : at + step]) for at in range(0, len(body), step)]
    return b"".join([*parts, stream.finish()])


def refused(body: bytes, step: int | None = None, must_balance: bool = False) -> ApiError:
    with pytest.raises(ApiError) as caught:
        stored(body, step, must_balance)
    assert "xParse job 1: result" in str(caught.value)
    return caught.value


@pytest.mark.parametrize("step", [1, 2, 7, 1000, None])
def test_a_small_bare_result_is_stored_byte_for_byte(step: int | None) -> None:
    body = b" \n" + encode(SMALL) + b"\n"

    assert stored(body, step) == body


@pytest.mark.parametrize("step", [1, 7, None])
@pytest.mark.parametrize("code", [200, "200", 50207])
def test_a_small_wrapped_result_is_stored_bare(step: int | None, code: object) -> None:
    body = encode({"code": code, "message": "success", "data": SMALL, "x_request_id": "}"})

    assert json.loads(stored(body, step)) == SMALL


@pytest.mark.parametrize("step", [1, 997, 16 * 1024, HEAD_BYTES, HEAD_BYTES + 1, None])
def test_a_large_bare_result_is_stored_byte_for_byte(step: int | None) -> None:
    body = encode(large())

    assert stored(body, step) == body


@pytest.mark.parametrize("step", [31, 997, 16 * 1024, HEAD_BYTES, HEAD_BYTES + 1, None])
@pytest.mark.parametrize(
    "after",
    [{}, {"message": "ok"}, {"x_request_id": 'a"},{', "took": -1.5e3, "cached": False, "hint": None}],
    ids=["nothing", "message", "scalars"],
)
def test_a_large_wrapped_result_is_stored_bare_whatever_the_chunks(
    step: int | None, after: dict[str, Any]
) -> None:
    result = large(file_id="f", success_count=1)

    assert stored(encode({"code": 200, "message": "success", "data": result, **after}), step) == encode(
        result
    )


def test_a_large_wrapped_result_may_come_byte_by_byte() -> None:
    assert stored(encode({"code": 200, "data": large(), "message": "ok"}), 1) == encode(large())


@pytest.mark.parametrize("indent", [None, 2], ids=["dense", "indented"])
@pytest.mark.parametrize("ending", [b"", b" \r\n\n"], ids=["bare end", "blank end"])
def test_blanks_between_members_do_not_matter(indent: int | None, ending: bytes) -> None:
    body = json.dumps({"code": 200, "data": large(markdown="}"), "message": "ok"}, indent=indent).encode()

    assert json.loads(stored(body + ending)) == large(markdown="}")


@pytest.mark.parametrize(
    "after",
    [{"location": {"stage": 1}}, {"errors": []}, {"location": {"stage": {"page": 1}}, "message": "ok"}],
    ids=["object", "list", "nested"],
)
def test_members_of_any_shape_may_follow_the_data(after: dict[str, Any]) -> None:
    result = large()

    assert stored(encode({"code": 50207, "data": result, **after})) == encode(result)


@pytest.mark.parametrize("size", [HEAD_BYTES - 1, HEAD_BYTES, HEAD_BYTES + 1])
@pytest.mark.parametrize("wrapped", [False, True], ids=["bare", "wrapped"])
def test_the_border_between_small_and_large_is_no_border_to_the_user(size: int, wrapped: bool) -> None:
    frame = encode({"code": 200, "data": {"markdown": ""}}) if wrapped else encode({"markdown": ""})
    text = "x" * (size - len(frame))
    body = frame.replace(b'""', b'"%s"' % text.encode())
    assert len(body) == size

    for step in (1000, HEAD_BYTES, None):
        assert json.loads(stored(body, step)) == {"markdown": text}


def test_a_large_result_may_begin_with_any_of_its_members() -> None:
    result = {"summary": {"duration_ms": 5}, **large()}

    assert json.loads(stored(encode(result))) == result


def test_a_large_result_may_be_one_long_string() -> None:
    body = encode({"markdown": "标" * HEAD_BYTES})

    assert stored(body, 1000) == body


@pytest.mark.parametrize("big", [False, True], ids=["small", "large"])
def test_a_byte_order_mark_is_not_stored(big: bool) -> None:
    result = large() if big else SMALL

    assert stored(b"\xef\xbb\xbf" + encode(result)) == encode(result)


def test_half_a_character_in_a_small_wrapped_result_is_kept_as_it_is() -> None:
    body = rb'{"code": 200, "data": {"markdown": "\ud83d", "elements": []}}'

    assert json.loads(stored(body)) == {"markdown": "\ud83d", "elements": []}


@pytest.mark.parametrize("size", ["small", "large"])
@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (40102, ErrorKind.AUTHENTICATION),
        (500, ErrorKind.SERVER),
        (40004, ErrorKind.REQUEST),
        ("30203", ErrorKind.SERVER),
    ],
)
def test_an_error_envelope_is_the_fault_that_it_names(size: str, code: object, kind: ErrorKind) -> None:
    detail = "x" * (2 * HEAD_BYTES if size == "large" else 10)
    body = encode({"code": code, "message": "no", "data": {"message": detail}})

    fault = refused(body, 1000)

    assert (fault.kind, fault.code, fault.message) == (kind, int(str(code)), "no")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"{}",
        b"[]",
        b"null",
        b'"elements"',
        b"<html>secret words</html>",
        b"secret words",
        b"\xff\xfe",
        b"{" * 5000,
        b"[" * 100_000,
        b'{"code": 200}',
        b'{"code": 200, "data": null}',
        b'{"code": 200, "data": []}',
        b'{"code": 200, "data": {}}',
        b'{"code": 200, "data": {"code": 200, "data": {"elements": []}}}',
        b'{"data": {"elements": []}}',
        b'{"elements": null}',
        b'{"elements": {}, "markdown": null}',
        b'{"elements": []} trailing',
        b'{"elements": []}{"elements": []}',
    ],
    ids=lambda body: repr(body[:40]),
)
@pytest.mark.parametrize("step", [1, None])
def test_a_small_body_of_any_other_shape_is_no_result(body: bytes, step: int | None) -> None:
    fault = refused(body, step)

    assert fault.kind is ErrorKind.RESULT
    assert "secret words" not in str(fault)


@pytest.mark.parametrize(
    "body",
    [
        b"<html>" + b"x" * HEAD_BYTES,
        b"[" + encode(large()) + b"]",
        encode({"other": "x" * HEAD_BYTES}),
        encode({"other": ["x"] * HEAD_BYTES}),
        encode({"data": large()}),
        encode({"code": 200, "data": ["x" * HEAD_BYTES]}),
        encode({"code": 200, "data": "x" * HEAD_BYTES}),
        encode({"code": 200, "data": {"message": "x" * HEAD_BYTES}}),
        b" " * 2 * HEAD_BYTES,
        encode(large()) + b" trailing",
        b'{"elements": "' + b"\x00" * HEAD_BYTES,
    ],
    ids=lambda body: repr(body[:24]),
)
@pytest.mark.parametrize("step", [10_000, None])
def test_a_large_body_of_any_other_shape_is_no_result(body: bytes, step: int | None) -> None:
    assert refused(body, step).kind is ErrorKind.RESULT


@pytest.mark.parametrize("wrapped", [False, True], ids=["bare", "wrapped"])
@pytest.mark.parametrize("result", [SMALL, large()], ids=["small", "large"])
def test_a_result_cut_off_anywhere_is_no_result(result: dict[str, Any], wrapped: bool) -> None:
    body = encode({"code": 200, "data": result, "message": "ok"} if wrapped else result)
    step = max(1, len(body) // 300)

    for end in [*range(0, len(body) - 1, step), *range(len(body) - 60, len(body) - 1)]:
        if not body[:end].rstrip().endswith(b"}"):
            assert refused(body[:end]).kind is ErrorKind.RESULT


@pytest.mark.parametrize("wrapped", [False, True], ids=["bare", "wrapped"])
def test_a_large_result_of_unproven_end_cut_off_after_a_brace_is_no_result(wrapped: bool) -> None:
    body = encode({"code": 200, "data": large()} if wrapped else large())
    end = body.index(b'},{"element_id"'.replace(b",", b", "), HEAD_BYTES + 1000) + 1

    assert refused(body[:end], 1000, must_balance=True).kind is ErrorKind.RESULT


@pytest.mark.parametrize("step", [1, 7, 1000, None])
def test_brackets_that_balance_prove_a_large_result_whole(step: int | None) -> None:
    body = encode(large(HEAD_BYTES + 1000))

    assert stored(body, step, must_balance=True) == body


def test_a_body_that_is_no_result_is_refused_before_its_end() -> None:
    stream = ResultStream("it")

    with pytest.raises(ApiError):
        stream.feed(b"<html>" + b"x" * HEAD_BYTES)


@pytest.mark.slow
@pytest.mark.parametrize("wrapped", [False, True], ids=["bare", "wrapped"])
def test_memory_stays_flat_for_64_megabytes(wrapped: bool) -> None:
    def body() -> Iterator[bytes]:
        yield b'{"code": 200, "data": {"elements": [' if wrapped else b'{"elements": ['
        for _ in range(64):
            yield encode({"text": "x" * (1024 * 1024 - 13)}) + b","
        yield b"{}]}}" if wrapped else b"{}]}"

    stream, size = ResultStream("it"), 0
    tracemalloc.start()
    try:
        for chunk in body():
            size += len(stream.feed(chunk))
        size += len(stream.finish())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert size > 64 * 1024 * 1024
    assert peak < 8 * 1024 * 1024
