"""Hold a parse config against the contract."""

from __future__ import annotations

from typing import Any

from textin_provider.testing.contract import problems
from textin_provider.testing.envelope import BAD_REQUEST, PARAMETER_ERROR, Refusal

SCHEMA_VERSIONS = ("1.3.0", "1.3.1", "1.4.0")


def check_config(config: Any) -> None:
    """
    Check a parse config.

    :raises Refusal: 40004 naming the path and the problem, or 400 for a ``schema_version`` that does not
        exist.
    """
    for problem in problems("xparse-v1", "ParseConfig", config):
        raise Refusal(PARAMETER_ERROR, f"config{problem}")
    version = config.get("schema_version")
    if version is not None and version not in SCHEMA_VERSIONS:
        known = ", ".join(SCHEMA_VERSIONS)
        raise Refusal(BAD_REQUEST, f"config.schema_version: {version!r} is none of {known}")
