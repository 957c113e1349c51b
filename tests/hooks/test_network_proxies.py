"""Proxies of the environment: malformed values, passwords, tunnels that are not opened, credentials."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.network import NAME, PASSWORD, USER, World
from textin_provider.api.errors import ErrorKind

if TYPE_CHECKING:
    from pathlib import Path

_CONFIGURATION, _TRANSPORT = ErrorKind.CONFIGURATION, ErrorKind.TRANSPORT
_CA = {"REQUESTS_CA_BUNDLE": "{ca}"}
_ESCAPED = USER.replace(" ", "%20")

#: Malformed variants of http://user:password@host:port; the password contains "Hush".
MALFORMED = [
    "http//u:Hush@{plain}",
    "http:/u:Hush@{plain}",
    "http://u:Hush#w@{plain}",
    "http://u:Hush/w@{plain}",
    "http://u:Hush?w@{plain}",
    "http://u:Hush w@{plain}",
    "http://u:Hush\tw@{plain}",
    "http://u:Hush\\w@{plain}",
    "http://u:Hush[w@{plain}",
    "http://u:Hush@",
    "http://u:Hush@:3128",
    "http://u:Hush@proxy.test:port",
    "http://u:Hush@proxy.test:99999",
    "http://u:Hush@proxy.test:0",
    "http://u:Hush@proxy .test:1",
    "http://u:Hush@proxy..test:1",
    "http://u:Hush@{plain}/path",
    "http://u:Hush@{plain}?query",
    "ftp://u:Hush@{plain}",
    "Hush://proxy.test:1",
    "u:Hush/w@{plain}",
    "://u:Hush@{plain}",
]


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("value", MALFORMED)
def test_a_malformed_proxy_is_named_by_its_variable_and_never_by_its_value(
    world: World, value: str, scheme: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    world.connect(scheme)
    world.set({**_CA, "ALL_PROXY": value})

    worker, triggerer = world.by_worker(), world.by_triggerer()

    assert worker == triggerer
    assert worker.kind is _CONFIGURATION
    for text in (worker.text, triggerer.text):
        assert text.startswith("Environment variable ALL_PROXY: it is not the URL of a proxy")
    assert "Hush" not in f"{worker} {triggerer} {caplog.text}"
    assert (world.heads(), world.requests) == (0, 0)


@pytest.mark.parametrize("password", ["p@w", "p%w", "100%", "p:w", "密码", "é", "", "p+w", "p&w=x"])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_an_odd_password_reaches_the_proxy_from_both_sides(world: World, password: str, scheme: str) -> None:
    world.connect(scheme)
    world.set({**_CA, "ALL_PROXY": f"http://mallory:{password}@{{plain}}"})

    worker, triggerer = world.by_worker(), world.by_triggerer()

    assert (worker.kind, triggerer.kind) == (None, None)
    by_worker, by_triggerer = world.plain.heads
    sent = by_worker.headers["proxy-authorization"]
    assert sent == by_triggerer.headers["proxy-authorization"] != ""


@pytest.mark.parametrize("side", ["by_worker", "by_triggerer"])
def test_a_proxy_that_tunnels_sees_no_credentials_of_textin(
    world: World, side: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    world.connect("https")
    world.set({**_CA, "HTTPS_PROXY": f"http://{_ESCAPED}@{{strict}}"})

    assert getattr(world, side)().kind is None

    (head,) = world.strict.heads
    assert (head.method, head.target) == ("CONNECT", f"{NAME}:{world.front.port}")
    assert [name for name in head.headers if name.startswith("x-ti-")] == []
    assert head.headers["proxy-authorization"].removeprefix("Basic ") not in caplog.text
    assert "mallory" not in caplog.text
    assert "proxy-authorization" not in world.textin.requests[-1].headers
    assert world.textin.requests[-1].headers["x-ti-secret-code"] == world.textin.secret_code


@pytest.mark.parametrize("status", [403, 502, 504])
def test_a_tunnel_that_is_not_opened_sends_nothing_and_may_pass(world: World, status: int) -> None:
    proxy = world.proxy(refusal=status)
    world.connect("https")
    world.set({**_CA, "HTTPS_PROXY": f"http://u:{PASSWORD.replace(' ', '%20')}@proxy.test:{proxy.port}"})

    worker, triggerer = world.by_worker(), world.by_triggerer()

    assert worker == triggerer
    assert worker.kind is _TRANSPORT
    for text in (worker.text, triggerer.text):
        assert f"the proxy http://proxy.test:{proxy.port} did not connect to TextIn, HTTP {status}" in text
    # A submit that was not sent is sent again, and so is the request for a tunnel.
    assert len(proxy.heads) == 4 + 1
    assert world.submissions == 0


@pytest.mark.parametrize(("scheme", "kind"), [("https", _TRANSPORT), ("http", ErrorKind.UNCERTAIN)])
def test_a_proxy_without_an_answer_may_have_passed_a_document_on_if_it_does_not_tunnel(
    world: World, scheme: str, kind: ErrorKind
) -> None:
    proxy = world.proxy(refusal=0)
    world.connect(scheme)
    world.set({**_CA, "ALL_PROXY": f"http://{_ESCAPED}@proxy.test:{proxy.port}"})

    worker, triggerer = world.by_worker(), world.by_triggerer()

    assert (worker.kind, triggerer.kind) == (kind, _TRANSPORT)
    for text in (worker.text, triggerer.text):
        assert f"no response through the proxy http://proxy.test:{proxy.port}" in text
        assert "mallory" not in text


@pytest.mark.parametrize("side", ["by_worker", "by_triggerer"])
def test_netrc_does_not_override_credentials(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, side: str
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text(f"machine {NAME} login other password other\nmachine proxy.test login a password b\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    world.connect("http")
    world.set({"HTTP_PROXY": "http://{plain}"})

    assert getattr(world, side)().kind is None

    headers = world.textin.requests[-1].headers
    assert headers["x-ti-secret-code"] == world.textin.secret_code
    assert "authorization" not in headers
    assert "proxy-authorization" not in world.plain.heads[-1].headers
