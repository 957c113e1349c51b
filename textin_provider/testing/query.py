"""Read a query string as the contract declares its parameters."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from textin_provider.testing.contract import parameters
from textin_provider.testing.envelope import BAD_REQUEST, Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

_BOOLEANS = {"true": True, "false": False}


def read_query(contract: str, method: str, path: str, query: str) -> dict[str, Any]:
    """
    Return the parameters that are given, typed, and the declared defaults of the others.

    A parameter without a value counts as not given.

    :raises Refusal: 400 naming the parameter and the problem.
    """
    declared = {parameter["name"]: parameter for parameter in parameters(contract, method, path)}
    values = {
        name: parameter["schema"]["default"]
        for name, parameter in declared.items()
        if "default" in parameter["schema"]
    }
    given: set[str] = set()
    for name, text in _pairs(query):
        if name not in declared:
            raise Refusal(BAD_REQUEST, f"{name}: there is no such parameter")
        if name in given:
            raise Refusal(BAD_REQUEST, f"{name}: it is given more than once, and takes one value")
        given.add(name)
        if text:
            values[name] = _value(name, text, declared[name]["schema"])
    for name, parameter in declared.items():
        if parameter.get("required") and name not in values:
            raise Refusal(BAD_REQUEST, f"{name}: it is required")
    return values


def _pairs(query: str) -> list[tuple[str, str]]:
    try:
        return parse_qsl(query, keep_blank_values=True, errors="strict")
    except UnicodeDecodeError as exc:
        raise Refusal(BAD_REQUEST, "the query is not URL-encoded UTF-8") from exc


def _value(name: str, text: str, schema: Mapping[str, Any]) -> Any:
    value: Any = text
    if schema["type"] == "integer":
        # Not what int() also takes, such as "1_000" and other digits than these.
        digits = text.removeprefix("-")
        if not (digits.isascii() and digits.isdecimal()):
            raise Refusal(BAD_REQUEST, f"{name}: {text!r} is not a whole number")
        value = int(text)
    elif schema["type"] == "boolean":
        if text not in _BOOLEANS:
            raise Refusal(BAD_REQUEST, f"{name}: {text!r} is neither true nor false")
        value = _BOOLEANS[text]
    elif schema.get("format") == "date-time":
        value = _moment(name, text)
    if "enum" in schema and value not in schema["enum"]:
        raise Refusal(BAD_REQUEST, f"{name}: {text!r} is none of {', '.join(map(str, schema['enum']))}")
    if "minimum" in schema and value < schema["minimum"]:
        raise Refusal(BAD_REQUEST, f"{name}: {text} is less than {schema['minimum']}")
    return value


def _moment(name: str, text: str) -> float:
    """Return an RFC 3339 time as seconds since the epoch."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None or "T" not in text.upper():
        raise Refusal(BAD_REQUEST, f"{name}: {text!r} is not an RFC 3339 time such as 2026-01-31T08:00:00Z")
    return moment.timestamp()
