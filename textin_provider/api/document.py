"""What can be sent to TextIn: an open file, or the address of one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import BinaryIO
from urllib.parse import urlsplit

from textin_provider.api.errors import bad_input

_MEGABYTE = 1024 * 1024


@dataclass(frozen=True)
class Document:
    """A file to send: an open binary file at its beginning, its name and its size in bytes."""

    name: str
    size: int
    content: BinaryIO

    def check_size(self, parameter: str, max_bytes: int) -> None:
        """Refuse a document that TextIn would refuse, before it is sent."""
        if self.size == 0:
            raise bad_input(parameter, self.name, "it is empty", "Check what writes it")
        if self.size > max_bytes:
            problem = f"it has {self.size / _MEGABYTE:.1f} MB"
            raise bad_input(
                parameter, self.name, problem, f"TextIn takes at most {max_bytes // _MEGABYTE} MB; split it"
            )


def check_http_url(parameter: str, url: object) -> str:
    """Return the URL if it is an absolute http or https one."""
    try:
        parts = urlsplit(url.strip()) if isinstance(url, str) else None
    except ValueError:
        parts = None
    if isinstance(url, str) and parts is not None and parts.scheme in ("http", "https") and parts.hostname:
        return url.strip()
    fix = "Give an absolute http(s) URL that TextIn can reach"
    raise bad_input(parameter, url, "it is no such URL", fix)
