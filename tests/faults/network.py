"""Faults below HTTP: connections that are never made, and one that is dropped as soon as it is."""

from __future__ import annotations

import socket
import ssl
import struct
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from tests.certificate import self_signed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import pytest

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)

#: What the operating system says when a connection cannot be made.
REFUSALS_TO_CONNECT: dict[str, OSError] = {
    "refused": ConnectionRefusedError(111, "Connection refused"),
    "no route": OSError(113, "No route to host"),
    "no network": OSError(101, "Network is unreachable"),
    "timed out": TimeoutError(110, "Connection timed out"),
}
NO_NAME: dict[str, OSError] = {
    "no such name": socket.gaierror(socket.EAI_NONAME, "Name or service not known"),
    "no name server": socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution"),
}


class Tries:
    """Counts how often something was tried, and lets the first of them fail."""

    def __init__(self, error: OSError, most: float) -> None:
        self.error = error
        self.most = most
        self.count = 0

    def fail(self) -> None:
        self.count += 1
        if self.count <= self.most:
            raise self.error


def refuse(patch: pytest.MonkeyPatch, error: OSError, most: float) -> Tries:
    """Let that many attempts to connect fail."""
    tries, connect = Tries(error, most), socket.socket.connect

    def fail_or_connect(self: socket.socket, address: Any) -> None:
        # The local TextIn's own loop wakes itself over a pair of sockets; only TCP is meant.
        if self.family == socket.AF_INET:
            tries.fail()
        return connect(self, address)

    patch.setattr(socket.socket, "connect", fail_or_connect)
    return tries


def forget_names(patch: pytest.MonkeyPatch, error: OSError, most: float) -> Tries:
    """Let that many look-ups of a host's name fail."""
    tries, look_up = Tries(error, most), socket.getaddrinfo

    def fail_or_look_up(host: Any, *args: Any, **kwargs: Any) -> Any:
        tries.fail()
        return look_up(host, *args, **kwargs)

    patch.setattr(socket, "getaddrinfo", fail_or_look_up)
    return tries


@contextmanager
def listening(serve: Callable[[socket.socket], None]) -> Iterator[tuple[int, list[str]]]:
    """Serve connections one by one; yield the port and a list that has an entry for each of them."""
    met: list[str] = []

    def accept() -> None:
        while True:
            try:
                connection, address = listener.accept()
            except OSError:
                return
            met.append(address[0])
            with connection:
                serve(connection)

    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield listener.getsockname()[1], met
        listener.shutdown(socket.SHUT_RDWR)
    thread.join()


def slam(connection: socket.socket) -> None:
    """Reset a connection as soon as it is made."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)


def reset_after_request(connection: socket.socket) -> None:
    """Read the head and some of the body of a request, and reset the connection."""
    connection.settimeout(5)
    connection.recv(65_536)
    slam(connection)


def impostor(folder: Path) -> Callable[[socket.socket], None]:
    """Return what shakes hands with a certificate that nobody signed."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(self_signed(folder))

    def shake_hands(connection: socket.socket) -> None:
        connection.settimeout(5)
        with suppress(OSError):
            context.wrap_socket(connection, server_side=True).close()

    return shake_hands
