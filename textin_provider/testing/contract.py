"""The vendor's OpenAPI document as the server and its tests use it."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

from textin_provider.testing.envelope import BAD_REQUEST, PARAMETER_ERROR, Refusal

SCHEMA_VERSIONS = ("1.3.0", "1.3.1", "1.4.0")


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


def check_config(config: Any) -> None:
    """
    Hold a parse config against the contract.

    :raises Refusal: 40004 naming the path and the problem, or 400 for a ``schema_version`` that does not
        exist.
    """
    for problem in validator("xparse-v1", "ParseConfig").iter_errors(config):
        path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in problem.absolute_path)
        raise Refusal(PARAMETER_ERROR, f"config{path}: {problem.message}")
    version = config.get("schema_version")
    if version is not None and version not in SCHEMA_VERSIONS:
        known = ", ".join(SCHEMA_VERSIONS)
        raise Refusal(BAD_REQUEST, f"config.schema_version: {version!r} is none of {known}")
