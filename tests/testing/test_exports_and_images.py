"""Export files and images of results: their entries, their downloads, and how they fail."""

from __future__ import annotations

import base64
import io
import struct
import time
import zipfile
import zlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import pytest
import requests
from pypdf import PdfReader, PdfWriter
from pypdf.generic import DictionaryObject, IndirectObject, NameObject, StreamObject

from tests.testing.small_pdf import small_pdf, written
from textin_provider.testing import Account, JobScript, ScriptedFault, TextInServer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.testing.client import Client

MIMES = {
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "pdf": "application/pdf",
}
MARKDOWN = (
    "# 标题 & 1 < 2\n\n![Chart of sales](chart.png)\n\nText with ![an icon](i.png) in it.\n\n![](x.png)\n"
)
HTML = '<p>Before<img src="a.png" alt="A  logo">after</p><script><img alt="no"></script><img src="b.png">'


def exports(formats: Sequence[str]) -> dict[str, Any]:
    return {"exports": [{"format": name} for name in formats]}


def download(client: Client, entry: dict[str, Any], **kwargs: Any) -> requests.Response:
    url = f"{client.server.url}/export_file/download"
    return client.session.get(url, params={"file_id": entry["file"]["file_id"]}, timeout=30, **kwargs)


def one_export(client: Client, textin: TextInServer, script: JobScript | None = None) -> dict[str, Any]:
    textin.script(script or JobScript())
    (entry,) = client.parse(b"x", "a.txt", exports(["docx"]))["exports"]
    return dict(entry)


@pytest.mark.parametrize("formats", [["docx"], ["xlsx", "pdf"], ["pdf", "docx", "xlsx"]])
def test_each_export_has_a_file_that_can_be_downloaded(
    client: Client, textin: TextInServer, formats: list[str]
) -> None:
    entries = client.parse(b"a\x07b", "a.txt", exports(formats))["exports"]
    assert [(entry["format"], entry["status"]) for entry in entries] == [
        (name, "success") for name in formats
    ]
    for entry in entries:
        file = entry["file"]
        assert file["mime_type"] == MIMES[entry["format"]]
        assert file["file_id"].endswith(f".{entry['format']}")
        left = datetime.fromisoformat(file["expires_at"]) - datetime.now(UTC)
        assert 29 <= left.days <= 30
        content = download(client, entry).content
        assert len(content) == file["size"]
        # The local TextIn accepts by content, so a broken file would not be taken.
        assert client.submit(content, f"again.{entry['format']}")["code"] == 200
    assert textin.count("export") == len(formats)


@pytest.mark.parametrize("name", ["docx", "xlsx"])
def test_an_office_export_is_well_formed_and_has_the_text(client: Client, name: str) -> None:
    (entry,) = client.parse(MARKDOWN.encode(), "a.md", exports([name]))["exports"]
    with zipfile.ZipFile(io.BytesIO(download(client, entry).content)) as package:
        parts = {part: ElementTree.fromstring(package.read(part)) for part in package.namelist()}
    main = parts["word/document.xml" if name == "docx" else "xl/worksheets/sheet1.xml"]
    assert [text for text in main.itertext() if text] == [
        "标题 & 1 < 2",
        "Chart of sales",
        "Text with an icon in it.",
    ]
    types = parts["[Content_Types].xml"]
    declared = {item.get("PartName", "").lstrip("/") for item in types if item.get("PartName")}
    assert declared == {part for part in parts if part.endswith(".xml")} - {"[Content_Types].xml"}


def test_a_pdf_export_has_a_page_for_each_parsed_page(client: Client, textin: TextInServer) -> None:
    textin.script(JobScript(failed_pages="2"))
    (entry,) = client.parse(small_pdf(), "a.pdf", exports(["pdf"]))["exports"]
    assert len(PdfReader(io.BytesIO(download(client, entry).content)).pages) == 2


@pytest.mark.parametrize("failed", [("docx",), ["xlsx", "pdf"], {"docx", "xlsx", "pdf"}, ()])
def test_scripted_exports_fail_and_the_others_do_not(
    client: Client, textin: TextInServer, failed: Sequence[str]
) -> None:
    textin.script(JobScript(failed_exports=failed))
    result = client.parse(b"x", "a.txt", exports(["docx", "xlsx", "pdf"]))
    assert {entry["format"] for entry in result["exports"] if entry["status"] == "fail"} == set(failed)
    for entry in result["exports"]:
        assert ("file" in entry) == (entry["format"] not in failed)
        assert ("error" in entry) == (entry["format"] in failed)


def test_an_added_job_has_a_config_too(client: Client, textin: TextInServer) -> None:
    config = exports(["xlsx"]) | {"capabilities": {"include_image_data": True, "pages": None}}
    job_id = textin.add_job(JobScript(failed_exports=["docx"]), b"![a](b.png)", "a.md", config)
    result = client.result(client.wait(job_id)["result_url"])
    assert [entry["status"] for entry in result["exports"]] == ["success"]
    assert [set(element["image_data"]) for element in result["elements"]] == [{"image_url", "mime_type"}]
    assert (textin.jobs[job_id].config, textin.submissions) == (config, 0)


def test_a_result_without_exports_in_its_config_has_none(client: Client, textin: TextInServer) -> None:
    textin.script(JobScript(failed_exports=["docx"]))
    assert "exports" not in client.parse(b"x", "a.txt")
    assert "exports" not in client.parse(b"x", "a.txt", {"exports": []})


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"x-ti-app-id": "another-app"}, 404),
        ({"x-ti-app-id": "another-app", "x-ti-secret-code": "its-own"}, 404),
        ({"x-ti-secret-code": "wrong"}, 40102),
        ({"x-ti-app-id": None}, 40101),
    ],
)
def test_only_the_app_of_the_job_gets_its_export(
    client: Client, textin: TextInServer, headers: dict[str, Any], code: int
) -> None:
    entry = one_export(client, textin)
    response = download(client, entry, headers=headers)
    assert (response.status_code, response.json()["code"]) == (200, code)
    assert (response.json()["message"] == "image does not exist") == (code == 404)
    assert download(client, entry).content.startswith(b"PK")


def test_an_export_expires(client: Client, textin: TextInServer) -> None:
    entry = one_export(client, textin, JobScript(export_lifetime=0.05))
    while "json" not in (response := download(client, entry)).headers["content-type"]:
        time.sleep(0.005)
    assert response.json()["code"] == 404
    assert datetime.fromisoformat(entry["file"]["expires_at"]) <= datetime.now(UTC)


@pytest.mark.parametrize(
    ("query", "code"), [("", 40004), ("file_id=a&file_id=b", 40004), ("file_id=nothing.docx", 404)]
)
def test_the_download_of_an_export_needs_a_known_id(
    client: Client, textin: TextInServer, query: str, code: int
) -> None:
    response = client.session.get(f"{textin.url}/export_file/download?{query}", timeout=30)
    assert response.json()["code"] == code


def test_a_fault_applies_to_the_download_of_an_export(client: Client, textin: TextInServer) -> None:
    entry = one_export(client, textin)
    textin.fault("export", ScriptedFault(http_status=502))
    assert [download(client, entry).status_code for _ in range(2)] == [502, 200]


def test_the_rate_of_the_account_counts_exports_and_no_images(client: Client, textin: TextInServer) -> None:
    textin.script(JobScript(list_pages=True))
    result = client.parse(b"x", "a.txt", exports(["docx"]))
    textin.account = Account(requests_per_second=1e-3)
    url = result["pages"][0]["page_image_url"]
    assert {requests.get(url, timeout=30).status_code for _ in range(3)} == {200}
    first, second = (download(client, result["exports"][0]) for _ in range(2))
    assert (first.content[:2], second.json()["code"]) == (b"PK", 40306)


def test_an_unknown_format_of_failed_exports_is_refused() -> None:
    with pytest.raises(ValueError, match="failed_exports: 'epub' is not one of docx, xlsx, pdf"):
        JobScript(failed_exports=["docx", "epub"])


def image_elements(result: dict[str, Any]) -> list[dict[str, Any]]:
    return [element for element in result["elements"] if element["type"] == "Image"]


@pytest.mark.parametrize(
    ("content", "filename", "texts"),
    [(MARKDOWN, "a.md", ["Chart of sales", ""]), (HTML, "a.html", ["A logo", ""])],
)
def test_images_become_elements_with_their_alternative_text(
    client: Client, content: str, filename: str, texts: list[str]
) -> None:
    result = client.parse(content.encode(), filename)
    assert [element["text"] for element in image_elements(result)] == texts
    assert not any("image_data" in element for element in result["elements"])
    assert not result["markdown"].endswith("\n")


def test_images_of_a_pdf_follow_the_text_of_their_page(client: Client) -> None:
    pages = PdfReader(io.BytesIO(small_pdf())).pages
    writer = PdfWriter()
    for page, shown in zip(pages, (2, 0, 1), strict=True):
        writer.add_page(page)
        images = {NameObject(f"/Im{number}"): image_object(writer) for number in range(shown)}
        resources = writer.pages[-1]["/Resources"].get_object()
        assert isinstance(resources, DictionaryObject)
        resources[NameObject("/XObject")] = writer._add_object(DictionaryObject(images))
    result = client.parse(written(writer), "a.pdf", {"capabilities": {"include_image_data": True}})
    assert [(e["page_number"], e["type"] == "Image") for e in result["elements"]] == [
        *[(1, False)] * 3, (1, True), (1, True), (2, False), (3, False), (3, True),
    ]  # fmt: skip
    assert len({e["image_data"]["image_url"] for e in image_elements(result)}) == 3
    assert result["markdown"].endswith("Page three.")


def image_object(writer: PdfWriter) -> IndirectObject:
    image = StreamObject()
    image.set_data(b"\x00")
    image[NameObject("/Subtype")] = NameObject("/Image")
    return writer._add_object(image)


def pixels(content: bytes) -> bytes:
    """Return the rows of a PNG whose chunks are all intact."""
    assert content.startswith(b"\x89PNG\r\n\x1a\n")
    data, at = b"", 8
    while at < len(content):
        size, kind = struct.unpack(">I4s", content[at : at + 8])
        body = content[at + 8 : at + 8 + size]
        assert struct.unpack(">I", content[at + 8 + size : at + 12 + size])[0] == zlib.crc32(kind + body)
        data += body if kind == b"IDAT" else b""
        at += 12 + size
    return zlib.decompress(data)


def test_image_data_links_to_pictures_that_need_no_credentials(client: Client, textin: TextInServer) -> None:
    result = client.parse(MARKDOWN.encode(), "a.md", {"capabilities": {"include_image_data": True}})
    data = [element["image_data"] for element in image_elements(result)]
    assert all(item["mime_type"] == "image/png" for item in data)
    assert all(item["image_url"].startswith(f"{textin.url}/ocr_image/") for item in data)
    responses = [requests.get(item["image_url"], timeout=30) for item in data]
    assert {response.headers["content-type"] for response in responses} == {"image/png"}
    assert len({pixels(response.content) for response in responses}) == 2
    assert "pages" not in result
    assert textin.count("image") == 2


def test_image_data_can_be_base64(client: Client, textin: TextInServer) -> None:
    parameters = {"engine_params": {"image_output_type": "base64"}}
    config = {"capabilities": {"include_image_data": True}, "config": parameters}
    data = [e["image_data"] for e in image_elements(client.parse(MARKDOWN.encode(), "a.md", config))]
    assert [sorted(item) for item in data] == [["base64", "mime_type"]] * 2
    assert all(pixels(base64.b64decode(item["base64"])) for item in data)


def test_each_page_that_succeeded_has_a_picture(client: Client, textin: TextInServer) -> None:
    textin.script(JobScript(failed_pages="2"))
    pages = client.parse(small_pdf(), "a.pdf", {"capabilities": {"pages": True}})["pages"]
    urls = [page.get("page_image_url") for page in pages]
    assert [url is None for url in urls] == [False, True, False]
    assert all(pixels(requests.get(url, timeout=30).content) for url in urls if url)
    assert urls[0] != urls[2]


def test_an_image_link_expires(client: Client, textin: TextInServer) -> None:
    textin.script(JobScript(image_lifetime=0.05, list_pages=True))
    (page,) = client.parse(b"x", "a.txt")["pages"]
    while (response := requests.get(page["page_image_url"], timeout=30)).status_code == 200:
        time.sleep(0.005)
    assert (response.status_code, response.json()["code"]) == (404, 404)
    assert requests.get(f"{textin.url}/ocr_image/external/nothing.png", timeout=30).status_code == 404
