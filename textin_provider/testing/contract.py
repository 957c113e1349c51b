"""TextIn's OpenAPI documents, and the validation of request bodies and query strings against them."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from textin_provider.testing.responses import BAD_REQUEST, Refusal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_BOOLEANS = {"true": True, "false": False}


@cache
def document(name: str) -> dict[str, Any]:
    """Return the OpenAPI document ``name``, e.g. ``"xparse-v1"``."""
    import yaml

    text = files(__package__).joinpath("openapi", f"{name}.openapi.yaml").read_text(encoding="utf-8")
    loaded: dict[str, Any] = yaml.safe_load(text)
    return loaded


@cache
def validator(name: str, schema: str) -> Any:
    """Return a validator for ``schema``, a name under ``components`` or a pointer such as ``#/paths/...``."""
    from jsonschema import Draft202012Validator

    pointer = schema if schema.startswith("#") else f"#/components/schemas/{schema}"
    return Draft202012Validator({**document(name), "$ref": pointer})


def body_pointer(path: str, content_type: str = "application/json") -> str:
    """Return the pointer to the schema of the request body of POST ``path``."""
    return f"#/paths/{_escape(path)}/post/requestBody/content/{_escape(content_type)}/schema"


def response_pointer(method: str, path: str) -> str:
    """Return the pointer to the schema of the response of an operation."""
    return f"#/paths/{_escape(path)}/{method.lower()}/responses/200/content/application~1json/schema"


def _escape(text: str) -> str:
    return text.replace("/", "~1").replace("{", "%7B").replace("}", "%7D")


def problems(name: str, schema: str, value: Any) -> Iterator[str]:
    """Yield the validation errors of ``value``, each with its path in front: ``.urls[3]: ...``."""
    for problem in validator(name, schema).iter_errors(value):
        path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in problem.absolute_path)
        yield f"{path}: {problem.message}"


def read_query(contract: str, method: str, path: str, query: str) -> dict[str, Any]:
    """
    Return the given query parameters, typed, and the declared defaults of the others.

    A parameter without a value counts as not given.

    :raises Refusal: 400 naming the parameter and the problem.
    """
    declared = {parameter["name"]: parameter for parameter in _parameters(contract, method, path)}
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


@cache
def _parameters(name: str, method: str, path: str) -> tuple[dict[str, Any], ...]:
    loaded = document(name)
    declared = loaded["paths"][path][method.lower()].get("parameters", ())
    shared = loaded["components"].get("parameters", {})
    return tuple(shared[item["$ref"].rpartition("/")[2]] if "$ref" in item else item for item in declared)


def _pairs(query: str) -> list[tuple[str, str]]:
    try:
        return parse_qsl(query, keep_blank_values=True, errors="strict")
    except UnicodeDecodeError as exc:
        raise Refusal(BAD_REQUEST, "the query is not URL-encoded UTF-8") from exc


def _value(name: str, text: str, schema: Mapping[str, Any]) -> Any:
    value: Any = text
    if schema["type"] == "integer":
        # int() also accepts "1_000" and the digits of other scripts.
        digits = text.removeprefix("-")
        if not (digits.isascii() and digits.isdecimal()):
            raise Refusal(BAD_REQUEST, f"{name}: {text!r} is not a whole number")
        value = int(text)
    elif schema["type"] == "boolean":
        # The vendor's SDK sends True and False.
        if text.lower() not in _BOOLEANS:
            raise Refusal(BAD_REQUEST, f"{name}: {text!r} is neither true nor false")
        value = _BOOLEANS[text.lower()]
    elif schema.get("format") == "date-time":
        value = _timestamp(name, text)
    if "enum" in schema and value not in schema["enum"]:
        raise Refusal(BAD_REQUEST, f"{name}: {text!r} is none of {', '.join(map(str, schema['enum']))}")
    if "minimum" in schema and value < schema["minimum"]:
        raise Refusal(BAD_REQUEST, f"{name}: {text} is less than {schema['minimum']}")
    return value


def _timestamp(name: str, text: str) -> float:
    """Return an RFC 3339 time as seconds since the epoch."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        time = None
    if time is None or time.tzinfo is None or "T" not in text.upper():
        raise Refusal(BAD_REQUEST, f"{name}: {text!r} is not an RFC 3339 time such as 2026-01-31T08:00:00Z")
    return time.timestamp()
