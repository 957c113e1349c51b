"""Read the first members of a JSON object without parsing megabytes, which would block an event loop."""

from __future__ import annotations

import json
import re
from typing import Any

_STRING = rb'"(?:[^"\\]|\\.)*"'
_KEY = re.compile(rb"\s*(%s)\s*:\s*" % _STRING)
_SCALAR = re.compile(rb"(%s|true|false|null|-?[0-9][0-9.eE+-]*)\s*,?" % _STRING)


def first_members(text: bytes, at: int = 0) -> tuple[dict[str, Any], str, int]:
    """Read the scalar members of the object at ``at``; return them, the next key, and its value's index."""
    members: dict[str, Any] = {}
    at += 1
    while key := _KEY.match(text, at):
        name = _load(key[1])
        at = key.end()
        scalar = _SCALAR.match(text, at)
        if scalar is None:
            return members, str(name), at
        members[str(name)] = _load(scalar[1])
        at = scalar.end()
    return members, "", at


def _load(token: bytes) -> Any:
    try:
        return json.loads(token)
    except ValueError:
        return None
