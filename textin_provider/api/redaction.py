"""Passwords within a configuration: found by the names of their keys, removed from what repeats them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import quote, quote_plus

from textin_provider.api.errors import ApiError

#: A key that contains one of these holds a secret.
_SECRET_KEYS = ("pass", "pwd", "secret")
_MASK = "***"
#: Shorter secrets are only removed where they stand alone: others would remove letters from any text.
_SHORT = 4
_ENDING = "..."


def passwords_in(config: object) -> tuple[str, ...]:
    """
    Return the texts of all secrets in a configuration, a dict or the text of a JSON object; never raise.

    A secret is the value of a key that contains ``pass``, ``pwd`` or ``secret``, at any depth: a text, a
    number, or each of them in a list or an object.
    """
    if isinstance(config, str | bytes):
        try:
            config = json.loads(config)
        except (ValueError, RecursionError):
            return ()
    found: set[str] = set()
    waiting: list[tuple[object, bool]] = [(config, False)]
    while waiting:
        value, is_secret = waiting.pop()
        if isinstance(value, Mapping):
            waiting += [(inner, is_secret or _names_secret(key)) for key, inner in value.items()]
        elif isinstance(value, list | tuple):
            waiting += [(inner, is_secret) for inner in value]
        elif is_secret and isinstance(value, str | int | float) and not isinstance(value, bool):
            found.add(str(value))
    return tuple(secret for secret in found if secret.strip())


def _names_secret(key: object) -> bool:
    return isinstance(key, str) and any(word in key.lower() for word in _SECRET_KEYS)


def redact(text: str, secrets: Iterable[str]) -> str:
    """Return the text with ``***`` for each secret, as it is, quoted, escaped, or cut off at the end."""
    # The reverse order puts a longer form before its own beginning.
    forms = sorted({form for secret in secrets for form in _forms(secret)}, reverse=True)
    if not forms:
        return text
    clean = re.sub("|".join(map(_pattern, forms)), _MASK, text)
    return _without_cut_secret(clean, forms)


def _forms(secret: str) -> Iterator[str]:
    """Yield the forms in which a text may repeat a secret."""
    line = " ".join(secret.split())
    for form in (secret, line):
        yield from (form, json.dumps(form)[1:-1], json.dumps(form, ensure_ascii=False)[1:-1])
        yield repr(form)[1:-1]
        encoded = form.encode(errors="replace")
        yield from (quote(encoded, safe=""), quote_plus(encoded), encoded.decode())


def _pattern(form: str) -> str:
    escaped = re.escape(form)
    return escaped if len(form) >= _SHORT else rf"(?<![A-Za-z0-9]){escaped}(?![A-Za-z0-9])"


def _without_cut_secret(text: str, forms: Iterable[str]) -> str:
    """Remove the beginning of a secret from the end of a text that was cut to its longest length."""
    if not text.endswith(_ENDING):
        return text
    body = text.removesuffix(_ENDING)
    cuts = [size for form in forms for size in range(1, len(form)) if body.endswith(form[:size])]
    return f"{body[: len(body) - max(cuts)]}{_MASK}{_ENDING}" if cuts else text


def redacted(error: ApiError, secrets: Iterable[str]) -> ApiError:
    """Return a copy of an error whose texts repeat no secret; the fixes are this provider's own words."""
    secrets = tuple(secrets)
    if not secrets:
        return error
    said: dict[str, Any] = {
        name: getattr(error, name) for name in ("about", "message", "detail", "request_id")
    }
    clean = {name: redact(text, secrets) for name, text in said.items() if isinstance(text, str)}
    return type(error).from_dict(error.to_dict() | clean)


def without_secrets(error: BaseException, secrets: Iterable[str]) -> BaseException:
    """
    Return an error whose texts repeat no secret, and which has no frames: Airflow 3.0 prints their variables.

    Only the errors of this provider can be changed. A cause that repeats a secret is left out.
    """
    secrets = tuple(secrets)
    clean = redacted(error, secrets) if isinstance(error, ApiError) else error
    cause = error.__cause__
    clean.__cause__ = None
    if cause is not None and isinstance(error, ApiError) and not _repeats(cause, secrets):
        cause.__cause__ = cause.__context__ = None
        clean.__cause__ = cause.with_traceback(None)
    return clean.with_traceback(None)


def _repeats(error: BaseException, secrets: Iterable[str]) -> bool:
    try:
        text = f"{error} {error!r}"
    except Exception:  # a text that nobody can read
        return True
    return redact(text, secrets) != text


def redacted_event(event: dict[str, Any], secrets: Iterable[str]) -> dict[str, Any]:
    """Return a copy of the event of a wait whose messages repeat no secret."""
    secrets = tuple(secrets)
    if not secrets:
        return event
    jobs = [_redacted_message(job, secrets) for job in event.get("jobs") or ()]
    clean = _redacted_message(event, secrets) | ({"jobs": jobs} if jobs else {})
    if fault := event.get("fault"):
        clean["fault"] = redacted(ApiError.from_dict(fault), secrets).to_dict()
    return clean


def _redacted_message(values: dict[str, Any], secrets: tuple[str, ...]) -> dict[str, Any]:
    message = values.get("message")
    return values | ({"message": redact(message, secrets)} if isinstance(message, str) else {})
