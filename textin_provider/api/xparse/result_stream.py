"""
Check and unwrap the body at ``result_url`` while it streams.

TextIn's documentation shows the result bare (``{"schema_version": ..., "elements": [...]}``) and, once, in an
envelope (``{"code": 200, "data": {...}}``). Both are accepted, and the stored file is always the bare result.
Any other body, such as an error envelope or a gateway's HTML page, is an error and is not stored.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from textin_provider.api.envelope import code_of
from textin_provider.api.errors import PARTIAL_SUCCESS, SUCCESS, ApiError, ErrorKind
from textin_provider.api.json_prefix import first_members
from textin_provider.api.protocol import code_error

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

#: A result up to this size is parsed whole; of a larger one only head and tail, so memory stays flat.
HEAD_BYTES = 256 * 1024
_TAIL_BYTES = 16 * 1024

_RESULT_KEYS = {
    "schema_version",
    "file_id",
    "success_count",
    "metadata",
    "markdown",
    "elements",
    "pages",
    "title_tree",
    "summary",
    "exports",
}
# The tokens that decide nesting: an escaped character, a quote, a bracket.
_STRUCTURE = re.compile(rb'\\.|["{}\[\]]', re.DOTALL)
_BOM = b"\xef\xbb\xbf"
#: TextIn sends its codes with HTTP 200, also for an address that has expired.
_EXPIRED = 404


class ResultStream:
    """
    Takes a body in chunks and returns the chunks to store.

    :param must_balance: whether to check that brackets balance. HTTP proves the end of a body with a length
        or in chunks; a body that ends with the connection may be cut anywhere.
    """

    def __init__(self, about: str, *, must_balance: bool = False) -> None:
        self._about = about
        self._balance = _Balance() if must_balance else None
        self._held = b""
        self._is_open = False
        self._is_wrapped = False
        self.is_partial = False

    def pieces(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """Yield the bytes to store of a whole body."""
        for chunk in chunks:
            yield self.feed(chunk)
        yield self.finish()

    def feed(self, chunk: bytes) -> bytes:
        """Return the bytes that can be stored; raise ApiError once the body is known not to be a result."""
        if self._balance:
            self._balance.feed(chunk)
        if self._is_open and len(chunk) >= _TAIL_BYTES:
            # A large chunk is long enough as tail; returning the previous one copies nothing.
            ready, self._held = self._held, chunk
            return ready
        self._held += chunk
        if not self._is_open:
            if len(self._held) < HEAD_BYTES:
                return b""
            self._open()
        ready, self._held = self._held[:-_TAIL_BYTES], self._held[-_TAIL_BYTES:]
        return ready

    def finish(self) -> bytes:
        """Return the last bytes to store; raise ApiError if the body is not a complete result."""
        if not self._is_open:
            return self._finish_small()
        ready, self._held = self._held[:-_TAIL_BYTES], self._held[-_TAIL_BYTES:]
        if not self._held.rstrip().endswith(b"}") or (self._balance and not self._balance.is_even):
            raise self._bad("it is truncated")
        return ready + (self._without_envelope_end() if self._is_wrapped else self._held)

    def _without_envelope_end(self) -> bytes:
        """Cut off the end of the envelope: the result ends where the rest completes an object."""
        at = self._held.find(b"}")
        while at >= 0:
            try:
                json.loads(b'{"":0' + self._held[at + 1 :])
            except ValueError:
                at = self._held.find(b"}", at + 1)
            else:
                return self._held[: at + 1]
        raise self._bad("its envelope is malformed at the end")

    def _finish_small(self) -> bytes:
        self._held = self._held.removeprefix(_BOM)
        try:
            value = json.loads(self._held.decode())
        except (ValueError, RecursionError):
            raise self._bad(f"it is not JSON, {len(self._held)} bytes") from None
        if not isinstance(value, dict):
            raise self._bad(f"it is a JSON {type(value).__name__}, not an object")
        if _is_result(value):
            return self._held
        self._check_code(value)
        if "code" in value and _is_result(value.get("data")):
            return _dump(value["data"])
        raise self._bad("it has neither elements nor markdown")

    def _open(self) -> None:
        """Check the first members of a large body and drop the beginning of its envelope, if it has one."""
        self._is_open = True
        self._held = self._held.removeprefix(_BOM).lstrip()
        if not self._held.startswith(b"{"):
            raise self._bad("it is not a JSON object")
        members, last_key, at = first_members(self._held)
        if _RESULT_KEYS & {*members, last_key}:
            return
        self._check_code(members)
        self._held = self._held[at:]
        inner, inner_key, _ = first_members(self._held)
        if "code" not in members or last_key != "data" or not _RESULT_KEYS & {*inner, inner_key}:
            raise self._bad("it has neither elements nor markdown")
        self._is_wrapped = True

    def _check_code(self, members: dict[str, Any]) -> None:
        code = code_of(members)
        self.is_partial = code == PARTIAL_SUCCESS
        if code == _EXPIRED:
            raise self._bad(f"code {code}, the address may have expired")
        if code is not None and code not in (SUCCESS, PARTIAL_SUCCESS):
            raise code_error(members, code, self._about)

    def _bad(self, reason: str) -> ApiError:
        message = f"the body at result_url is not a result: {reason}"
        fix = "Nothing was stored. The job is paid for and keeps its result: download it again"
        return ApiError(ErrorKind.RESULT, about=self._about, message=message, fix=fix)


class _Balance:
    """Counts brackets outside of strings, chunk by chunk."""

    def __init__(self) -> None:
        self._depth = 0
        self._in_string = False
        self._rest = b""

    @property
    def is_even(self) -> bool:
        """Whether all brackets and strings are closed."""
        return self._depth == 0 and not self._in_string

    def feed(self, chunk: bytes) -> None:
        chunk = self._rest + chunk
        # A backslash at the end escapes the first character of the next chunk, unless it is escaped itself.
        escapes = len(chunk) - len(chunk.rstrip(b"\\"))
        cut = len(chunk) - escapes % 2
        self._rest = chunk[cut:]
        for token in _STRUCTURE.finditer(chunk, 0, cut):
            mark = token[0]
            if mark == b'"':
                self._in_string = not self._in_string
            elif not self._in_string and mark in b"{[":
                self._depth += 1
            elif not self._in_string and mark in b"}]":
                self._depth -= 1


def _dump(result: Any) -> bytes:
    try:
        return json.dumps(result, ensure_ascii=False).encode()
    except UnicodeEncodeError:  # a lone surrogate needs its escape
        return json.dumps(result).encode()


def _is_result(value: Any) -> bool:
    return isinstance(value, dict) and (
        isinstance(value.get("elements"), list) or isinstance(value.get("markdown"), str)
    )
