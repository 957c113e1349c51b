"""Checks of input before it is sent: exactly one of several parameters, documents, addresses."""

from __future__ import annotations

import ast
import json
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, BinaryIO, TypeGuard
from urllib.parse import urlsplit

from textin_provider.api.errors import ApiError, ErrorKind, bad_input
from textin_provider.api.protocol import Part

_MEGABYTE = 1024 * 1024
#: The longest wait, in seconds: some 30 years, within the range of dates.
_MAX_SECONDS = 1e9
PATH_FIX = "Pass a path or URL as text, a pathlib.Path or an ObjectStoragePath"


def exactly_one_of(**parameters: Any) -> tuple[str, Any]:
    """Return name and value of the only parameter that is not None; raise ApiError if not exactly one is."""
    given = {name: value for name, value in parameters.items() if value is not None}
    if len(given) == 1:
        return given.popitem()
    about = ", ".join(f"{name}={value!r}" for name, value in (given or parameters).items())
    message = "several are given" if given else "none is given"
    fix = f"Pass exactly one of {', '.join(parameters)}"
    raise ApiError(ErrorKind.REQUEST, about=about, message=message, fix=fix)


@dataclass(frozen=True)
class Document:
    """
    A file to send: an open binary file at its beginning, its name and its size in bytes.

    :param source: parameter and path, as errors name them.
    """

    name: str
    size: int
    content: BinaryIO
    source: str | None = None

    def check_size(self, parameter: str, max_bytes: int) -> None:
        """Reject an empty document, and one over TextIn's limit, before it is sent."""
        if self.size == 0:
            raise bad_input(parameter, self.name, "it is empty", "Check the process that writes it")
        if self.size > max_bytes:
            fix = f"TextIn takes at most {max_bytes // _MEGABYTE} MB; split it"
            raise bad_input(parameter, self.name, f"it has {self.size / _MEGABYTE:.1f} MB", fix)

    def as_part(self) -> Part:
        """Return the part of a form that carries the document."""
        return Part("file", self.content, "application/octet-stream", self.name, self.size, self.source)


def check_http_url(parameter: str, url: object) -> str:
    """Return the URL without surrounding blanks if it is an absolute http or https URL."""
    if isinstance(url, str):
        with suppress(ValueError):
            parts = urlsplit(url.strip())
            if parts.scheme in ("http", "https") and parts.hostname:
                return url.strip()
    fix = "Pass an absolute http(s) URL that TextIn can reach"
    raise bad_input(parameter, url, "it is not such a URL", fix)


def as_seconds(duration: float | timedelta) -> float:
    """Return a duration in seconds; numbers are seconds already."""
    return duration.total_seconds() if isinstance(duration, timedelta) else duration


def check_seconds(parameter: str, seconds: object, *, may_be_zero: bool = False) -> None:
    """Reject a duration that no wait can have: not a number, 0 or less, or beyond the range of dates."""
    is_zero = may_be_zero and seconds == 0
    if not is_zero and (not isinstance(seconds, int | float) or not 0 < seconds < _MAX_SECONDS):
        problem = "it is not a valid number of seconds"
        least = "0 or more" if may_be_zero else "more than 0"
        raise bad_input(parameter, seconds, problem, f"Pass seconds, or a timedelta, {least}")


def is_list(value: object) -> TypeGuard[Iterable[Any]]:
    """Whether a parameter holds several values: a list, a tuple, or the XComs of a mapped task."""
    return isinstance(value, Iterable) and not isinstance(value, str | bytes | Mapping)


def as_list(value: object) -> list[Any] | None:
    """
    Return the values of a parameter that takes a list, None if it holds a single value.

    A template makes text of a list: ``"['a.pdf', 'b.pdf']"`` is taken as the list that it shows.
    """
    if isinstance(value, str):
        return _list_shown_by(value.strip())
    return list(value) if is_list(value) else None


def _list_shown_by(text: str) -> list[Any] | None:
    if not text.startswith(("[", "(")) or not text.endswith(("]", ")")):
        return None
    try:
        value = json.loads(text)
        return value if isinstance(value, list) else None
    except (ValueError, RecursionError):
        pass
    try:
        expression = ast.parse(text, mode="eval").body
        if isinstance(expression, ast.List | ast.Tuple):
            return [_shown_by(element) for element in expression.elts]
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        pass
    return None


def _shown_by(element: ast.expr) -> Any:
    """Return a value from its ``repr``; a path as text."""
    match element:
        case ast.Call(func=ast.Name(id=name), args=[path], keywords=[]) if name.endswith("Path"):
            return ast.literal_eval(path)
    return ast.literal_eval(element)


def check_path(parameter: str, value: Any) -> Any:
    """Return the value if it may be a path: text, an ``os.PathLike``, or an ``ObjectStoragePath``."""
    if is_object_path(value):
        return value
    path = os.fspath(value) if isinstance(value, os.PathLike) else value
    if not isinstance(path, str):
        problem = "it is None" if value is None else f"it is a {type(value).__name__}"
        raise bad_input(parameter, value, problem, PATH_FIX)
    if not path.strip():
        raise bad_input(parameter, value, "it is empty", PATH_FIX)
    try:
        is_name = b"\0" not in os.fsencode(path)
    except UnicodeEncodeError:  # a lone surrogate
        is_name = False
    if not is_name:
        raise bad_input(parameter, value, "it contains a character that no file name has", PATH_FIX)
    return value


def is_object_path(value: object) -> bool:
    """Whether a value is an ``ObjectStoragePath`` of Airflow, or a path of the library below it."""
    # By its members: importing the class takes long, and the value itself would read its connection.
    return all(hasattr(type(value), name) for name in ("protocol", "path", "fs"))
