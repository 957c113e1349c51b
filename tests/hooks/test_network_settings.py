"""Certificates and proxies of the environment: worker and triggerer read the same, and end alike."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from tests.network import NAME, PASSWORD, USER, World
from textin_provider.api.errors import ErrorKind

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
