"""
Read the facts of a result while it streams: counts, pages and exports, and the text of its Markdown.

The scan sees the bare result, as :class:`~textin_provider.api.xparse.result_stream.ResultStream` returns it.
It holds a value only if it asks for it; elements and long texts pass by, so memory stays flat.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from textin_provider.api.json_text import JsonText

if TYPE_CHECKING:
    from collections.abc import Callable

_STRING = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
#: Complete strings, and all that is neither a string nor a bracket.
_FLAT = rb'(?:[^"{}\[\]]++|' + _STRING + rb")*+"


def _around(inner: bytes) -> bytes:
    """Return the pattern that also takes in complete objects and arrays of what ``inner`` takes in."""
    return rb'(?:[^"{}\[\]]++|' + _STRING + rb"|\{" + inner + rb"\}|\[" + inner + rb"\])*+"


#: What leads to the next bracket, and to the next bracket of a value that nests deeper, which passes at once.
_TO_BRACKET = re.compile(_FLAT, re.DOTALL)
_TO_DEEP_BRACKET = re.compile(_around(_around(_FLAT)), re.DOTALL)
#: What leads to the next token of an object's own level.
_TO_TOKEN = re.compile(rb"[^\"{}\[\],:]*+", re.DOTALL)
_IN_STRING = re.compile(rb'(?:[^"\\]++|\\.)*+', re.DOTALL)
_OPENING, _CLOSING = b"{[", b"}]"

#: Members that are kept whole.
_KEPT = frozenset({"success_count", "metadata", "exports"})
_PAGES = "pages"
_MARKDOWN = "markdown"
#: A member or a page of more bytes is not kept.
_MOST_BYTES = 1024 * 1024
_LONGEST_KEY = 256


class ResultScan:
    """
    Takes a bare result in chunks.

    :param on_markdown: takes the Markdown as text, piece by piece.
    :ivar members: the kept members of the result, parsed.
    :ivar pages: of each page, its number and status, as far as the result tells; None without ``pages``.
    """

    def __init__(self, on_markdown: Callable[[str], None] | None = None) -> None:
        self.members: dict[str, Any] = {}
        self.pages: list[tuple[Any, Any]] | None = None
        self._markdown = JsonText(on_markdown) if on_markdown else None
        self._rest = b""
        self._depth = 0
        self._in_string = False
        self._key: str | None = None
        self._is_value = False
        #: The bytes of the value that is being kept, None without one.
        self._value: bytearray | None = None

    def feed(self, chunk: bytes) -> None:
        """Scan the next bytes."""
        data, at = self._rest + chunk, 0
        self._rest = b""
        while at < len(data):
            if self._in_string:
                at = self._pass_string(data, at)
            elif self._depth <= 1:
                at = self._pass_member(data, at)
            else:
                at = self._pass_nested(data, at)

    def _pass_string(self, data: bytes, at: int) -> int:
        """Go to the end of a string, or of the data."""
        found = _IN_STRING.match(data, at)
        end = found.end() if found else at
        is_markdown = self._depth == 1 and self._is_value and self._key == _MARKDOWN
        if is_markdown and self._markdown:
            self._markdown.feed(data[at:end])
        if end == len(data):
            self._keep(data, at, end)
            return end
        if data[end : end + 1] != b'"':  # a backslash whose character comes with the next chunk
            self._keep(data, at, end)
            self._rest = data[end:]
            return len(data)
        self._in_string = False
        self._keep(data, at, end + 1)
        if is_markdown and self._markdown:
            self._markdown.finish()
        elif self._depth == 1 and not self._is_value:
            self._read_key()
        return end + 1

    def _pass_member(self, data: bytes, at: int) -> int:
        """Go past one token of the result's own level."""
        found = _TO_TOKEN.match(data, at)
        end = found.end() if found else at
        token = data[end : end + 1]
        if token == b",":
            self._keep(data, at, end)
            self._end_member()
        elif token == b":":
            self._begin_value()
        elif token == b'"':
            self._keep(data, at, end + 1)
            self._in_string = True
            if not self._is_value:
                self._value = bytearray(b'"')
        elif token and token in _OPENING:
            self._keep(data, at, end)
            self._open(token)
        elif token:
            self._keep(data, at, end)
            self._end_member()
            self._depth -= 1
        else:
            self._keep(data, at, end)
        return end + 1

    def _pass_nested(self, data: bytes, at: int) -> int:
        """Go past the next bracket, or to the string that the data cuts."""
        # Each page begins with a bracket of its own.
        to_bracket = _TO_BRACKET if self._key == _PAGES and self._depth == 2 else _TO_DEEP_BRACKET
        found = to_bracket.match(data, at)
        end = found.end() if found else at
        token = data[end : end + 1]
        if token and token in _OPENING:
            self._keep(data, at, end)
            self._open(token)
            return end + 1
        self._keep(data, at, end + 1)
        if token == b'"':
            self._in_string = True
        elif token:
            self._close()
        return end + 1

    def _open(self, token: bytes) -> None:
        self._depth += 1
        if self._key == _PAGES and self._depth == 2 and token == b"[":
            self.pages = []
        elif self._key == _PAGES and self._depth == 3 and self.pages is not None:
            self._value = bytearray()
        self._keep(token, 0, 1)

    def _close(self) -> None:
        self._depth -= 1
        if self._key == _PAGES and self._depth == 2 and self.pages is not None:
            page = self._take_value()
            if isinstance(page, dict):
                self.pages.append((page.get("page_number"), page.get("status")))

    def _read_key(self) -> None:
        key = self._take_value()
        self._key = key if isinstance(key, str) and len(key) <= _LONGEST_KEY else None

    def _begin_value(self) -> None:
        self._is_value = True
        self._value = bytearray() if self._key in _KEPT else None

    def _end_member(self) -> None:
        if self._key in _KEPT and self._is_value and self._value is not None:
            self.members[self._key] = self._take_value()
        self._key, self._is_value, self._value = None, False, None

    def _keep(self, data: bytes, begin: int, end: int) -> None:
        if self._value is None:
            return
        self._value += data[begin:end]
        if len(self._value) > _MOST_BYTES:
            self._value = None

    def _take_value(self) -> Any:
        """Return the kept value, parsed; None if it is too long or malformed."""
        text, self._value = self._value, None
        try:
            return json.loads(text) if text else None
        except (ValueError, RecursionError):
            return None
