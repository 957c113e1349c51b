"""A local TextIn behind TLS and proxies, and the outcomes of a worker and a triggerer."""

from __future__ import annotations

import asyncio
import os
import socket
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.certificate import Authority
from tests.fronts import ForwardProxy, TlsFront
from tests.running import point_airflow_at
from textin_provider.api.errors import ApiError, ErrorKind
from textin_provider.api.rate_limit import forget_limits
from textin_provider.hooks.textin import TextInHook
from textin_provider.hooks.textin_async import TextInAsyncHook
from textin_provider.testing import TextInServer

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import ExitStack
    from pathlib import Path

    import pytest

NAME = "api.textin.test"
PASSWORD = "Hush 7f3a"
USER = f"mallory:{PASSWORD}"
CA_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR")


def clear_environment(patch: pytest.MonkeyPatch) -> None:
    """Remove every variable that tells of certificates and proxies."""
    for name in list(os.environ):
        if name.lower().endswith("_proxy") or name in (*CA_VARIABLES, "REQUEST_METHOD", "NETRC"):
            patch.delenv(name)


def resolve_test_names(patch: pytest.MonkeyPatch) -> None:
    """Let each name under ``.test`` be this machine's."""
    look_up = socket.getaddrinfo

    def here_or_looked_up(host: Any, *args: Any, **kwargs: Any) -> Any:
        is_ours = isinstance(host, str) and host.endswith(".test")
        return look_up("127.0.0.1" if is_ours else host, *args, **kwargs)

    patch.setattr(socket, "getaddrinfo", here_or_looked_up)


@dataclass(frozen=True)
class SideOutcome:
    """The outcome of one side: the kind of its error, or None, its text, and whether it used a proxy."""

    kind: ErrorKind | None
    text: str = field(compare=False)
    through_proxy: bool


class World:
    """
    A local TextIn, TLS before it, and proxies; ``places`` names them for the values of variables.

    Tests share one; each begins with :meth:`begin`.

    :ivar plain: a proxy without a password; ``strict`` requires :data:`USER`, ``secure`` speaks TLS.
    """

    patch: pytest.MonkeyPatch

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._stack = stack
        self.textin = stack.enter_context(TextInServer(pending_seconds=0.0, processing_seconds=0.0))
        self.authority = Authority(folder)
        self.textin_port = int(self.textin.url.rpartition(":")[2])
        self.front = self.tls(self.authority.sign(NAME, "127.0.0.1"))
        self.plain = stack.enter_context(ForwardProxy())
        self.strict = stack.enter_context(ForwardProxy(user=USER))
        self.secure = stack.enter_context(ForwardProxy(certificate=self.authority.sign("proxy.test")))
        self.document = folder / "doc.md"
        self.document.write_text("# Hello\n")
        (folder / "empty.pem").touch()
        (folder / "empty").mkdir()
        with socket.create_server(("127.0.0.1", 0)) as closed:
            down = closed.getsockname()[1]
        self.places = {
            "ca": self.authority.bundle,
            "hashed": self.authority.hashed,
            "other": Authority(folder, "Other CA").bundle,
            "folder": folder,
            "port": self.front.port,
            "plain": f"proxy.test:{self.plain.port}",
            "strict": f"proxy.test:{self.strict.port}",
            "secure": f"proxy.test:{self.secure.port}",
            "down": f"proxy.test:{down}",
        }

    def tls(self, certificate: Path) -> TlsFront:
        return self._stack.enter_context(TlsFront(certificate, self.textin_port))

    def proxy(self, **options: Any) -> ForwardProxy:
        return self._stack.enter_context(ForwardProxy(**options))

    def begin(self, patch: pytest.MonkeyPatch) -> World:
        """Forget the requests of other tests, and begin with an empty environment."""
        self.patch = patch
        clear_environment(patch)
        resolve_test_names(patch)
        self.textin.clear_faults()
        for proxy in (self.plain, self.strict, self.secure):
            proxy.heads.clear()
        self._submissions, self._requests = self.textin.submissions, self.textin.count("*")
        return self

    @property
    def submissions(self) -> int:
        """Documents that TextIn accepted since the test began."""
        return self.textin.submissions - self._submissions

    @property
    def requests(self) -> int:
        """Requests that TextIn received since the test began."""
        return self.textin.count("*") - self._requests

    def connect(self, scheme: str, host: str = NAME, port: int | None = None, **extra: Any) -> None:
        """Let the connection lead to TextIn, over TLS or not."""
        port = port or (self.front.port if scheme == "https" else self.textin_port)
        url = f"{scheme}://{host}:{port}"
        point_airflow_at(self.textin, self.patch, {"docflow_host": url, "timeout": 5, **extra}, host=url)

    def set(self, variables: dict[str, str]) -> None:
        for name, value in variables.items():
            self.patch.setenv(name, value.format(**self.places))

    def heads(self) -> int:
        return sum(len(proxy.heads) for proxy in (self.plain, self.strict, self.secure))

    def by_worker(self) -> SideOutcome:
        """Submit a document."""
        return self._met(lambda: TextInHook().submit_xparse_job(str(self.document)))

    def by_triggerer(self) -> SideOutcome:
        """Poll a job."""
        # A worker whose delays pass at once reserves its requests in the future.
        forget_limits()
        job_id = self.textin.add_job()

        async def poll() -> None:
            async with TextInAsyncHook() as hook:
                await hook.get_xparse_job(job_id)

        return self._met(lambda: asyncio.run(poll()))

    def _met(self, work: Callable[[], object]) -> SideOutcome:
        before = self.heads()
        kind, text = None, ""
        try:
            work()
        except ApiError as error:
            kind, text = error.kind, str(error)
        return SideOutcome(kind, text, self.heads() > before)
