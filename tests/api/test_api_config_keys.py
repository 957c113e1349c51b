"""Keys of a parse configuration that are misplaced or misspelt."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

import textin_provider.testing
from textin_provider.api.xparse.config_keys import KNOWN, unknown_keys

SPEC = Path(textin_provider.testing.__file__).parent / "openapi" / "xparse-v1.openapi.yaml"


def test_the_known_keys_are_those_of_the_specification() -> None:
    schemas = yaml.safe_load(SPEC.read_text())["components"]["schemas"]

    def keys(schema: dict[str, Any]) -> dict[str, Any] | None:
        while "$ref" in schema:
            schema = schemas[schema["$ref"].rpartition("/")[2]]
        schema = schema.get("items", schema)
        properties = schema.get("properties")
        return {name: keys(value) for name, value in properties.items()} if properties else None

    assert keys(schemas["ParseConfig"]) == KNOWN


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"scope": {"page_range": "1-5"}, "capabilities": {"pages": True, "title_tree": False}},
        {"exports": [{"format": "docx", "config": {"mode": "flow"}}], "document": {"password": "x"}},
        {"config": {"force_engine": "textin", "engine_params": {"parse_mode": "vlm", "dpi": 144}}},
        {"scope": None, "capabilities": "all", "exports": {}},
    ],
)
def test_documented_keys_are_known(config: dict[str, Any]) -> None:
    assert unknown_keys(config) == []


@pytest.mark.parametrize(
    ("config", "path", "meant"),
    [
        ({"page_range": "1"}, "page_range", "scope.page_range"),
        ({"capabilities": {"page_range": "1"}}, "capabilities.page_range", "scope.page_range"),
        ({"parse_mode": "vlm"}, "parse_mode", "config.engine_params.parse_mode"),
        ({"config": {"parse_mode": "vlm"}}, "config.parse_mode", "config.engine_params.parse_mode"),
        ({"include_char_details": True}, "include_char_details", "capabilities.include_char_details"),
        ({"password": "x"}, "password", "document.password"),
        ({"scope": {"pageRange": "1"}}, "scope.pageRange", "scope.page_range"),
        ({"scope": {"page-range": "1"}}, "scope.page-range", "scope.page_range"),
        ({"scope": {"page_rang": "1"}}, "scope.page_rang", "scope.page_range"),
        ({"capabilites": {"pages": True}}, "capabilites", "capabilities"),
        ({"Scope": {"page_range": "1"}}, "Scope", "scope"),
        ({"capabilities": {"title_trees": 1}}, "capabilities.title_trees", "capabilities.title_tree"),
        ({"config": {"engine_params": {"force_engine": "x"}}}, "config.engine_params.force_engine",
         "config.force_engine"),
        ({"exports": [{"format": "pdf"}, {"formats": "docx"}]}, "exports.formats", "exports.format"),
        ({"scope.page_range": "1"}, "scope.page_range", "scope.page_range"),
        ({"quantum": True}, "quantum", None),
        ({"capabilities": {"": 1}}, "capabilities.", None),
    ],
)  # fmt: skip
def test_a_key_elsewhere_or_misspelt_is_found(config: dict[str, Any], path: str, meant: str | None) -> None:
    [found] = unknown_keys(config)
    assert found == (path, meant)
    assert repr(path) in str(found)
    assert ("did you mean" in str(found)) is (meant is not None)


def test_each_key_is_told() -> None:
    assert [key.path for key in unknown_keys({"a": 1, "scope": {"b": 2, "page_range": "1"}})] == [
        "a",
        "scope.b",
    ]


def test_values_are_not_told() -> None:
    [found] = unknown_keys({"password": "secret-value"})
    assert "secret-value" not in str(found)
