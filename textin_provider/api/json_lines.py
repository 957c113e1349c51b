"""JSON Lines that every reader takes, whatever TextIn's own JSON holds."""

from __future__ import annotations

import json
import re
from typing import Any

_SURROGATE = re.compile("[\ud800-\udfff]")


def json_line(value: Any) -> bytes:
    """
    Return a value as one line of strict JSON in UTF-8 (RFC 8259), with a line feed at its end.

    NaN and numbers beyond the range of a double become null, as JSON has none; lone surrogates, which UTF-8
    has none of, become U+FFFD. Characters at which some readers break lines are escaped.
    """
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    except ValueError:
        finite = json.loads(json.dumps(value), parse_constant=lambda _: None)
        text = json.dumps(finite, ensure_ascii=False, allow_nan=False)
    if not text.isascii():
        for separator in ("\x85", "\u2028", "\u2029"):
            text = text.replace(separator, f"\\u{ord(separator):04x}")
        text = _SURROGATE.sub("\ufffd", text)
    return f"{text}\n".encode()
