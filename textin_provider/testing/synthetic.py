"""Synthetic results and extracted data of any size."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from textin_provider.testing.responses import encode_json

if TYPE_CHECKING:
    from collections.abc import Iterator

MIN_DATA_BYTES = 250
_FIELD_BYTES = 250
_PARAGRAPH_CHARACTERS = 32 * 1024
_FILLER = "TextIn 本地样例 "


@dataclass(frozen=True)
class SyntheticResult:
    """The body of a valid parse result of exactly ``size`` bytes, generated while it is sent."""

    size: int
    job_id: str
    file_id: str

    def chunks(self) -> Iterator[bytes]:
        """Yield the result element by element; the last element has the remaining size."""
        head = self._head()
        yield head
        left = self.size - len(head) - len(b"]}")
        text = (_FILLER * _PARAGRAPH_CHARACTERS)[:_PARAGRAPH_CHARACTERS]
        index = 0
        while left:
            element = self._element(index, text)
            overhead = len(self._element(index + 1, ""))
            if left - len(element) < overhead:
                element = self._element(index, "x" * (left - len(self._element(index, ""))))
            yield element
            left -= len(element)
            index += 1
        yield b"]}"

    def _head(self) -> bytes:
        fields = {
            "schema_version": "1.4.0",
            "file_id": self.file_id,
            "job_id": self.job_id,
            "success_count": 1,
            "metadata": {"filename": "synthetic.txt", "filetype": "text/plain", "page_count": 1},
            "markdown": "",
        }
        return json.dumps(fields).encode()[:-1] + b', "elements": ['

    @staticmethod
    def _element(index: int, text: str) -> bytes:
        element = {
            "element_id": f"{index:032x}",
            "type": "NarrativeText",
            "text": text,
            "page_number": 1,
            "coordinates": [0.1, 0.1, 0.9, 0.1, 0.9, 0.9, 0.1, 0.9],
            "metadata": {},
        }
        return (b"," if index else b"") + json.dumps(element, ensure_ascii=False).encode()


def synthetic_data(size: int) -> bytes:
    """
    Return valid extracted data of exactly ``size`` bytes of JSON.

    :raises ValueError: for less than 250 bytes.
    """
    if size < MIN_DATA_BYTES:
        raise ValueError(f"data_bytes: {size} is less than {MIN_DATA_BYTES}")
    fields = [_field(number, "") for number in range(max(1, size // _FIELD_BYTES))]
    left = size - len(_encode(fields))
    share = left // len(fields)
    values = [share] * (len(fields) - 1) + [left - share * (len(fields) - 1)]
    return _encode([_field(number, "x" * length) for number, length in enumerate(values)])


def _encode(fields: list[dict[str, Any]]) -> bytes:
    return encode_json({"fields": fields, "items": [], "tables": []})


def _field(number: int, value: str) -> dict[str, Any]:
    return {
        "key": f"Field {number:06d}",
        "identifier": f"field_{number:06d}",
        "value": value,
        "confidence": 0.99,
        "index": 0,
        "position": [{"page": 0, "vertices": [100, 100, 300, 100, 300, 130, 100, 130]}],
    }
