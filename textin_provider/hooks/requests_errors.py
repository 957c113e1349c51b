"""The meaning of an exception of requests: the kind of error, and whether anything was sent."""

from __future__ import annotations

import re
from ssl import SSLCertVerificationError
from traceback import walk_tb
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ProxyError

from textin_provider.api.text import one_line
from textin_provider.hooks.environment import (
    no_response,
    proxy_for,
    refused_by_proxy,
    untrusted_certificate,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    import requests

    from textin_provider.api.errors import ApiError

#: Nothing of a request is sent before these methods return.
_CONNECTING = frozenset({HTTPConnection.connect.__code__, HTTPSConnection.connect.__code__})
#: The text of http.client for a proxy that does not open a tunnel.
_NO_TUNNEL = re.compile(r"Tunnel connection failed: (\d+)")
#: The beginning of an error's text in older urllib3.
_OBJECT = re.compile(r"<\S+ object at 0x\w+>:? *")


def never_sent(error: BaseException) -> bool:
    """Whether no connection was made, through a proxy or not, so that nothing can have been accepted."""
    return any(
        frame.f_code in _CONNECTING for cause in _causes(error) for frame, _ in walk_tb(cause.__traceback__)
    )


def transport_error(about: str, error: BaseException, url: str) -> ApiError:
    """
    Build the error for a request to a URL that has no response.

    Without its cause: the texts of requests' errors contain whole URLs with their signatures.
    """
    proxy, causes = proxy_for(url), list(_causes(error))
    for cause in causes:
        if isinstance(cause, SSLCertVerificationError):
            is_of_proxy = any(isinstance(other, ProxyError) for other in causes)
            host = proxy.host.rpartition(":")[0] if proxy and is_of_proxy else urlsplit(url).hostname
            return untrusted_certificate(about, host or "", cause)
        if proxy and (no_tunnel := _NO_TUNNEL.match(str(cause))):
            return refused_by_proxy(about, proxy, int(no_tunnel[1]))
    return no_response(about, f"{type(error).__name__}: {_innermost(error)}", "worker", proxy)


def check_proxy(about: str, response: requests.Response) -> None:
    """Raise if a proxy refused a request, which it reads as a whole where there is no TLS."""
    is_refused = response.status_code == 407 and response.url.startswith("http:")
    if is_refused and (proxy := proxy_for(response.url)):
        raise refused_by_proxy(about, proxy, response.status_code)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and those that it was raised for."""
    # Not __context__: the caller may handle the error of an earlier request by sending this one.
    left, seen = [error], set()
    while left:
        error = left.pop(0)
        if id(error) not in seen:
            seen.add(id(error))
            yield error
            linked = (*error.args, getattr(error, "reason", None), error.__cause__)
            left += [cause for cause in linked if isinstance(cause, BaseException)]


def _innermost(error: BaseException) -> str:
    """Return the text of the innermost cause, which names no object in memory."""
    while isinstance(error.args[0] if error.args else None, BaseException):
        error = error.args[0]
    reason = getattr(error, "reason", None) or getattr(error, "original_error", None)
    if isinstance(reason, BaseException):
        return _innermost(reason)
    return one_line(_OBJECT.sub("", str(error)))
