"""TextIn's envelope around data, ``{code, message, data}`` or ``{code, msg, result}``, apart from HTTP."""

from __future__ import annotations

import json
import re
from codecs import BOM_UTF8
from typing import TYPE_CHECKING, Any

from textin_provider.api.errors import CODES, FIRST_OWN_CODE
from textin_provider.api.text import one_line

if TYPE_CHECKING:
    from collections.abc import Mapping

_DIGITS = re.compile(r"[0-9]{1,10}")
#: The members of TextIn's envelopes; a gateway's JSON has others, such as status, error, path or kind.
_MEMBERS = frozenset(
    ("code", "message", "msg", "error_message", "data", "result", "location", "x_request_id", "traceId")
)
_NOT_FOUND = 404
#: A gateway repeats its own 404 as a code; TextIn's is known by one of these.
_PROOFS_OF_NOT_FOUND = ("x_request_id", "data", "result")


def parse_envelope(body: bytes, status: int) -> dict[str, Any] | None:
    """
    Return the members of TextIn's envelope, None if the body is not one.

    An envelope is a JSON object with a numeric code. Beside an HTTP error its code must be TextIn's own, or a
    listed one among members of TextIn's alone.
    """
    members = parse_object(body)
    code = None if members is None else code_of(members)
    if members is None or code is None:
        return None
    return members if status < 300 or _is_textins(members, code) else None


def _is_textins(members: Mapping[str, Any], code: int) -> bool:
    if code >= FIRST_OWN_CODE:
        return True
    if code not in CODES or not members.keys() <= _MEMBERS:
        return False
    return code != _NOT_FOUND or any(members.get(name) is not None for name in _PROOFS_OF_NOT_FOUND)


def parse_object(body: bytes) -> dict[str, Any] | None:
    """Return the members of a JSON object, None if the body is anything else."""
    try:
        # Decoding here saves json.loads the detection of the encoding.
        value = _read_json(body.removeprefix(BOM_UTF8).decode())
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _read_json(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        raise
    except ValueError:  # Python converts no longer integers
        return json.loads(text, parse_int=lambda digits: int(digits) if len(digits) < 4000 else float(digits))


def code_of(envelope: Mapping[str, Any]) -> int | None:
    """Return the envelope's code, None if it is missing or not a number."""
    code = envelope.get("code")
    if isinstance(code, str) and _DIGITS.fullmatch(code):
        return int(code)
    return code if isinstance(code, int) and not isinstance(code, bool) else None


def first_said(*values: Any) -> str | None:
    """Return the first of TextIn's messages that is there and is not "success", as one line."""
    lines = (one_line(value) for value in values if value)
    return next((line for line in lines if line and line.lower() != "success"), None)
