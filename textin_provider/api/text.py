"""Text for errors and logs: one line, bounded, storable in UTF-8, URLs without their secret parts."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_TEXT = 500
#: An error may list many files with their causes.
MAX_MESSAGE = 8000
_MAX_LISTED = 20
# Without a bound of the scheme, a long word without blanks is scanned again from each of its letters.
_URL = re.compile(r"[a-z][a-z0-9+.-]{0,30}://\S+", re.IGNORECASE)
_TRAILING_PUNCTUATION = "'\">),;"


def redact_url(url: str) -> str:
    """Return a URL without its user, query and fragment, each of which may be secret."""
    scheme, separator, rest = url.partition("://")
    if not separator:
        return url
    address = re.split(r"[?#]", rest, maxsplit=1)[0]
    authority, slash, path = address.partition("/")
    redacted = f"{scheme}://{authority.rpartition('@')[2]}{slash}{path}"
    return redacted if address == rest else f"{redacted}?..."


def _redact_match(match: re.Match[str]) -> str:
    url = match[0].rstrip(_TRAILING_PUNCTUATION)
    return redact_url(url) + match[0][len(url) :]


def storable(text: str) -> str:
    """Return text without NUL and lone surrogates, which databases and UTF-8 cannot hold."""
    return text.encode(errors="replace").decode().replace("\0", "?")


def one_line(text: object, max_length: int = MAX_TEXT) -> str:
    """Return text as a single bounded line with redacted URLs, for an error or a log."""
    line = " ".join(storable(str(text)[: 4 * max_length]).split())
    line = _URL.sub(_redact_match, line)
    return line if len(line) <= max_length else line[: max_length - 3] + "..."


def summarize(texts: Sequence[str], total: int) -> str:
    """Join at most twenty texts and count the rest of ``total``."""
    listed = texts[:_MAX_LISTED]
    return "; ".join([*listed, f"and {total - len(listed)} more"] if total > len(listed) else listed)
