"""
Certificates and proxies of the environment: one reading for requests and aiohttp, by the rules of requests.

``docs/network.md`` says which variables count. This module imports requests, so only transports import it.
"""

from __future__ import annotations

import os
import re
import ssl
from base64 import b64encode
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import IPv6Address
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote, unquote, urlsplit

from requests.utils import DEFAULT_CA_BUNDLE_PATH, get_environ_proxies, select_proxy

from textin_provider.api.errors import ApiError, ErrorKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

#: The variables that name a CA bundle, the first that is set wins. requests reads no others.
_CA_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
_DEFAULT_PORTS = {"http": 80, "https": 443}
_REFUSED_SCHEMES = frozenset({"socks4", "socks4a", "socks5", "socks5h"})
# URL parsers disagree about blanks, control characters and backslashes.
_DISPUTED = re.compile(r"[\x00-\x20\x7f\\]")
_HOST_NAME = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*\.?")
#: The names by which OpenSSL finds certificates in a folder.
_HASHED_NAME = re.compile(r"[0-9a-f]{8}\.[0-9]+")
_IN_EACH_PROCESS = "in the environment of workers, triggerer and API server"


class _Bundle(NamedTuple):
    """A file or folder of CA certificates, and the variable that names it; None for those of certifi."""

    variable: str | None
    path: str


@dataclass(frozen=True)
class Proxy:
    """
    A proxy of the environment; its text and its repr have no user and password.

    :param host: as in a URL, with its port: ``proxy.example.com:3128``.
    :param variable: the environment variable that names the proxy.
    :param userinfo: ``user:password``, percent-encoded; empty for none.
    """

    scheme: str
    host: str
    variable: str
    userinfo: str = field(default="", repr=False)

    def __str__(self) -> str:
        return f"{self.scheme}://{self.host}"

    @property
    def url(self) -> str:
        """The URL with user and password."""
        return f"{self.scheme}://{self.userinfo}@{self.host}" if self.userinfo else str(self)

    @property
    def headers(self) -> dict[str, str]:
        """The header that authenticates the user to the proxy, if there is one."""
        if not self.userinfo:
            return {}
        plain = ":".join(map(unquote, self.userinfo.split(":", 1)))
        try:
            data = plain.encode("latin-1")  # as requests does
        except UnicodeEncodeError:
            data = plain.encode()
        return {"Proxy-Authorization": f"Basic {b64encode(data).decode()}"}


@dataclass(frozen=True)
class Network:
    """
    How a process connects to some base URLs.

    :param proxies: by base URL; those that are connected to directly are missing.
    """

    tls: ssl.SSLContext
    proxies: Mapping[str, Proxy]

    @classmethod
    def of(cls, base_urls: Iterable[str]) -> Network:
        """
        Read the environment for these base URLs; call it in a thread, because it reads files.

        :raises ApiError: naming the variable that is malformed.
        """
        found = {url: proxy_for(url) for url in base_urls}
        return cls(tls_context(), {url: proxy for url, proxy in found.items() if proxy is not None})


def tls_context() -> ssl.SSLContext:
    """
    Return the TLS settings of this process, read again when the CA bundle has changed.

    :raises ApiError: naming the variable and the path that holds no certificates.
    """
    variable, path = _bundle()
    try:
        stat = Path(path).stat()
        return _read_bundle(path, stat.st_ino, stat.st_size, stat.st_mtime_ns)
    except FileNotFoundError:
        problem = "does not exist"
    except ssl.SSLError as error:
        reason = getattr(error, "reason", None) or error.strerror
        problem = f"holds no certificates that OpenSSL can read ({reason})"
    except OSError as error:
        problem = f"cannot be read: {error.strerror}"
    about = f"Environment variable {variable}" if variable else "Python package certifi"
    fix = f"Name a PEM file of CA certificates, or a folder of them hashed by OpenSSL, {_IN_EACH_PROCESS}"
    raise ApiError(ErrorKind.CONFIGURATION, about=about, message=f"{path!r} {problem}", fix=fix)


def _bundle() -> _Bundle:
    for variable in _CA_VARIABLES:
        if path := os.environ.get(variable):
            return _Bundle(variable, path)
    return _Bundle(None, DEFAULT_CA_BUNDLE_PATH)


@lru_cache(maxsize=4)
def _read_bundle(path: str, *_version: int) -> ssl.SSLContext:
    folder = Path(path).is_dir()
    # With a bundle given, OpenSSL reads neither the system's certificates nor SSL_CERT_FILE.
    context = ssl.create_default_context(cafile=None if folder else path, capath=path if folder else None)
    # As in the contexts of urllib3; without it, aiohttp would accept certificates that requests rejects.
    context.hostname_checks_common_name = False
    context.set_alpn_protocols(["http/1.1"])
    # OpenSSL opens the files of a folder as it needs them.
    names = (entry.name for entry in Path(path).iterdir()) if folder else ()
    if not (any(map(_HASHED_NAME.fullmatch, names)) if folder else context.cert_store_stats()["x509"]):
        raise ssl.SSLError(0, "no names of hashed files" if folder else "no certificates")
    return context


def proxy_for(url: str) -> Proxy | None:
    """
    Return the proxy for requests to a URL, None where they connect directly.

    :raises ApiError: naming the variable, never its value, if that is not the URL of a proxy.
    """
    # No local variable holds the password: Airflow 3.0 prints those of a traceback.
    proxy = _read_proxy(url)
    if proxy is None or proxy.scheme in _DEFAULT_PORTS:
        return proxy
    problem = f"{proxy.scheme} proxies are not supported" if proxy.scheme else "it is not the URL of a proxy"
    fix = "Write it like http://proxy.example.com:3128, with user and password, if any, percent-encoded"
    about = f"Environment variable {proxy.variable}"
    raise ApiError(ErrorKind.CONFIGURATION, about=about, message=problem, fix=fix)


def _read_proxy(url: str) -> Proxy | None:
    """Return the proxy for a URL; one without a scheme is malformed."""
    value = select_proxy(url, get_environ_proxies(url))
    if not value or not value.strip():
        return None
    variable = _variable_of(value, urlsplit(url).scheme)
    return parse_proxy(value, variable) or Proxy("", "", variable)


def parse_proxy(value: str, variable: str = "") -> Proxy | None:
    """Read the URL of a proxy, http:// if it has no scheme; None if it is malformed."""
    text = value.strip()
    text = text if "://" in text else f"http://{text.removeprefix('//')}"
    try:
        parts = urlsplit(text)
        name, port = (parts.hostname or "").encode("idna").decode(), parts.port
        name = f"[{IPv6Address(name)}]" if ":" in name else name
    except ValueError:
        return None
    is_address = name.startswith("[") or _HOST_NAME.fullmatch(name)
    has_more = parts.path not in ("", "/") or parts.query or parts.fragment
    if _DISPUTED.search(text) or not is_address or has_more or port == 0:
        return None
    if parts.scheme not in _DEFAULT_PORTS:
        return Proxy(parts.scheme, name, variable) if parts.scheme in _REFUSED_SCHEMES else None
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    userinfo = f"{quote(user, safe='')}:{quote(password, safe='')}" if user or password else ""
    return Proxy(parts.scheme, f"{name}:{port or _DEFAULT_PORTS[parts.scheme]}", variable, userinfo)


def _variable_of(value: str, scheme: str) -> str:
    """Return the name of the variable that holds the value; those in lower case win."""
    for wanted in (f"{scheme}_proxy", "all_proxy"):
        for name in sorted(os.environ, reverse=True):
            if name.lower() == wanted and os.environ[name] == value:
                return name
    return f"{scheme}_proxy"


def untrusted_certificate(about: str, host: str, error: ssl.SSLCertVerificationError) -> ApiError:
    """Build the error for a certificate that is rejected; nothing was sent."""
    variable, path = _bundle()
    message = f"the certificate of {host} is not trusted: {getattr(error, 'verify_message', '') or error}"
    if variable:
        fix = f"{variable}={path} is in force: that bundle must contain the CA that signed the certificate"
    else:
        fix = f"If your network has a CA of its own, set REQUESTS_CA_BUNDLE to its file {_IN_EACH_PROCESS}"
    return ApiError(ErrorKind.CONFIGURATION, about=about, message=message, fix=fix)


def refused_by_proxy(about: str, proxy: Proxy, status: int) -> ApiError:
    """Build the error for a proxy that did not pass a request on; nothing was accepted."""
    if status == 407:
        message = f"the proxy {proxy} requires user and password, and {proxy.variable} names none"
        if proxy.userinfo:
            message = f"the proxy {proxy} does not accept the user and password of {proxy.variable}"
        fix = f"Write them into {proxy.variable}, percent-encoded, {_IN_EACH_PROCESS}"
        return ApiError(ErrorKind.CONFIGURATION, about=about, message=message, fix=fix, code=status)
    message = f"the proxy {proxy} did not connect to TextIn, HTTP {status}"
    fix = "Check that the proxy allows connections to TextIn, and can make them"
    return ApiError(ErrorKind.TRANSPORT, about=about, message=message, fix=fix, code=status)


def no_response(about: str, cause: str, side: str, proxy: Proxy | None) -> ApiError:
    """
    Build the error for a request without a response.

    :param side: where it was sent: ``"worker"`` or ``"triggerer"``.
    """
    message = f"no response{f' through the proxy {proxy}' if proxy else ''}, {cause}".rstrip(": ")
    named = f"the proxy that {proxy.variable} names, " if proxy else ""
    fix = f"Check {named}the network between {side} and TextIn, and the connection's timeout"
    return ApiError(ErrorKind.TRANSPORT, about=about, message=message, fix=fix)
