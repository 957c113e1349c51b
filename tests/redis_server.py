"""A Redis of its own for the time of a test, from the program that Debian's package installs."""

from __future__ import annotations

import shutil
import signal
import socket

from scripts.local_airflow import HOST
from tests.local_server import LocalServer


class RedisServer(LocalServer):
    """An empty Redis, which keeps nothing on disk."""

    package = "redis-server"
    stop_signal = signal.SIGTERM
    crash_signal = signal.SIGKILL

    def command(self) -> list[str]:
        program = shutil.which(self.package) or self.missing()
        return [program, "--port", str(self.port), "--bind", HOST, "--save", "", "--dir", str(self.folder)]

    def is_ready(self) -> bool:
        try:
            with socket.create_connection((HOST, self.port), timeout=1.0) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(16).startswith(b"+PONG")
        except OSError:
            return False
