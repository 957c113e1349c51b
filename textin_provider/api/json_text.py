"""Decode a JSON string that comes in pieces: UTF-8, and escapes, both of which a piece may cut."""

from __future__ import annotations

import codecs
import json
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

#: Whole characters and whole escapes; two escapes that begin with a high surrogate belong together.
_WHOLE = re.compile(
    r"""(?: [^\\]++ | \\[^u]
    | \\u(?![dD][89abAB])[0-9a-fA-F]{4}
    | \\u[dD][89abAB][0-9a-fA-F]{2}(?: \\u[0-9a-fA-F]{4} | (?=[^\\]) | (?=\\[^u]) )
    )*+""",
    re.DOTALL | re.VERBOSE,
)
_SURROGATE = re.compile("[\ud800-\udfff]")
#: More held text than this is no escape.
_LONGEST_ESCAPE = 12


class JsonText:
    """
    Takes the bytes between the quotes of a JSON string and passes on its text.

    A byte that is no UTF-8 and a surrogate without its pair become U+FFFD; an escape that JSON does not know
    stays as it is.
    """

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._held = ""

    def feed(self, piece: bytes) -> None:
        """Take the next bytes."""
        self._pass_on(self._decoder.decode(piece))

    def finish(self) -> None:
        """Pass on what was held back."""
        self._pass_on(self._decoder.decode(b"", final=True), is_last=True)

    def _pass_on(self, text: str, *, is_last: bool = False) -> None:
        text = self._held + text
        found = None if is_last else _WHOLE.match(text)
        cut = found.end() if found else len(text)
        if len(text) - cut > _LONGEST_ESCAPE:
            cut = len(text)
        self._held = text[cut:]
        if cut:
            self._write(_unescaped(text[:cut]))


def _unescaped(text: str) -> str:
    if "\\" not in text:
        return text
    try:
        decoded: str = json.loads(f'"{text}"', strict=False)
    except ValueError:
        return text
    return _SURROGATE.sub("\ufffd", decoded)
