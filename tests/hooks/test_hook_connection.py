"""The connection: every way to write it down, and what is said when it is wrong."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from tests.hooks.support import readable
from textin_provider.api.protocol import Service
from textin_provider.exceptions import TextInConfigurationError
from textin_provider.hooks.textin import TextInHook

if TYPE_CHECKING:
    from textin_provider.hooks.connection import TextInConnection

SECRET = "Hush-7f3a"


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that reads a connection from a URI, or from the fields of its JSON form."""

    def reading(uri: str | None = None, extra: Any = None, **fields: Any) -> TextInConnection:
        whole = {"conn_type": "textin", "login": "app", "password": SECRET, "extra": extra or {}} | fields
        monkeypatch.setenv("AIRFLOW_CONN_MINE", uri or json.dumps(whole))
        return TextInHook("mine").connection

    return reading


def refused(read: Any, *args: Any, **kwargs: Any) -> str:
    with pytest.raises(TextInConfigurationError) as caught:
        read(*args, **kwargs)
    assert isinstance(caught.value, AirflowFailException)
    assert SECRET not in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1
    return str(caught.value)


def hosts_of(connection: TextInConnection) -> set[tuple[str, str, int]]:
    return {(origin.scheme, origin.host, origin.port) for origin in connection.hosts.own}


@pytest.mark.parametrize(
    "uri", [None, f"textin://app:{SECRET}@/", f"textin://app:{SECRET}@"], ids=["json", "uri", "dense"]
)
def test_two_fields_are_enough(read: Any, uri: str | None) -> None:
    connection = read(uri)

    assert connection.credentials == {"x-ti-app-id": "app", "x-ti-secret-code": SECRET}
    assert connection.base_urls == {
        Service.XPARSE: "https://api.textin.com",
        Service.DOCFLOW: "https://docflow.textin.com",
    }
    assert (connection.workspace_id, connection.enterprise_id) == (None, None)
    assert (connection.max_requests_per_second, connection.timeout) == (2, 60)
    assert (connection.max_concurrent_jobs, connection.pace_conn_id) == (0, None)


@pytest.mark.parametrize("how", ["uri", "json", "json text"])
def test_extras_are_read_from_each_form(read: Any, how: str) -> None:
    extra = {"workspace_id": "123", "timeout": "5", "max_requests_per_second": "0", "enterprise_id": "e"}
    query = "&".join(f"{name}={value}" for name, value in extra.items())
    forms: dict[str, dict[str, Any]] = {
        "uri": {"uri": f"textin://app:{SECRET}@/?{query}"},
        "json": {"extra": extra},
        "json text": {"extra": json.dumps(extra)},
    }

    connection = read(**forms[how])

    assert (connection.workspace_id, connection.enterprise_id) == ("123", "e")
    assert (connection.timeout, connection.max_requests_per_second) == (5, 0)
    assert connection.credentials["x-ti-enterprise-id"] == "e"


def test_a_uri_may_escape_what_it_holds(read: Any) -> None:
    connection = read("textin://a%40b:c%2F%3Ad@/")

    assert (connection.app_id, connection.secret_code) == ("a@b", "c/:d")


def test_a_workspace_id_that_is_a_number_is_text(read: Any) -> None:
    assert read(extra={"workspace_id": 12345678901234567890}).workspace_id == "12345678901234567890"


@pytest.mark.parametrize(
    ("fields", "base_url"),
    [
        ({"host": "https://eu.example.org"}, "https://eu.example.org"),
        ({"host": " https://eu.example.org/ "}, "https://eu.example.org"),
        ({"host": "eu.example.org"}, "https://eu.example.org"),
        ({"host": "eu.example.org", "port": 8443}, "https://eu.example.org:8443"),
        ({"host": "eu.example.org", "schema": "http"}, "http://eu.example.org"),
        ({"host": "http://127.0.0.1:8866"}, "http://127.0.0.1:8866"),
        ({"host": "http://127.0.0.1", "port": 8866}, "http://127.0.0.1:8866"),
        ({"host": "http://[::1]:8866"}, "http://[::1]:8866"),
        ({"host": "https://proxy.example.org/textin"}, "https://proxy.example.org/textin"),
        ({"host": ""}, "https://api.textin.com"),
        ({"host": None}, "https://api.textin.com"),
        ({"uri": "textin://a:b@127.0.0.1:8866/http"}, "http://127.0.0.1:8866"),
        ({"uri": "textin://a:b@eu.example.org"}, "https://eu.example.org"),
        ({"uri": "textin://a:b@https%3A%2F%2Feu.example.org/"}, "https://eu.example.org"),
        ({"uri": "textin://a:b@[::1]:8866/http"}, "http://[::1]:8866"),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_the_host_is_a_name_an_address_or_a_url(read: Any, fields: dict[str, Any], base_url: str) -> None:
    assert read(**fields).base_urls[Service.XPARSE] == base_url


def test_the_connections_own_hosts_are_those_of_its_base_urls(read: Any) -> None:
    connection = read(host="http://127.0.0.1:8866", extra={"docflow_host": "https://docflow.textin.ai/"})

    assert hosts_of(connection) == {("http", "127.0.0.1", 8866), ("https", "docflow.textin.ai", 443)}
    assert connection.base_urls[Service.DOCFLOW] == "https://docflow.textin.ai"


@pytest.mark.parametrize("field", ["host", "docflow_host"])
@pytest.mark.parametrize(
    "url",
    [
        "ftp://eu.example.org",
        "https://",
        "https://user:Hush-7f3a@eu.example.org",
        "https://eu.example.org:port",
        "https://eu.example.org:99999",
        "https://eu.example.org?key=Hush-7f3a",
        "https://eu.example.org/#x",
        "https://eu .example.org",
        "https://eu.example.org\\x",
        "https://[::1",
    ],
)
def test_a_base_url_that_cannot_be_one_is_refused_by_name(read: Any, field: str, url: str) -> None:
    fields = {"host": url} if field == "host" else {"extra": {"docflow_host": url}}

    assert f"'mine', field {field}: " in refused(read, **fields)


@pytest.mark.parametrize("value", [None, "", "  "], ids=repr)
@pytest.mark.parametrize(
    ("field", "label"), [("login", "login (App ID)"), ("password", "password (Secret code)")]
)
def test_a_half_filled_connection_is_told_which_field_is_empty(
    read: Any, field: str, label: str, value: str | None
) -> None:
    message = refused(read, **{field: value})

    assert message.startswith(f"Connection 'mine', field {label}: it is empty")


def test_an_empty_uri_names_its_first_empty_field(read: Any) -> None:
    assert "login (App ID)" in refused(read, "textin://")


@pytest.mark.parametrize("value", ["a\r\nx-evil: 1", "a\nb", "a\x00b", "a\tb", "密码", "a\u2028b"], ids=ascii)
@pytest.mark.parametrize("field", ["login", "password", "enterprise_id"])
def test_a_value_that_no_header_can_carry_is_refused_by_name(read: Any, field: str, value: str) -> None:
    fields = {field: value} if field != "enterprise_id" else {"extra": {field: value}}

    message = refused(read, **fields)

    assert f"field {field}" in message
    assert value not in message


@pytest.mark.parametrize("blanks", [" {} ", "{}\n", "\t{}\r\n"], ids=ascii)
def test_blanks_around_a_copied_credential_do_not_matter(read: Any, blanks: str) -> None:
    connection = read(login=blanks.format("app"), password=blanks.format(SECRET))

    assert (connection.app_id, connection.secret_code) == ("app", SECRET)


@pytest.mark.parametrize(
    "value", ["soon", "-1", -1, "1,5", "5s", "nan", "inf", float("nan"), [5], {"a": 1}], ids=repr
)
@pytest.mark.parametrize("name", ["timeout", "max_requests_per_second"])
def test_a_number_that_is_none_is_refused_by_name(read: Any, name: str, value: Any) -> None:
    message = refused(read, extra={name: value})

    assert f"field {name}: {value!r}" in message


def test_a_timeout_of_zero_is_refused_and_a_ceiling_of_zero_is_not(read: Any) -> None:
    assert "field timeout" in refused(read, extra={"timeout": 0})
    assert read(extra={"max_requests_per_second": 0}).max_requests_per_second == 0


@pytest.mark.parametrize("value", [None, "", " "], ids=repr)
def test_an_empty_extra_is_the_default(read: Any, value: Any) -> None:
    names = (
        "timeout",
        "max_requests_per_second",
        "workspace_id",
        "enterprise_id",
        "docflow_host",
        "result_hosts",
    )

    assert read(extra=dict.fromkeys(names, value)) == read()


@pytest.mark.parametrize("extra", ["[1]", '"text"', "7", [1]], ids=repr)
def test_an_extra_that_is_no_object_is_refused(read: Any, extra: Any) -> None:
    assert "'mine'" in refused(read, extra=extra)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("cdn.example.org", {"cdn.example.org:443"}),
        ("cdn.example.org, files.example.org:8443,", {"cdn.example.org:443", "files.example.org:8443"}),
        (["cdn.example.org", " files.example.org/ "], {"cdn.example.org:443", "files.example.org:443"}),
        ("https://CDN.example.org/", {"cdn.example.org:443"}),
        ("http://cdn.example.org", {"cdn.example.org:80"}),
        ("[fd00::1]", {"fd00::1:443"}),
    ],
    ids=readable,
)
def test_result_hosts_are_names_or_urls(read: Any, value: Any, expected: set[str]) -> None:
    found = read(extra={"result_hosts": value}).hosts.results

    assert {f"{origin.host}:{origin.port}" for origin in found} == expected


@pytest.mark.parametrize("value", ["a b", "ftp://x", "x:port", "u@x", "https://"])
def test_a_result_host_that_is_none_is_refused(read: Any, value: str) -> None:
    assert "field result_hosts" in refused(read, extra={"result_hosts": f"ok.example.org,{value}"})


def test_a_missing_connection_is_told_with_its_id_and_how_to_make_it() -> None:
    with pytest.raises(TextInConfigurationError, match=r"'not_there'.*AIRFLOW_CONN_NOT_THERE"):
        TextInHook("not_there").connection  # noqa: B018


@pytest.mark.parametrize(
    "value",
    [
        "textin://app:Hush/7f3a@",
        "textin://app:Hush#7f3a@",
        "textin://app:Hush?7f3a@",
        "textin://app:Hush[7f3a@",
        "textin://app:1234/7f3a@",
        "textin://app:1234#7f3a@",
        "textin://app:1234?7f3a@api.textin.com",
        "textin://app:/7f3a@",
        "textin://a/pp:7f3a@",
        '{"conn_type": "textin", "login": "app", "password": "Hush"7f3a"}',
    ],
)
def test_a_malformed_value_of_the_variable_is_named_as_the_cause(read: Any, value: str) -> None:
    message = refused(read, value)

    assert "the value of AIRFLOW_CONN_MINE may be malformed. Percent-encode" in message
    assert [part for part in ("Hush", "1234", "7f3a") if part in message] == []


@pytest.mark.parametrize("secret", ["a:b", "a@b", "a%b", "a&b=c", "a b"])
def test_a_uri_may_contain_characters_that_do_not_end_it(read: Any, secret: str) -> None:
    assert read(f"textin://app:{secret}@").secret_code == secret


@pytest.mark.parametrize("uri", ["http://app:Hush-7f3a@h", "postgres://app:Hush-7f3a@h/d", "textin2://a:b@"])
def test_a_connection_of_another_type_is_refused(read: Any, uri: str) -> None:
    message = refused(read, uri)

    assert message.startswith("Connection 'mine', field Connection Type: it is ")
    assert "of type textin" in message


def test_the_secret_is_in_no_repr(read: Any) -> None:
    connection = read(extra={"enterprise_id": "e"})

    assert SECRET not in repr(connection)
    assert SECRET not in str(connection)
    assert SECRET not in repr(vars(TextInHook("mine")))
