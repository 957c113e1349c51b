"""The first members of a JSON object: values, the next key, and the index of its value."""

from __future__ import annotations

from typing import Any

import pytest

from textin_provider.api.json_prefix import first_members


@pytest.mark.parametrize(
    ("text", "members", "key", "rest"),
    [
        (b"{}", {}, "", b"}"),
        (b'{"a": 1}', {"a": 1}, "", b"}"),
        (b'{"a": -1.5e3, "b": "x", "c": {}}', {"a": -1500.0, "b": "x"}, "c", b"{}}"),
        (b'{"a":true,"b":false,"c":null,"d":[1]}', {"a": True, "b": False, "c": None}, "d", b"[1]}"),
        (b'{ "a" : "}\\"{" , "b" : [', {"a": '}"{'}, "b", b"["),
        (b'{"a": 1, "b"', {"a": 1}, "", b' "b"'),
        (b'{"a": 1-2, "b": {', {"a": None}, "b", b"{"),
        (b'{"a": 1x, "b": {', {"a": 1}, "", b'x, "b": {'),
        (b'{"a": 1e, "b": {', {"a": None}, "b", b"{"),
        (b'{"\\x": 1, "b": {', {"None": 1}, "b", b"{"),
        (b'{"\\x": {', {}, "None", b"{"),
        (b'{"a": "\xff", "b": {', {"a": None}, "b", b"{"),
    ],
)
def test_members_are_read_up_to_the_first_nested_value(
    text: bytes, members: dict[str, Any], key: str, rest: bytes
) -> None:
    found, next_key, at = first_members(text)
    assert (found, next_key, text[at:]) == (members, key, rest)


def test_an_object_may_begin_anywhere() -> None:
    text = b'{"code": 200, "result": {"total": 3, "files": []}}'
    _, _, at = first_members(text)
    assert text[at:].startswith(b'{"total"')
    members, key, end = first_members(text, at)
    assert (members, key, text[end:]) == ({"total": 3}, "files", b"[]}}")
