"""Extracted data of any size."""

from __future__ import annotations

from textin_provider.testing.wire import encode_json

LEAST_DATA_BYTES = 250
_FIELD_BYTES = 250


def synthetic_data(size: int) -> bytes:
    """
    Return valid extracted data of exactly ``size`` bytes of JSON.

    :raises ValueError: for fewer bytes than one field takes.
    """
    if size < LEAST_DATA_BYTES:
        raise ValueError(f"synthetic data has {LEAST_DATA_BYTES} bytes at least, not {size}")
    fields = [_field(number, "") for number in range(max(1, size // _FIELD_BYTES))]
    left = size - len(_encoded(fields))
    share = left // len(fields)
    values = [share] * (len(fields) - 1) + [left - share * (len(fields) - 1)]
    return _encoded([_field(number, "x" * length) for number, length in enumerate(values)])


def _encoded(fields: list[dict[str, object]]) -> bytes:
    return encode_json({"fields": fields, "items": [], "tables": []})


def _field(number: int, value: str) -> dict[str, object]:
    return {
        "key": f"Field {number:06d}",
        "identifier": f"field_{number:06d}",
        "value": value,
        "confidence": 0.99,
        "index": 0,
        "position": [{"page": 0, "vertices": [100, 100, 300, 100, 300, 130, 100, 130]}],
    }
