"""The digests that tell contents and configurations apart."""

from __future__ import annotations

import hashlib
import json
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from tests.tasks.folder.object_samples import Objects
from textin_provider.api.errors import ApiError, ErrorKind
from textin_provider.api.protocol import Service
from textin_provider.tasks.folder.fingerprint import (
    account_of,
    changed,
    config_digest,
    content_of,
    fingerprint,
)
from textin_provider.tasks.folder.segments import Account
from textin_provider.tasks.folder.sources import SourceDocument

if TYPE_CHECKING:
    from pathlib import Path

    from textin_provider.hooks.connection import TextInConnection

ETAG = "0123456789abcdefABCDEF0123456789"


def sha256(data: str | bytes) -> str:
    return hashlib.sha256(data.encode() if isinstance(data, str) else data).hexdigest()


def test_an_account_is_a_digest_of_the_app_id_and_the_host_of_xparse() -> None:
    urls = {Service.XPARSE: "https://x.example", Service.DOCFLOW: "https://d.example"}
    connection = cast("TextInConnection", SimpleNamespace(app_id="app", base_urls=urls))
    assert account_of(connection) == Account(sha256("app")[:16], "https://x.example")


@pytest.mark.parametrize(
    ("config", "plain"),
    [
        (None, {}),
        ({}, {}),
        ("{}", {}),
        ({"b": 1, "a": {"d": 2, "c": "é"}}, {"a": {"c": "é", "d": 2}, "b": 1}),
        ('{"b": 1, "a": null}', {"b": 1}),
        ({"a": None, "b": {"c": None, "d": {}}, "e": {}}, {}),
        ({"a": [None, {"b": None, "c": 1}, []]}, {"a": [None, {"c": 1}, []]}),
        ({"a": 0, "b": False, "c": "", "d": []}, {"a": 0, "b": False, "c": "", "d": []}),
    ],
)
def test_the_digest_of_a_configuration_is_of_its_members_that_are_not_null(
    config: Any, plain: dict[str, Any]
) -> None:
    assert config_digest(config) == sha256(json.dumps(plain, sort_keys=True))[:32]


def test_the_digest_of_a_configuration_with_a_password_is_slow_to_guess() -> None:
    text = '{"document": {"password": "1234"}, "a": 1}'
    ordered = b'{"a": 1, "document": {"password": "1234"}}'
    expected = hashlib.pbkdf2_hmac("sha256", ordered, b"textin config", 100_000).hex()[:32]
    assert config_digest(text) == expected
    assert config_digest({"document": {"password": None}}) == config_digest(None)


def test_what_is_no_configuration_is_refused() -> None:
    with pytest.raises(ApiError, match=r"^config='...': it is a list"):
        config_digest("[]")


def object_content(monkeypatch: pytest.MonkeyPatch, mark: str, scheme: str) -> tuple[str, Objects]:
    objects = Objects({"bucket/a.pdf": {"size": 3}}).install(monkeypatch)
    objects.contents["bucket/a.pdf"] = b"abc"
    address = f"{scheme}://bucket/a.pdf"
    document = SourceDocument(address, "a.pdf", address, 3, mark)
    return content_of(document, "aws"), objects


@pytest.mark.parametrize("scheme", ["s3", "s3a"])
@pytest.mark.parametrize("mark", [ETAG, f"{ETAG}-12"])
def test_an_object_on_s3_is_known_by_its_etag_and_not_read(
    scheme: str, mark: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    content, objects = object_content(monkeypatch, mark, scheme)
    assert content == f"etag {mark} 3"
    assert objects.opened == []
    assert objects.conn_ids == ["aws"]


@pytest.mark.parametrize(
    ("scheme", "mark"),
    [
        ("gs", ETAG),
        ("s3", ""),
        ("s3", ETAG[1:]),
        ("s3", f"{ETAG}0"),
        ("s3", f"{ETAG}-"),
        ("s3", "2026-01-02"),
    ],
)
def test_any_other_object_is_read(scheme: str, mark: str, monkeypatch: pytest.MonkeyPatch) -> None:
    content, objects = object_content(monkeypatch, mark, scheme)
    assert content == f"sha256 {sha256('abc')}"
    assert objects.conn_ids == ["aws", "aws"]
    (opened,) = objects.opened
    assert opened.closed


def test_a_local_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.pdf"
    path.write_bytes(b"abc")
    document = SourceDocument("s", "n", str(path), 3, ETAG)
    assert content_of(document, None) == f"sha256 {sha256('abc')}"


def test_of_an_address_only_the_address_is_known() -> None:
    url = "https://x.example/a.pdf?sig=1"
    assert content_of(SourceDocument("s", "n", url, 3, ETAG), None) == f"url {sha256(url)}"


def test_a_digest_takes_a_text_that_is_not_unicode() -> None:
    url = "https://x.example/\ud800"
    expected = sha256(url.encode(errors="surrogatepass"))
    assert content_of(SourceDocument("s", "n", url), None) == f"url {expected}"


@pytest.mark.parametrize("size", [2, 4])
def test_a_file_of_another_size_than_in_the_listing_was_changed(
    size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    objects = Objects({}).install(monkeypatch)
    objects.contents["bucket/a.pdf"] = b"abc"
    document = SourceDocument("s3://bucket/a.pdf", "n", "s3://own@bucket/a.pdf", size)
    with pytest.raises(ApiError) as raised:
        content_of(document, None)
    assert raised.value.to_dict() == changed(document).to_dict()
    assert objects.opened[0].closed


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ApiError) as raised:
        content_of(SourceDocument("s", "n", f"{tmp_path}/a.pdf"), None)
    assert raised.value.about == f"source='{tmp_path}/a.pdf'"


def test_a_document_with_two_connections_is_named() -> None:
    with pytest.raises(ApiError) as raised:
        content_of(SourceDocument("s", "n", "s3://one@bucket/a.pdf"), "two")
    assert raised.value.about == "source='s3://bucket/a.pdf'"
    assert raised.value.message == "it names the connection 'one', and source_conn_id names 'two'"


def test_the_error_of_a_document_that_was_changed() -> None:
    error = changed(SourceDocument("/in/a.pdf", "n", "p"))
    assert error.kind is ErrorKind.STORAGE
    assert str(error) == (
        "/in/a.pdf: it was changed while the run read it. Nothing was sent of it; the next run sends it."
    )


def test_a_fingerprint_is_of_content_configuration_and_account() -> None:
    assert fingerprint("sha256 1", "c", Account("d", "h")) == sha256("sha256 1\nc\nd\nh")
