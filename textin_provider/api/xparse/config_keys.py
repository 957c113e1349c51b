"""
Find keys of a parse configuration that are misplaced or misspelt: TextIn ignores them without a word.

Source: docs.textin.com/xparse/v1/parse-config. Newer keys are unknown here, and are sent all the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any, NamedTuple

from textin_provider.api.text import one_line

_FLAGS = (
    "include_hierarchy include_inline_objects include_char_details include_image_data "
    "include_table_structure element_merge_mode pages title_tree table_view remove_watermark crop_dewarp"
)
_PARAMS = "parse_mode formula_level image_output_type recognize_chemical"
#: The known keys: an object for a key with keys of its own, else None.
KNOWN: dict[str, Any] = {
    "schema_version": None,
    "document": {"password": None},
    "capabilities": dict.fromkeys(_FLAGS.split()),
    "scope": {"page_range": None},
    "config": {"force_engine": None, "engine_params": dict.fromkeys(_PARAMS.split())},
    "exports": {"format": None, "config": dict.fromkeys(("mode", "scope", "sheet_mode"))},
}
#: Below this key TextIn takes keys of its engines, of which not all are documented.
_OPEN = "config.engine_params"
#: How alike two keys must be, from 0 to 1.
_ALIKE = 0.75


class UnknownKey(NamedTuple):
    """
    A key that TextIn does not document.

    :param path: such as ``capabilities.page_range``.
    :param meant: the documented path that was probably meant, None without one.
    """

    path: str
    meant: str | None

    def __str__(self) -> str:
        said = f"config key {one_line(self.path)!r} is unknown, and TextIn may ignore it"
        return f"{said}; did you mean {self.meant!r}?" if self.meant else f"{said}."


def unknown_keys(config: Mapping[str, Any]) -> list[UnknownKey]:
    """Return the keys of a checked configuration that are not documented where they stand."""
    return list(_unknown(config, KNOWN, ""))


def _unknown(value: Mapping[str, Any], known: Mapping[str, Any], prefix: str) -> Iterator[UnknownKey]:
    for key, inner in value.items():
        path = f"{prefix}{key}"
        if key not in known:
            meant = _meant(key)
            if meant or not path.startswith(f"{_OPEN}."):
                yield UnknownKey(path, meant)
            continue
        for entry in inner if isinstance(inner, list) else [inner]:
            if isinstance(entry, Mapping) and known[key]:
                yield from _unknown(entry, known[key], f"{path}.")


def _paths(known: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for key, inner in known.items():
        yield f"{prefix}{key}"
        if inner:
            yield from _paths(inner, f"{prefix}{key}.")


def _plain(key: str) -> str:
    """Return a key without what spellings differ in: pageRange, page-range, PAGE_RANGE."""
    return key.lower().replace("_", "").replace("-", "")


#: The documented paths by the plain form of their last part; the first one holds, such as ``scope``.
_BY_NAME: dict[str, str] = {}
for _path in _paths(KNOWN):
    _BY_NAME.setdefault(_plain(_path.rpartition(".")[2]), _path)


def _meant(key: str) -> str | None:
    """Return the documented path whose last part is most like a key."""
    found = get_close_matches(_plain(key.rpartition(".")[2]), _BY_NAME, n=1, cutoff=_ALIKE)
    return _BY_NAME[found[0]] if found else None
