"""Checks of input before it is sent: exactly one of several parameters, documents, addresses."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, BinaryIO, TypeGuard
from urllib.parse import urlsplit

from textin_provider.api.errors import ApiError, ErrorKind, bad_input
from textin_provider.api.protocol import Part

_MEGABYTE = 1024 * 1024


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
    """A file to send: an open binary file at its beginning, its name and its size in bytes."""

    name: str
    size: int
    content: BinaryIO

    def check_size(self, parameter: str, max_bytes: int) -> None:
        """Reject an empty document, and one over TextIn's limit, before it is sent."""
        if self.size == 0:
            raise bad_input(parameter, self.name, "it is empty", "Check the process that writes it")
        if self.size > max_bytes:
            fix = f"TextIn takes at most {max_bytes // _MEGABYTE} MB; split it"
            raise bad_input(parameter, self.name, f"it has {self.size / _MEGABYTE:.1f} MB", fix)

    def as_part(self) -> Part:
        """Return the part of a form that carries the document."""
        return Part("file", self.content, "application/octet-stream", self.name, self.size)


def check_http_url(parameter: str, url: object) -> str:
    """Return the URL without surrounding blanks if it is an absolute http or https URL."""
    if isinstance(url, str):
        with suppress(ValueError):
            parts = urlsplit(url.strip())
            if parts.scheme in ("http", "https") and parts.hostname:
                return url.strip()
    fix = "Pass an absolute http(s) URL that TextIn can reach"
    raise bad_input(parameter, url, "it is not such a URL", fix)


def is_list(value: object) -> TypeGuard[Iterable[Any]]:
    """Whether a parameter holds several values: a list, a tuple, or the XComs of a mapped task."""
    return isinstance(value, Iterable) and not isinstance(value, str)
