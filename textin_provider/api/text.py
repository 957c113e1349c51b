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
#: Characters that may stand before a user name in a word.
_OPENING = "'\"=(<[{"
#: A host with or without a port.
_AUTHORITY = re.compile(r"(\[[^\]]*\]|[^:]*)(:\d+)?")
_NESTED_USERINFO = re.compile(r"://[^/]*@")
#: User and password with a blank in it; a number up to the end of a word is a port.
_USERINFO = re.compile(r"://[^\s/?#@:\[]{0,100}:(?!\d{1,5}(?:[^\w%@]|$))[^\s@]{1,100}\s[^@]{0,200}@")


def redact_url(url: str) -> str:
    """
    Return a URL without its user, query and fragment, each of which may be secret.

    Of a malformed URL, such as one with ``/`` or ``#`` in the password, only the part after the last ``@``
    is left.
    """
    scheme, separator, rest = url.partition("://")
    if not separator:
        return _without_userinfo(url)
    rest = _NESTED_USERINFO.sub("://", rest)
    address = re.split(r"[?#]", rest, maxsplit=1)[0]
    authority, slash, path = address.partition("/")
    user, _, host = authority.rpartition("@")
    # A "/", "?" or "#" in a password seems to end the host. A user alone is a connection id of Airflow.
    if "@" in rest[len(authority) :] and (":" in user or not _AUTHORITY.fullmatch(host)):
        return redact_url(f"{scheme}://{rest.rpartition('@')[2]}")
    redacted = f"{scheme}://{host}{slash}{path}"
    return redacted if address == rest else f"{redacted}?..."


def _without_userinfo(word: str) -> str:
    """Return a word without ``user:password``, if it has an ``@``."""
    head, at, host = word.rpartition("@")
    user, colon, _ = head.partition(":")
    if not at or not colon:
        return word
    begin = 1 + max(map(user.rfind, _OPENING))
    return f"{user[:begin]}***@{host}"


def _redact_match(match: re.Match[str]) -> str:
    url = match[0].rstrip(_TRAILING_PUNCTUATION)
    return redact_url(url) + match[0][len(url) :]


def _redact_word(word: str) -> str:
    return _URL.sub(_redact_match, word) if "://" in word else _without_userinfo(word)


def storable(text: str) -> str:
    """Return text without NUL and lone surrogates, which databases and UTF-8 cannot hold."""
    return text.encode(errors="replace").decode().replace("\0", "?")


def one_line(text: object, max_length: int = MAX_TEXT) -> str:
    """Return text as a single bounded line with redacted URLs, for an error or a log."""
    line = " ".join(storable(str(text)[: 4 * max_length]).split())
    if "@" in line or "://" in line:
        line = " ".join(map(_redact_word, _USERINFO.sub("://", line).split(" ")))
    return line if len(line) <= max_length else line[: max_length - 3] + "..."


def summarize(texts: Sequence[str], total: int) -> str:
    """Join at most twenty texts and count the rest of ``total``."""
    listed = texts[:_MAX_LISTED]
    return "; ".join([*listed, f"and {total - len(listed)} more"] if total > len(listed) else listed)
