"""The origins that credentials may be sent to, and those that results may come from."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from textin_provider.api.errors import ApiError, ErrorKind
from textin_provider.api.text import one_line

TEXTIN_DOMAINS = ("textin.com", "textin.ai")
_DEFAULT_PORTS = {"http": 80, "https": 443}
# URL parsers disagree about blanks, control characters, backslashes and users in the address.
_DISPUTED = re.compile(r"[\x00-\x20\x7f\\]|^[^/]*//[^/?#]*@")


@dataclass(frozen=True)
class Origin:
    """Scheme, host and port of a URL, normalized for comparison."""

    scheme: str
    host: str
    port: int

    @classmethod
    def of(cls, url: str) -> Origin:
        """Read the origin of an http(s) URL; ValueError if it has none, or parsers could disagree on it."""
        if _DISPUTED.search(url):
            raise ValueError("it contains blanks, backslashes, control characters or a user name")
        parts = urlsplit(url)
        if parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
            raise ValueError("it is not an absolute http(s) URL")
        try:
            port = _DEFAULT_PORTS[parts.scheme] if parts.port is None else parts.port
        except ValueError:  # its text repeats what may be half of a password
            raise ValueError("its port is not valid") from None
        return cls(parts.scheme, parts.hostname.rstrip("."), port)

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == _DEFAULT_PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}"

    @property
    def is_textin(self) -> bool:
        """Whether this is a host of TextIn, over https on the default port."""
        inside = any(self.host == domain or self.host.endswith(f".{domain}") for domain in TEXTIN_DOMAINS)
        return inside and self.scheme == "https" and self.port == 443


@dataclass(frozen=True)
class HostPolicy:
    """
    The rule for every URL in a response.

    :param own: origins of the connection's base URLs; http only where the connection itself says http.
    :param results: further origins that results may come from; they get no credentials.
    """

    own: frozenset[Origin]
    results: frozenset[Origin] = frozenset()

    def gets_credentials(self, url: str) -> bool:
        """Whether credentials may be sent to this URL."""
        try:
            origin = Origin.of(url)
        except ValueError:
            return False
        return origin in self.own or origin.is_textin

    def check_result_url(self, url: str, about: str) -> None:
        """Reject a result URL or redirect target whose origin the connection does not allow."""
        try:
            origin = Origin.of(url)
        except ValueError as error:
            message = f"result_url {one_line(url)} is not usable: {error}"
            fix = "Contact TextIn with the job id"
        else:
            if origin in self.own or origin.is_textin or origin in self.results:
                return
            message = f"the result is on {origin}, which is not a host of TextIn"
            fix = f"If you trust that host, add {origin} to result_hosts of the connection"
        raise ApiError(ErrorKind.REQUEST, about=about, message=message, fix=fix)
