"""Certificates and proxies of the environment: worker and triggerer read the same, and end alike."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from tests.network import NAME, PASSWORD, USER, World
from textin_provider.api.errors import ErrorKind

if TYPE_CHECKING:
    from pathlib import Path

_CONFIGURATION, _TRANSPORT = ErrorKind.CONFIGURATION, ErrorKind.TRANSPORT
_CA = {"REQUESTS_CA_BUNDLE": "{ca}"}
_ESCAPED = USER.replace(" ", "%20")


@dataclass(frozen=True)
class Setting:
    """
    Variables of the environment, and the expected outcome.

    :param kind: of the error; None if it works.
    :param words: which the error contains.
    """

    variables: dict[str, str]
    kind: ErrorKind | None = None
    through_proxy: bool = False
    words: tuple[str, ...] = ()
    host: str = NAME
    scheme: str = field(default="https")

    def __str__(self) -> str:
        return f"{self.scheme} {self.host} " + " ".join(
            f"{name}={value}" for name, value in self.variables.items()
        )


def proxied(variable: str, value: str = "http://{plain}", **others: str) -> Setting:
    return Setting({**_CA, variable: value, **others}, through_proxy=True)


def direct(**variables: str) -> Setting:
    return Setting({**_CA, "HTTPS_PROXY": "http://{plain}", **variables})


def plain(through_proxy: bool, **variables: str) -> Setting:
    return Setting(variables, through_proxy=through_proxy, scheme="http")


CERTIFICATES = [
    Setting(_CA),
    Setting({"CURL_CA_BUNDLE": "{ca}"}),
    Setting({"REQUESTS_CA_BUNDLE": "", "CURL_CA_BUNDLE": "{ca}"}),
    Setting({"REQUESTS_CA_BUNDLE": "{hashed}"}),
    Setting({"SSL_CERT_FILE": "{ca}"}, _CONFIGURATION, words=(NAME, "set REQUESTS_CA_BUNDLE")),
    Setting({"SSL_CERT_DIR": "{hashed}"}, _CONFIGURATION, words=(NAME, "set REQUESTS_CA_BUNDLE")),
    Setting({}, _CONFIGURATION, words=(NAME, "set REQUESTS_CA_BUNDLE")),
    Setting({"SSL_CERT_FILE": "/no/such", **_CA}),
    Setting(
        {"REQUESTS_CA_BUNDLE": "{other}", "CURL_CA_BUNDLE": "{ca}"},
        _CONFIGURATION,
        words=(NAME, "REQUESTS_CA_BUNDLE=", "Other CA.pem"),
    ),
    Setting({"CURL_CA_BUNDLE": "{other}"}, _CONFIGURATION, words=(NAME, "CURL_CA_BUNDLE=", "Other CA.pem")),
    Setting({"REQUESTS_CA_BUNDLE": "/no/such"}, _CONFIGURATION, words=("REQUESTS_CA_BUNDLE", "'/no/such'")),
    Setting({"CURL_CA_BUNDLE": "/no/such"}, _CONFIGURATION, words=("CURL_CA_BUNDLE", "'/no/such'")),
    Setting({"REQUESTS_CA_BUNDLE": " "}, _CONFIGURATION, words=("REQUESTS_CA_BUNDLE", "' '")),
    Setting({"REQUESTS_CA_BUNDLE": "{ca}/x"}, _CONFIGURATION, words=("REQUESTS_CA_BUNDLE", "Test CA.pem/x")),
    Setting({"REQUESTS_CA_BUNDLE": "{folder}/empty.pem"}, _CONFIGURATION, words=("empty.pem",)),
    Setting({"REQUESTS_CA_BUNDLE": "{folder}/doc.md"}, _CONFIGURATION, words=("doc.md",)),
    Setting({"REQUESTS_CA_BUNDLE": "{folder}/empty"}, _CONFIGURATION, words=("REQUESTS_CA_BUNDLE", "empty")),
    Setting(_CA, _CONFIGURATION, words=("other.test", "REQUESTS_CA_BUNDLE="), host="other.test"),
]
PROXIES = [
    proxied("HTTPS_PROXY"),
    proxied("https_proxy"),
    proxied("ALL_PROXY"),
    proxied("all_proxy"),
    proxied("HTTPS_PROXY", "{plain}"),
    proxied("HTTPS_PROXY", "//{plain}"),
    proxied("HTTPS_PROXY", " http://{plain}/ "),
    proxied("HTTPS_PROXY", "HTTP://{plain}"),
    proxied("HTTPS_PROXY", "http://{down}", https_proxy="http://{plain}"),
    proxied("HTTPS_PROXY", "http://{plain}", ALL_PROXY="http://{down}"),
    proxied("HTTPS_PROXY", NO_PROXY="textin.com,pi.textin.com,192.168.0.0/16"),
    proxied("HTTPS_PROXY", f"http://{_ESCAPED}@{{strict}}"),
    proxied("HTTPS_PROXY", f"{_ESCAPED}@{{strict}}"),
    proxied("HTTPS_PROXY", "https://{secure}"),
    direct(NO_PROXY=NAME),
    direct(no_proxy=NAME),
    direct(NO_PROXY="example.org, .textin.test"),
    direct(NO_PROXY="textin.test"),
    direct(NO_PROXY=f"{NAME}:{{port}}"),
    direct(NO_PROXY="*"),
    Setting({**_CA, "HTTPS_PROXY": "http://{plain}", "NO_PROXY": "127.0.0.0/8"}, host="127.0.0.1"),
    Setting({**_CA, "HTTPS_PROXY": "http://{plain}", "NO_PROXY": "127.0.0.1"}, host="127.0.0.1"),
    Setting({**_CA, "ALL_PROXY": "http://{plain}", "NO_PROXY": "127.0.0.0/8"}, host="127.0.0.1"),
    Setting({**_CA, "HTTP_PROXY": "http://{down}"}),
    Setting({**_CA, "HTTPS_PROXY": ""}),
    plain(True, HTTP_PROXY="http://{plain}"),
    plain(True, http_proxy="{plain}"),
    plain(True, ALL_PROXY="http://{plain}"),
    plain(True, HTTP_PROXY=f"http://{_ESCAPED}@{{strict}}"),
    plain(True, HTTP_PROXY="https://{secure}", **_CA),
    plain(False, HTTPS_PROXY="http://{down}"),
    plain(False, HTTP_PROXY="http://{down}", NO_PROXY=NAME),
    plain(False, HTTP_PROXY="http://{down}", REQUEST_METHOD="GET"),
]


def refused(value: str, *words: str, through_proxy: bool = False, **others: str) -> list[Setting]:
    """Return the settings for an unusable proxy, with a tunnel and without one."""
    return [
        Setting(
            {**_CA, f"{scheme}_proxy": value, **others},
            _CONFIGURATION,
            through_proxy=through_proxy,
            words=words,
            scheme=scheme,
        )
        for scheme in ("https", "http")
    ]


_UNTRUSTED = (f"the certificate of {NAME} is not trusted", "set REQUESTS_CA_BUNDLE")
_THROUGH = "no response through the proxy http://proxy.test:"
_DOWN = f"http://{_ESCAPED}@{{down}}"
REFUSED = [
    Setting({"HTTPS_PROXY": "http://{plain}"}, _CONFIGURATION, through_proxy=True, words=_UNTRUSTED),
    *refused("http://{strict}", "_proxy", "proxy.test:", "requires user and password", through_proxy=True),
    *refused("http://mallory:no@{strict}", "_proxy", "proxy.test:", "does not accept", through_proxy=True),
    *refused("socks5://{plain}", "_proxy", "socks5 proxies are not supported"),
    *refused("socks5h://mallory:no@{plain}", "_proxy", "socks5h"),
    *refused("https://{secure}", "of proxy.test is", "REQUESTS_CA_BUNDLE", REQUESTS_CA_BUNDLE="{other}"),
    *(
        Setting({**_CA, name: _DOWN}, _TRANSPORT, words=(_THROUGH, name), scheme=scheme)
        for scheme, name in (("https", "HTTPS_PROXY"), ("http", "http_proxy"), ("http", "ALL_PROXY"))
    ),
]


@pytest.mark.parametrize("setting", [*CERTIFICATES, *PROXIES, *REFUSED], ids=str)
def test_worker_and_triggerer_agree(world: World, setting: Setting) -> None:
    world.connect(setting.scheme, setting.host)
    world.set(setting.variables)

    worker, triggerer = world.by_worker(), world.by_triggerer()

    assert worker == triggerer, (worker.text, triggerer.text)
    assert (worker.kind, worker.through_proxy) == (setting.kind, setting.through_proxy), worker.text
    for text in (worker.text, triggerer.text):
        assert [word for word in setting.words if word not in text] == [], text
        assert PASSWORD not in text
        assert "mallory" not in text
    assert world.submissions == (setting.kind is None)


def test_an_expired_certificate_is_named_with_its_host(world: World) -> None:
    front = world.tls(world.authority.sign(NAME, expired=True))
    world.connect("https", port=front.port)
    world.set(_CA)

    worker, triggerer = world.by_worker(), world.by_triggerer()

    assert worker == triggerer
    assert worker.kind is _CONFIGURATION
    for text in (worker.text, triggerer.text):
        assert f"the certificate of {NAME} is not trusted: certificate has expired" in text


def test_a_certificate_whose_name_is_only_its_common_name_is_rejected_by_both(world: World) -> None:
    front = world.tls(world.authority.sign(common_name=NAME))
    world.connect("https", port=front.port)
    world.set(_CA)

    worker, triggerer = world.by_worker(), world.by_triggerer()

    assert worker == triggerer
    assert worker.kind is _CONFIGURATION
    assert world.submissions == 0


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
