"""
Sends requests on a worker, with the library requests.

Imported with the first request, so that parsing a DAG does not import requests.
"""

from __future__ import annotations

import logging
import time
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests_toolbelt import MultipartEncoder
from urllib3.exceptions import HTTPError

from textin_provider.api.errors import ApiError, ErrorKind, meaning_of_http
from textin_provider.api.protocol import Part, Request, Response, retry_after_seconds
from textin_provider.hooks.connection import USER_AGENT, TextInConnection
from textin_provider.hooks.environment import parse_proxy, proxy_for, tls_context
from textin_provider.hooks.requests_errors import check_proxy, never_sent, transport_error
from textin_provider.hooks.storage_errors import Place

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_CHUNK_BYTES = 1024 * 1024
_MAX_REDIRECTS = 5

_is_ours: ContextVar[bool] = ContextVar("is_ours", default=False)


def _without_query(record: logging.LogRecord) -> bool:
    """Remove queries, which may hold signatures and passwords, from URLs that urllib3 logs."""
    if _is_ours.get() and isinstance(record.args, tuple):
        record.args = tuple(arg.partition("?")[0] if isinstance(arg, str) else arg for arg in record.args)
    return True


for _name in ("urllib3.connectionpool", "urllib3.connection"):
    logging.getLogger(_name).addFilter(_without_query)


class _Adapter(HTTPAdapter):
    """
    Connects with the certificates and proxies of the environment, as the triggerer does.

    ``verify``, ``cert`` and ``proxies`` of a session or a request do not count.
    """

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs, ssl_context=tls_context())

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        tls = tls_context()
        return super().proxy_manager_for(proxy, **kwargs, ssl_context=tls, proxy_ssl_context=tls)

    def proxy_headers(self, proxy: str) -> dict[str, str]:
        """Authenticate also with a user alone, and with a password that is not Latin-1."""
        read = parse_proxy(proxy)
        return read.headers if read else {}

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        """Add no certificates to the TLS context."""

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        verify: Any = True,
        cert: Any = None,
        proxies: Any = None,
    ) -> requests.Response:
        """Send a request through the proxy of its URL, if there is one."""
        proxy = proxy_for(request.url or "")
        return super().send(
            request, stream=stream, timeout=timeout, proxies={"all": proxy.url} if proxy else None
        )


class TextInSession(requests.Session):
    """
    A session that sends credentials to TextIn only, also after redirects.

    :raises ApiError: if the CA bundle of the environment cannot be read.
    """

    def __init__(self, connection: TextInConnection) -> None:
        super().__init__()
        self._connection = connection
        self.headers["User-Agent"] = USER_AGENT
        self.auth = self._authenticate
        # The adapter reads the environment; requests would read .netrc too.
        self.trust_env = False
        adapter = _Adapter()
        for scheme in ("https://", "http://"):
            self.mount(scheme, adapter)

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        """Send, and keep queries out of the log."""
        token = _is_ours.set(True)
        try:
            return super().send(request, **kwargs)
        finally:
            _is_ours.reset(token)

    def _authenticate(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers.update(self._connection.credentials_for(request.url or ""))
        return request

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """Return the target of a redirect, None for an invalid one, on which requests fails."""
        try:
            target: str | None = super().get_redirect_target(resp)
            urlsplit(target or "")
        except ValueError:
            return None
        return target

    def rebuild_auth(self, prepared_request: requests.PreparedRequest, response: requests.Response) -> None:
        """Remove the credentials from a redirected request and decide again whether to send them."""
        for name in self._connection.credentials:
            prepared_request.headers.pop(name, None)
        self._authenticate(prepared_request)


def send(
    session: requests.Session,
    request: Request[Any],
    connection: TextInConnection,
    on_first_bytes: Callable[[], None] | None = None,
) -> Response:
    """
    Send one request once and return the response.

    :param on_first_bytes: called when the connection is made and a form begins to be sent.
    :raises ApiError: without a response; for a POST it says whether the request may have arrived.
    """
    form = _multipart(request)
    media = (
        form.content_type if form is not None else "application/json" if request.json is not None else None
    )
    url = connection.base_urls[request.service] + request.path
    try:
        response = session.request(
            request.method,
            url,
            params=request.params,
            data=_ReportedForm(form, on_first_bytes) if form is not None else request.json,
            headers={"Content-Type": media},
            timeout=connection.timeout,
            # A redirect would take the document and the credentials elsewhere, or turn a POST into a GET.
            allow_redirects=False,
        )
        check_proxy(request.about, response)
        return Response.received(response.status_code, response.headers, response.content, now=time.time())
    except ApiError as error:
        # Without the frames of requests: Airflow 3.0 prints their variables, and one holds the request.
        raise error.with_traceback(None) from None
    except (requests.RequestException, HTTPError) as error:
        failed = transport_error(request.about, error, url)
        raise (failed if request.is_read or never_sent(error) else failed.as_uncertain()) from None


def _multipart(request: Request[Any]) -> MultipartEncoder | None:
    if not request.parts:
        return None
    fields = []
    for part in request.parts:
        content: Any = part.content
        if part.size is not None:
            content = _Sized(content, part, request.about)
        fields.append((part.name, (part.filename, content, part.content_type)))
    return MultipartEncoder(fields)


class _ReportedForm:
    """A form that reports when its first bytes are taken, after the connection was made."""

    def __init__(self, form: MultipartEncoder, on_first_bytes: Callable[[], None] | None) -> None:
        self._form = form
        self._on_first_bytes = on_first_bytes
        self.len = form.len

    def read(self, size: int = -1) -> bytes:
        if self._on_first_bytes is not None:
            self._on_first_bytes()
        data: bytes = self._form.read(size)
        return data


class _Sized:
    """
    A file with a known length; the encoder cannot determine the length of a file on object storage.

    Its errors pass through urllib3 and requests, which would take an OSError for one of the network. After an
    error TextIn misses the rest of the announced length, and accepts nothing.
    """

    def __init__(self, content: Any, part: Part, about: str) -> None:
        self._file = content
        self._place = Place(part.source or about, "the source is not readable")
        self.len = part.size or 0
        with self._place.errors():
            self._file.seek(0)

    def read(self, size: int = -1) -> bytes:
        with self._place.errors():
            data: bytes = self._file.read(self.len if size < 0 else min(size, self.len))
            # TextIn would wait for the rest of a shorter file, and accept the beginning of a longer one.
            is_other = not data or (len(data) == self.len and self._file.read(1))
        if self.len and is_other:
            message = "the source was changed while it was sent"
            fix = "Nothing was accepted. Submit the file when it is complete"
            raise ApiError(ErrorKind.STORAGE, about=self._place.about, message=message, fix=fix)
        self.len -= len(data)
        return data


@contextmanager
def open_result(
    session: requests.Session, url: str, connection: TextInConnection, about: str
) -> Iterator[requests.Response]:
    """
    Open the body at a result URL; :func:`chunks_of` reads it.

    Each redirect target is checked before the request, and credentials are sent to allowed origins only.
    """
    response = None
    try:
        for _ in range(1 + _MAX_REDIRECTS):
            connection.hosts.check_result_url(url, about)
            response = session.get(url, timeout=connection.timeout, stream=True, allow_redirects=False)
            if not response.is_redirect:
                break
            url = _next_hop(url, response, about)
            response.close()
        else:
            raise _result_error(about, f"redirected more than {_MAX_REDIRECTS} times")
        check_proxy(about, response)
        if response.status_code != 200:
            raise _http_error(about, response)
        yield response
    except (requests.RequestException, HTTPError) as error:
        raise transport_error(about, error, url) from None
    finally:
        if response is not None:
            response.close()


def _next_hop(url: str, response: requests.Response, about: str) -> str:
    try:
        return urljoin(url, response.headers["location"])
    except ValueError:
        raise _result_error(about, "redirected to an invalid address", response.status_code) from None


def has_provable_end(response: requests.Response) -> bool:
    """Whether HTTP marks the end of the body; otherwise it ends with the connection."""
    return "content-length" in response.headers or "chunked" in response.headers.get("transfer-encoding", "")


def chunks_of(response: requests.Response, about: str) -> Iterator[bytes]:
    """Yield the body of a result in chunks; a truncated one is an error."""
    try:
        yield from response.iter_content(_CHUNK_BYTES)
    except (requests.RequestException, HTTPError) as error:
        raise transport_error(about, error, response.url) from None
    announced = response.headers.get("content-length", "")
    received = response.raw.tell()
    if announced.isdecimal() and received != int(announced):
        raise _result_error(about, f"it is truncated after {received} of {announced} bytes")


def _http_error(about: str, response: requests.Response) -> ApiError:
    code = response.status_code
    kind, meaning, fix = meaning_of_http(code)
    if kind not in (ErrorKind.SERVER, ErrorKind.RATE_LIMIT):
        # 401, 403, 404, 410: a signed address has expired; the status endpoint may return a new one.
        return _result_error(about, f"HTTP {code}, the address may have expired", code)
    message = f"HTTP {code}, {meaning}"
    wait = retry_after_seconds(response.headers.get("retry-after"), now=time.time())
    return ApiError(kind, about=about, message=message, fix=fix, code=code, retry_after=wait)


def _result_error(about: str, message: str, code: int | None = None) -> ApiError:
    fix = "Nothing was stored. The job is paid for and keeps its result: download it again"
    return ApiError(ErrorKind.RESULT, about=about, message=message, fix=fix, code=code)
