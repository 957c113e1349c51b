"""The Airflow connection of type ``textin``: its fields, their checks and defaults."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowNotFoundException

from textin_provider import __version__
from textin_provider.api.errors import ApiError, ErrorKind
from textin_provider.api.origins import HostPolicy, Origin
from textin_provider.api.protocol import Service
from textin_provider.api.rate_limit import RateLimiter, SharedPace, limiter_for
from textin_provider.api.text import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow.providers.common.compat.sdk import Connection

    from textin_provider.api.jobs_in_work import JobsInWork

CONN_TYPE = "textin"
DEFAULT_CONN_ID = "textin_default"
DEFAULT_XPARSE_HOST = "https://api.textin.com"
DEFAULT_DOCFLOW_HOST = "https://docflow.textin.com"
#: What a default account allows.
DEFAULT_REQUESTS_PER_SECOND = 2.0
DEFAULT_TIMEOUT = 60.0
USER_AGENT = f"airflow-provider-textin/{__version__}"
#: A URI in which "/", "?" or "#" comes before the "@" that ends App ID and Secret code.
_CUT_URI = re.compile(r"[^:/?#]+://[^@/?#]*[/?#].*@", re.DOTALL)
_ESCAPE = "Percent-encode all but letters and digits in App ID and Secret code, or write the value as JSON"


class _Secret(str):
    """A text that tracebacks with local variables show as ***, such as in the headers of a request."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'***'"


@dataclass(frozen=True)
class TextInConnection:
    """
    A connection with checked fields and defaults.

    :param base_urls: by service, without a trailing slash.
    :param max_requests_per_second: what the account allows, 0 if unknown; a tenth of it is left unused.
    :param max_concurrent_jobs: xParse jobs that the account may have in work, 0 if unknown.
    :param pace_conn_id: the connection through which all processes share one pace.
    :param pace: that pace.
    :param timeout: seconds for connecting and for each read.
    :param hosts: the origins that may receive credentials, and those that results may come from.
    """

    app_id: str
    secret_code: str = field(repr=False)
    base_urls: Mapping[Service, str]
    hosts: HostPolicy
    conn_id: str = DEFAULT_CONN_ID
    workspace_id: str | None = None
    max_requests_per_second: float = DEFAULT_REQUESTS_PER_SECOND
    max_concurrent_jobs: int = 0
    pace_conn_id: str | None = None
    pace: SharedPace | None = None
    enterprise_id: str | None = None
    timeout: float = DEFAULT_TIMEOUT

    @cached_property
    def limiter(self) -> RateLimiter:
        """The rate limiter that all requests of the credential in this process share."""
        host = self.base_urls[Service.XPARSE]
        return limiter_for(self.app_id, host, self.conn_id, self.max_requests_per_second, self.pace)

    @cached_property
    def jobs(self) -> JobsInWork:
        """The jobs that all submits of the credential in this process share."""
        jobs = self.limiter.jobs
        jobs.configure(self.conn_id, self.max_concurrent_jobs)
        return jobs

    def with_pace(self, store: Connection) -> TextInConnection:
        """Return a copy that shares its pace through a store, the connection named by ``pace_conn_id``."""
        from textin_provider.hooks.pace import shared_pace

        credential = f"{self.app_id}\n{self.base_urls[Service.XPARSE]}"
        return replace(self, pace=shared_pace(store, credential))

    @property
    def credentials(self) -> dict[str, str]:
        """The headers that authenticate the account."""
        headers = {"x-ti-app-id": self.app_id, "x-ti-secret-code": _Secret(self.secret_code)}
        return headers | ({"x-ti-enterprise-id": self.enterprise_id} if self.enterprise_id else {})

    def credentials_for(self, url: str) -> dict[str, str]:
        """Return the credential headers if they may be sent to this URL, else none."""
        return self.credentials if self.hosts.gets_credentials(url) else {}


def read_connection(connection: Connection, extra: Mapping[str, Any]) -> TextInConnection:
    """
    Check an Airflow connection and fill in its defaults.

    :param extra: the decoded extra; a separate argument because a triggerer fetches it asynchronously.
    :raises ApiError: naming the field that is empty or malformed.
    """
    reader = _Reader(connection.conn_id or DEFAULT_CONN_ID, extra)
    reader.check_origin(connection)
    if not isinstance(extra, Mapping):
        message = f"it is a JSON {type(extra).__name__}"
        raise reader.error("extra", message, "Use a JSON object, or leave it empty")
    xparse = reader.base_url("host", _host_with_port(connection), DEFAULT_XPARSE_HOST)
    docflow = reader.base_url("docflow_host", extra.get("docflow_host"), DEFAULT_DOCFLOW_HOST)
    return TextInConnection(
        app_id=reader.required("login (App ID)", connection.login),
        secret_code=reader.required("password (Secret code)", connection.password),
        base_urls={Service.XPARSE: xparse, Service.DOCFLOW: docflow},
        hosts=HostPolicy(frozenset({Origin.of(xparse), Origin.of(docflow)}), reader.result_hosts()),
        conn_id=reader.conn_id,
        workspace_id=reader.text("workspace_id"),
        max_requests_per_second=reader.number("max_requests_per_second", DEFAULT_REQUESTS_PER_SECOND),
        max_concurrent_jobs=reader.count("max_concurrent_jobs"),
        pace_conn_id=reader.text("pace_conn_id"),
        enterprise_id=reader.text("enterprise_id"),
        timeout=reader.number("timeout", DEFAULT_TIMEOUT, least=0.1),
    )


@contextmanager
def lookup_errors(conn_id: str, parameter: str = "textin_conn_id", kind: str = "TextIn") -> Iterator[None]:
    """
    Turn an error of Airflow's look-up within the block into an :class:`ApiError` for the connection.

    :param parameter: what names the connection.
    :param kind: the type that the connection should have.
    """
    about = f"{parameter}={conn_id!r}"
    try:
        yield
    except AirflowNotFoundException:
        message, variable = "Airflow knows no connection of that id", _variable(conn_id)
        fix = f"Create it on the Connections page with type {kind}, or set {variable}"
        if os.environ.get(variable):
            message, fix = f"{message}, and the value of {variable} may be malformed", _ESCAPE
        raise ApiError(ErrorKind.CONFIGURATION, about=about, message=message, fix=fix) from None
    except Exception as error:  # of any class: an outage of Airflow's API or of a secrets backend
        message = f"Airflow could not read the connection, {type(error).__name__}: {one_line(error)}"
        fix = "Check Airflow's API server, its metadata database and its secrets backend"
        raise ApiError(ErrorKind.TRANSPORT, about=about, message=message, fix=fix) from error


def pace_lookup_errors(conn_id: str) -> AbstractContextManager[None]:
    """Return :func:`lookup_errors` for the connection of the shared pace."""
    return lookup_errors(conn_id, "pace_conn_id", "Redis or Postgres")


def _variable(conn_id: str) -> str:
    """Return the environment variable in which Airflow looks for a connection."""
    return f"AIRFLOW_CONN_{conn_id.upper()}"


def _host_with_port(connection: Connection) -> str | None:
    """Join host, port and schema, as a URI like ``textin://id:secret@127.0.0.1:8866/http`` fills them."""
    host = (connection.host or "").strip()
    host = host if host.endswith("://") else host.rstrip("/")
    if not host:
        return None
    if "://" not in host:
        host = f"[{host}]" if ":" in host and not host.startswith("[") and connection.port else host
        host = f"{connection.schema or 'https'}://{host}"
    return f"{host}:{connection.port}" if connection.port else host


class _Reader:
    """Reads field by field; its errors name the field."""

    def __init__(self, conn_id: str, extra: Mapping[str, Any]) -> None:
        self.conn_id = conn_id
        self.extra = extra

    def error(self, name: str, message: str, fix: str) -> ApiError:
        about = f"Connection {self.conn_id!r}, field {name}"
        return ApiError(ErrorKind.CONFIGURATION, about=about, message=message, fix=fix)

    def check_origin(self, connection: Connection) -> None:
        """Refuse another type, and half a URI, which may have the secret in any field."""
        conn_type = getattr(connection, "conn_type", None) or CONN_TYPE
        if conn_type != CONN_TYPE:
            fix = f"Name a connection of type {CONN_TYPE}"
            raise self.error("Connection Type", f"it is {conn_type!r}", fix)
        variable = _variable(self.conn_id)
        if not connection.login and _CUT_URI.match(os.environ.get(variable, "")):
            message = f"it is empty, and the value of {variable} may be malformed"
            raise self.error("login (App ID)", message, _ESCAPE)

    def required(self, name: str, value: str | None) -> str:
        value = (value or "").strip()
        if not value:
            raise self.error(name, "it is empty", "Fill it in; TextIn's console shows both values together")
        if not value.isprintable() or not value.isascii():
            message = "it contains characters that are not allowed in HTTP headers"
            raise self.error(name, message, "Copy it from the console again")
        return value

    def text(self, name: str) -> str | None:
        value = self.extra.get(name)
        if value is None or not str(value).strip():
            return None
        return self.required(name, str(value))

    def number(self, name: str, default: float, *, least: float = 0.0) -> float:
        value = self.extra.get(name)
        if value is None or not str(value).strip():
            return default
        try:
            number = float(value)
        except (TypeError, ValueError, OverflowError):
            number = float("nan")
        if not least <= number < float("inf"):
            message = f"{value!r} is not a number of at least {least:g}"
            raise self.error(name, message, f"The default is {default:g}")
        return number

    def count(self, name: str) -> int:
        number = self.number(name, 0.0)
        if number != int(number):
            raise self.error(name, f"{number:g} is not a whole number", "0 means unknown")
        return int(number)

    def base_url(self, name: str, value: Any, default: str) -> str:
        url = str(value or "").strip() or default
        url = (url if "://" in url else f"https://{url}").rstrip("/")
        try:
            Origin.of(url)
        except ValueError as error:
            raise self.error(name, f"{url!r} is not usable: {error}", f"Write it like {default}") from None
        if "?" in url or "#" in url:
            raise self.error(name, f"{url!r} has a query", f"Write it like {default}")
        return url

    def result_hosts(self) -> frozenset[Origin]:
        value = self.extra.get("result_hosts") or ""
        names = value if isinstance(value, list | tuple) else str(value).split(",")
        found = set()
        for name in filter(None, (str(name).strip() for name in names)):
            try:
                found.add(Origin.of(name if "://" in name else f"https://{name}"))
            except ValueError as error:
                fix = "List host names, comma separated: results.example.com, files.example.com"
                raise self.error("result_hosts", f"{name!r} is not usable: {error}", fix) from None
        return frozenset(found)
