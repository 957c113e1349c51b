"""The vendor's OpenAPI documents as the server and its tests use them."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


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


@cache
def parameters(name: str, method: str, path: str) -> tuple[dict[str, Any], ...]:
    """Return the declared query parameters of an operation."""
    loaded = document(name)
    declared = loaded["paths"][path][method.lower()].get("parameters", ())
    shared = loaded["components"].get("parameters", {})
    return tuple(shared[item["$ref"].rpartition("/")[2]] if "$ref" in item else item for item in declared)


def body_pointer(path: str, content_type: str = "application/json") -> str:
    """Return the pointer to the schema of the request body that is POSTed to ``path``."""
    return f"#/paths/{_token(path)}/post/requestBody/content/{_token(content_type)}/schema"


def answer_pointer(method: str, path: str) -> str:
    """Return the pointer to the schema of the answer of an operation."""
    return f"#/paths/{_token(path)}/{method.lower()}/responses/200/content/application~1json/schema"


def problems(name: str, schema: str, value: Any) -> Iterator[str]:
    """Yield what is wrong with ``value``, each problem after the path to it: ``.urls[3]: ...``."""
    for problem in validator(name, schema).iter_errors(value):
        path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in problem.absolute_path)
        yield f"{path}: {problem.message}"


def _token(text: str) -> str:
    return text.replace("/", "~1").replace("{", "%7B").replace("}", "%7D")
