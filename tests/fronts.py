"""Fronts of the local TextIn: TLS, and a forward proxy that tunnels and forwards."""

from __future__ import annotations

import select
import socket
import ssl
import threading
from base64 import b64encode
from contextlib import suppress
from dataclasses import dataclass
from socketserver import BaseRequestHandler, ThreadingTCPServer
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

_SECONDS = 10.0
_MAX_HEAD = 65_536


class _Front(ThreadingTCPServer):
    """A server on 127.0.0.1 that hands each connection to :meth:`serve`, in TLS if it has a certificate."""

    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True

    def __init__(self, certificate: Path | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.port: int = self.server_address[1]
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER) if certificate else None
        if self._tls is not None:
            self._tls.load_cert_chain(certificate)  # type: ignore[arg-type]
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02})

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print nothing about a client that breaks off."""

    def accepted(self, connection: socket.socket) -> None:
        connection.settimeout(_SECONDS)
        if self._tls is not None:
            connection = self._tls.wrap_socket(connection, server_side=True)
        with connection:
            self.serve(connection)

    def serve(self, client: socket.socket) -> None:
        raise NotImplementedError


class _Handler(BaseRequestHandler):
    server: _Front

    def handle(self) -> None:
        with suppress(OSError):
            self.server.accepted(self.request)


def relay(client: socket.socket, target: socket.socket) -> None:
    """Copy both ways until one side closes."""
    other = {client: target, target: client}
    while True:
        # What TLS has decrypted already does not make its socket ready.
        buffered = [side for side in other if isinstance(side, ssl.SSLSocket) and side.pending()]
        ready = buffered or select.select([*other], [], [], _SECONDS)[0]
        for side in ready:
            data = side.recv(65_536)
            if not data:
                return
            other[side].sendall(data)
        if not ready:
            return


class TlsFront(_Front):
    """TLS before a server that speaks none."""

    def __init__(self, certificate: Path, target_port: int) -> None:
        super().__init__(certificate)
        self._target = ("127.0.0.1", target_port)

    def serve(self, client: socket.socket) -> None:
        with socket.create_connection(self._target, _SECONDS) as target:
            relay(client, target)


@dataclass(frozen=True)
class Head:
    """The head of a request, with the names of its headers in lower case."""

    method: str
    target: str
    headers: dict[str, str]

    @classmethod
    def read(cls, client: socket.socket) -> tuple[Head, bytes]:
        """Return the head of a request, and what came after it."""
        data = b""
        while b"\r\n\r\n" not in data and len(data) < _MAX_HEAD:
            received = client.recv(4096)
            if not received:
                raise ConnectionError("closed in the head of a request")
            data += received
        text, _, rest = data.partition(b"\r\n\r\n")
        first, *lines = text.decode("latin-1").split("\r\n")
        method, target, _ = first.split(" ", 2)
        pairs = (line.partition(":") for line in lines)
        return cls(method, target, {name.strip().lower(): value.strip() for name, _, value in pairs}), rest

    def forwarded(self) -> bytes:
        """Return the head as a proxy passes it on, for one request."""
        parts = urlsplit(self.target)
        path = parts._replace(scheme="", netloc="").geturl() or "/"
        own = {name: value for name, value in self.headers.items() if name not in _HOP_BY_HOP}
        lines = [f"{self.method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in own.items())]
        return "\r\n".join([*lines, "connection: close", "", ""]).encode("latin-1")


_HOP_BY_HOP = {"connection", "proxy-connection", "proxy-authorization", "keep-alive"}


class ForwardProxy(_Front):
    """
    A forward proxy that records its requests.

    :param user: ``user:password`` that it requires.
    :param refusal: the status that it answers each request with, instead of passing it on; 0 is no answer.
    :param certificate: speak TLS with this certificate, as proxies at ``https://`` do.
    :ivar heads: the heads of the requests it received; in a tunnel it sees no others.
    """

    def __init__(
        self, *, user: str | None = None, refusal: int | None = None, certificate: Path | None = None
    ) -> None:
        super().__init__(certificate)
        self._expected = f"Basic {b64encode(user.encode('latin-1')).decode()}" if user else None
        self.refusal = refusal
        self.heads: list[Head] = []

    def serve(self, client: socket.socket) -> None:
        head, rest = Head.read(client)
        self.heads.append(head)
        if self._expected and head.headers.get("proxy-authorization") != self._expected:
            self._refuse(client, head, rest, 407)
        elif self.refusal == 0:
            return
        elif self.refusal:
            self._refuse(client, head, rest, self.refusal)
        elif head.method == "CONNECT":
            host, _, port = head.target.rpartition(":")
            with socket.create_connection((host, int(port)), _SECONDS) as target:
                client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                relay(client, target)
        else:
            parts = urlsplit(head.target)
            with socket.create_connection((parts.hostname or "", parts.port or 80), _SECONDS) as target:
                target.sendall(head.forwarded() + rest)
                relay(client, target)

    def _refuse(self, client: socket.socket, head: Head, rest: bytes, status: int) -> None:
        left = int(head.headers.get("content-length", 0)) - len(rest)
        while left > 0 and (data := client.recv(left)):
            left -= len(data)
        lines = f"HTTP/1.1 {status} Refused\r\nContent-Length: 0\r\nConnection: close\r\n"
        wanted = 'Proxy-Authenticate: Basic realm="tests"\r\n' if status == 407 else ""
        client.sendall(f"{lines}{wanted}\r\n".encode())
