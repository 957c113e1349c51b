"""What a result URL serves: the parsed document, a scripted one, or a synthetic one of any size."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from textin_provider.testing.wire import Body, BytesBody, Framed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from textin_provider.testing.xparse.script import JobScript

_PARAGRAPH = 64 * 1024
_BOX = [0.1, 0.1, 0.9, 0.1, 0.9, 0.9, 0.1, 0.9]


def encode(value: Any) -> bytes:
    """Return ``value`` as a result URL serves it: bytes as they are, text as UTF-8, the rest as JSON."""
    if isinstance(value, bytes):
        return value
    if isinstance(value, str):
        return value.encode()
    return json.dumps(value, ensure_ascii=False).encode()


def scripted_result(script: JobScript, job_id: str, file_id: str) -> Body | None:
    """Return the result a script names, or None if the document is to be parsed."""
    if script.result is not None:
        return BytesBody(encode(script.result))
    if script.result_bytes is not None:
        return SyntheticResult(script.result_bytes, job_id, file_id)
    return None


def wrap(result: Body) -> Body:
    """Return ``result`` inside a success envelope."""
    return Framed(b'{"code":200,"message":"success","data":', result, b"}")


@dataclass(frozen=True)
class SyntheticResult:
    """A valid result of exactly ``size`` bytes (no fewer than a script allows), made while it is read."""

    size: int
    job_id: str
    file_id: str

    def chunks(self) -> Iterator[bytes]:
        """Yield the result element by element; the last one takes up what is left."""
        head = self._head()
        yield head
        left = self.size - len(head) - len(b"]}")
        text = ("TextIn 本地样例 " * _PARAGRAPH)[: _PARAGRAPH // 2]
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
        return encode(fields)[:-1] + b', "elements": ['

    @staticmethod
    def _element(index: int, text: str) -> bytes:
        element = {
            "element_id": f"{index:032x}",
            "type": "NarrativeText",
            "text": text,
            "page_number": 1,
            "coordinates": _BOX,
            "metadata": {},
        }
        return (b"," if index else b"") + encode(element)
