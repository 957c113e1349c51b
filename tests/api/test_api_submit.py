"""Submitting: the form that is sent, and the input that is refused."""

from __future__ import annotations

import io
import json
from types import MappingProxyType
from typing import Any

import pytest

from textin_provider.api.errors import ApiError, ErrorKind
from textin_provider.api.inputs import Document
from textin_provider.api.protocol import Part, Request, Service
from textin_provider.api.xparse.endpoints import MAX_FILE_BYTES, submit_job

URL = "https://h.example/doc.pdf"


def document(content: bytes = b"hello", size: int | None = None, name: str = "doc.pdf") -> Document:
    return Document(name, len(content) if size is None else size, io.BytesIO(content))


def parts_of(call: Request[str]) -> dict[str, Part]:
    assert len({part.name for part in call.parts}) == len(call.parts)
    return {part.name: part for part in call.parts}


def refused(**kwargs: Any) -> ApiError:
    with pytest.raises(ApiError) as caught:
        submit_job(**kwargs)
    assert caught.value.kind is ErrorKind.REQUEST
    return caught.value


def test_a_submit_is_a_post_to_xparse_and_no_read() -> None:
    call = submit_job(file_url=URL)

    assert (call.method, call.service, call.path) == ("POST", Service.XPARSE, "/api/v1/xparse/parse/async")
    assert not call.is_read


def test_a_file_goes_as_it_is_with_its_name_and_size() -> None:
    [part] = submit_job(document=document(b"hello", name="合同.pdf")).parts

    assert (part.name, part.filename, part.size) == ("file", "合同.pdf", 5)
    assert part.content_type == "application/octet-stream"


def test_a_file_url_goes_without_a_file() -> None:
    parts = parts_of(submit_job(file_url=f"  {URL} "))

    assert set(parts) == {"file_url"}
    assert parts["file_url"].content == URL


@pytest.mark.parametrize(
    "config",
    [{"scope": {"page_range": "1-2"}, "标题": "合同"}, '{"scope": {"page_range": "1-2"}, "标题": "合同"}'],
    ids=["dict", "text"],
)
def test_a_config_is_typed_as_json(config: Any) -> None:
    part = parts_of(submit_job(file_url=URL, config=config))["config"]

    assert part.content_type == "application/json"
    assert part.filename is None
    assert json.loads(str(part.content)) == {"scope": {"page_range": "1-2"}, "标题": "合同"}


@pytest.mark.parametrize("config", [{}, "{}"], ids=["dict", "text"])
def test_an_empty_config_is_a_config(config: Any) -> None:
    assert parts_of(submit_job(file_url=URL, config=config))["config"].content == "{}"


def test_any_mapping_may_be_a_config() -> None:
    config = MappingProxyType({"scope": {"page_range": "1-2"}})

    assert (
        parts_of(submit_job(file_url=URL, config=config))["config"].content
        == '{"scope": {"page_range": "1-2"}}'
    )


def test_all_parts_go_in_their_order() -> None:
    request = submit_job(document=document(), config={"标题": "合同"}, webhook=" http://me/hook ")
    assert [(part.name, part.content_type, part.filename, part.size) for part in request.parts] == [
        ("file", "application/octet-stream", "doc.pdf", 5),
        ("config", "application/json", None, None),
        ("webhook", None, None, None),
    ]
    assert [part.content for part in request.parts[1:]] == ['{"标题": "合同"}', "http://me/hook"]
    assert (request.about, request.params, request.json) == ("xParse submit of doc.pdf", (), None)


def test_a_webhook_goes_as_a_field() -> None:
    assert parts_of(submit_job(file_url=URL, webhook="http://me/hook"))["webhook"].content == "http://me/hook"


@pytest.mark.parametrize("given", [{}, {"file_url": URL, "document": document()}], ids=["neither", "both"])
def test_exactly_one_document_is_submitted(given: dict[str, Any]) -> None:
    assert "exactly one" in str(refused(**given))


@pytest.mark.parametrize("parameter", ["file_url", "webhook"])
@pytest.mark.parametrize(
    "url",
    [
        "",
        " ",
        "doc.pdf",
        "/doc.pdf",
        "h.example/doc.pdf",
        "//h.example/doc.pdf",
        "s3://bucket/doc.pdf",
        "file:///doc.pdf",
        "ftp://h.example/doc.pdf",
        "javascript:alert(1)",
        "https://",
        "https:///doc.pdf",
        "https:h.example",
        "https://[::1/doc.pdf",
        7,
        ["https://h.example"],
    ],
    ids=repr,
)
def test_what_is_no_web_address_is_refused_by_name(parameter: str, url: Any) -> None:
    given = {"file_url": URL} | {parameter: url}

    assert str(refused(**given)).startswith(f"{parameter}=")


@pytest.mark.parametrize(
    "config",
    [
        "",
        "{",
        "yes",
        "[]",
        '"x"',
        "null",
        "7",
        [],
        7,
        {"x": {1}},
        {"x": object()},
        {("a",): 1},
        {"x": float("nan")},
        {"x": float("inf")},
        '{"x": NaN}',
        "[" * 100_000,
        {"x": "\ud83d"},
    ],
    ids=lambda config: repr(config)[:24],
)
def test_a_config_that_is_no_json_object_is_refused(config: Any) -> None:
    assert str(refused(file_url=URL, config=config)).startswith("config='...': ")


def test_a_config_that_holds_itself_is_refused() -> None:
    config: dict[str, Any] = {}
    config["me"] = config

    assert "not valid JSON" in str(refused(file_url=URL, config=config))


def test_an_empty_file_is_refused() -> None:
    assert "'doc.pdf'" in str(refused(document=document(b"")))


def test_500_mb_go_and_a_byte_more_does_not() -> None:
    assert submit_job(document=document(size=MAX_FILE_BYTES)).parts[0].size == MAX_FILE_BYTES
    assert "at most 500 MB" in str(refused(document=document(size=MAX_FILE_BYTES + 1)))
