"""The local TextIn in a process of its own, so that its work is nobody else's."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from benchmarks.harness import child

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from multiprocessing.connection import Connection

#: What the connections to it are called.
TEXTIN, HTTP, OTHER = "bench_textin", "bench_http", "bench_other"


class LocalTextIn:
    """A ``TextInServer`` in another process: ``textin("count", "status")``, ``textin("connections")``."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe

    def __call__(self, name: str, *arguments: Any, **options: Any) -> Any:
        """Call a method, or read an attribute, and return what it gives."""
        self._pipe.send((name, arguments, options))
        return self._pipe.recv()

    def environment(self, **extra: Any) -> dict[str, str]:
        """
        Return Airflow connections: ours, one of type ``http`` to the same TextIn, and an unrelated one.

        :param extra: further fields of the extra of ours.
        """
        ours = self("connection")
        ours["extra"] |= extra
        headers = {"x-ti-app-id": ours["login"], "x-ti-secret-code": ours["password"]}
        connections = {
            TEXTIN: ours,
            HTTP: {"conn_type": "http", "host": ours["host"], "extra": headers},
            OTHER: {"conn_type": "generic", "host": "localhost"},
        }
        return {f"AIRFLOW_CONN_{name.upper()}": json.dumps(value) for name, value in connections.items()}


@contextmanager
def local_textin(**options: Any) -> Iterator[LocalTextIn]:
    """Run a local TextIn for the length of the block; ``options`` are those of ``TextInServer``."""
    with child(_serve, {"keep_requests": 100, **options}) as pipe:
        yield LocalTextIn(pipe)


def _serve(pipe: Connection, options: Mapping[str, Any]) -> None:
    from textin_provider.testing import TextInServer

    with TextInServer(**options) as server:
        obey(pipe, server)


def obey(pipe: Connection, server: Any) -> None:
    """Do with a server what the :class:`LocalTextIn` at the other end says, until the pipe is closed."""
    while True:
        try:
            name, arguments, options = pipe.recv()
        except EOFError:
            return
        found = getattr(server, name)
        pipe.send(found(*arguments, **options) if callable(found) else found)
