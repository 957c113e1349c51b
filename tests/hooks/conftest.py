"""What the tests of the hooks share: connections to the local TextIn, quick pauses, a foreign host."""

from __future__ import annotations

import logging
import threading
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from tests.hooks.support import Connect, Foreign, Pauses
from tests.network import World
from tests.running import point_airflow_at
from tests.structlog_entries import structlog_entries
from textin_provider.hooks.textin import TextInHook

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from textin_provider.testing import TextInServer


@pytest.fixture
def connect(textin: TextInServer, monkeypatch: pytest.MonkeyPatch) -> Connect:
    """Return a function that changes fields and extras of the connection and gives a hook that uses it."""

    def connected(extra: dict[str, Any] | None = None, **fields: Any) -> TextInHook:
        point_airflow_at(textin, monkeypatch, extra, **fields)
        return TextInHook()

    return connected


@pytest.fixture
def document(tmp_path: Path) -> str:
    """Write a document and return its path; some modules have one of their own."""
    path = tmp_path / "doc.md"
    path.write_text("# Hello\n")
    return str(path)


@pytest.fixture
def hook(connect: Connect) -> TextInHook:
    """Return a hook on the local TextIn."""
    return connect()


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> Pauses:
    """Let the delays of a sender pass at once, and list them."""
    pauses = Pauses()
    monkeypatch.setattr("textin_provider.hooks.sender.time", pauses)
    return pauses


@pytest.fixture
def logs(caplog: pytest.LogCaptureFixture) -> Iterator[Callable[[], str]]:
    """Log everything from everybody, and give a function that returns it all as text."""
    caplog.set_level(logging.DEBUG)
    for name in ("urllib3", "urllib3.connectionpool", "requests", "textin_provider", "airflow.task"):
        caplog.set_level(logging.DEBUG, logger=name)
    with structlog_entries() as entries:

        def text() -> str:
            return "\n".join([caplog.text, *(repr(vars(record)) for record in caplog.records), repr(entries)])

        yield text


@pytest.fixture(scope="module")
def shared_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with ExitStack() as stack:
        yield World(tmp_path_factory.mktemp("world"), stack)


@pytest.fixture
def world(shared_world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """Return a local TextIn behind TLS and proxies, with an environment that names neither."""
    return shared_world.begin(monkeypatch)


@pytest.fixture
def foreign() -> Iterator[Foreign]:
    """Run a host that is not TextIn's."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            host.requests.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
            self.send_response(host.status)
            headers = {"Content-Length": str(len(host.body))} | host.headers
            for name, value in headers.items():
                if value:
                    self.send_header(name, value)
            self.end_headers()
            self.wfile.write(host.body)
            self.close_connection = not headers["Content-Length"]

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        host = Foreign(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield host
        server.shutdown()
        thread.join()
