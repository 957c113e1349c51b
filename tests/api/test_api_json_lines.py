"""Lines of JSON that every reader takes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from textin_provider.api.json_lines import json_line


def refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is not JSON")


def strict(line: bytes) -> Any:
    """Read a line as the strictest readers do."""
    text = line.decode("utf-8", errors="strict")
    assert text.endswith("\n")
    assert len(text.splitlines()) == 1
    return json.loads(text, parse_constant=refuse)


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ('{"a": NaN, "b": [Infinity, -Infinity, 1e999, -1e999]}', {"a": None, "b": [None] * 4}),
        (r'{"a": "\ud83d", "\udc00": ["x\ud800y"]}', {"a": "\ufffd", "\ufffd": ["x\ufffdy"]}),
        (r'{"a": "\ud83d\ude00"}', {"a": "😀"}),
        (r'{"a": "1\u2028\u2029\u00852\u000b\u000c\u001c\u001d\u001e\r\n3"}', None),
        (r'{"a\u2028": "\u0000\u007f\ufeff\uffff"}', None),
        ('{"a": 123456789012345678901234567890, "b": 1e-999, "c": 1E400, "d": -0.0}', None),
        (f'{{"a": {10**400}}}', None),
        ('{"a": 0.1, "b": 1e22, "c": true, "d": null, "e": "NaN"}', None),
        ('{"发票": "价税合计"}', None),
    ],
    ids=ascii,
)
def test_a_line_is_strict_json_whatever_came(sent: str, expected: Any) -> None:
    received = json.loads(sent)
    if expected is None:
        expected = json.loads(sent.replace("1E400", "null"))

    assert strict(json_line(received)) == expected


def test_a_line_is_utf8_without_a_mark_and_not_escaped_more_than_needed() -> None:
    assert json_line({"发票": "é"}) == '{"发票": "é"}\n'.encode()


def test_other_readers_take_the_lines() -> None:
    import orjson

    received = json.loads(r'{"a": "\ud83d\u2028", "b": [NaN, 1e999, 18446744073709551616]}')
    assert orjson.loads(json_line(received)) == {"a": "\ufffd\u2028", "b": [None, None, 2.0**64]}
