"""Submit requests: accepted and rejected documents, configs and credentials."""

from __future__ import annotations

import hashlib
import io
import json
import re
import zipfile
from typing import Any

import pytest
import requests

from tests.testing.client import PATH, Client, spooled
from tests.testing.small_pdf import encrypted, small_pdf
from textin_provider.testing import TextInServer

FILE = ("file", ("hello.md", b"# Hello"))


def error_detail(envelope: dict[str, Any], code: int) -> str:
    assert envelope["code"] == code
    assert "job_id" not in envelope["data"]
    return str(envelope["data"]["message"])


def test_a_submitted_document_becomes_a_job(client: Client, textin: TextInServer) -> None:
    envelope = client.submit(
        "你好".encode(), "名字.txt", {"capabilities": {"pages": True}}, webhook="http://127.0.0.1:9/x"
    )
    job_id = envelope["data"]["job_id"]
    assert envelope["code"] == 200
    assert envelope["message"] == "success"
    assert re.fullmatch("[0-9a-f]{32}", job_id)
    job = textin.jobs[job_id]
    assert (job.filename, job.size) == ("名字.txt", 6)
    assert job.sha256 == hashlib.sha256("你好".encode()).hexdigest()
    assert job.config == {"capabilities": {"pages": True}}
    assert job.config_content_type == "application/json"
    assert job.webhook == "http://127.0.0.1:9/x"
    assert textin.submissions == 1


def test_the_same_content_gets_the_same_file_id_and_another_job_id(
    client: Client, textin: TextInServer
) -> None:
    first, second, other = (
        textin.jobs[client.submit(content, name)["data"]["job_id"]]
        for content, name in [(b"same", "a.txt"), (b"same", "b.txt"), (b"other", "a.txt")]
    )
    assert first.file_id == second.file_id != other.file_id
    assert first.job_id != second.job_id


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"x-ti-app-id": None}, 40101),
        ({"x-ti-secret-code": None}, 40101),
        ({"x-ti-secret-code": ""}, 40101),
        ({"x-ti-app-id": "somebody"}, 40102),
        ({"x-ti-secret-code": "guess"}, 40102),
    ],
)
def test_missing_and_wrong_credentials_have_their_own_codes(
    client: Client, textin: TextInServer, headers: dict[str, Any], code: int
) -> None:
    response = client.post([FILE], headers=headers)
    assert response.status_code == 200
    error_detail(response.json(), code)
    error_detail(client.get("0" * 32, headers=headers).json(), code)
    assert textin.submissions == 0


def test_a_submit_without_document_is_a_parameter_error(client: Client) -> None:
    assert (
        error_detail(client.post([("webhook", (None, "http://127.0.0.1/"))]).json(), 40004)
        == "File not uploaded"
    )


def test_a_body_that_is_not_a_form_is_a_parameter_error(client: Client, textin: TextInServer) -> None:
    response = client.session.post(textin.url + PATH, json={"file_url": "http://127.0.0.1/a.pdf"}, timeout=30)
    assert "multipart/form-data" in error_detail(response.json(), 40004)


def test_a_truncated_form_is_a_parameter_error(client: Client, textin: TextInServer) -> None:
    headers = {"content-type": "multipart/form-data; boundary=x"}
    body = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.md"\r\n\r\nhello'
    response = client.session.post(textin.url + PATH, data=body, headers=headers, timeout=30)
    assert "Malformed" in error_detail(response.json(), 40004)


def test_file_and_file_url_together_are_a_parameter_error(client: Client) -> None:
    response = client.post([FILE, ("file_url", (None, "http://127.0.0.1/a.pdf"))])
    assert "file and file_url" in error_detail(response.json(), 40004)


def test_two_files_are_a_parameter_error(client: Client) -> None:
    assert "one document" in error_detail(client.post([FILE, FILE]).json(), 40004)


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/a.pdf", "a.pdf", "http://", "file:///etc/hosts"])
def test_a_file_url_that_is_not_http_is_an_invalid_url(client: Client, url: str) -> None:
    assert "file_url" in error_detail(client.submit(file_url=url), 40400)


def test_a_webhook_that_is_not_http_is_a_parameter_error(client: Client) -> None:
    assert "webhook" in error_detail(client.submit(webhook="localhost"), 40004)


@pytest.mark.parametrize(
    ("config", "problem"),
    [
        ("{", "not valid JSON"),
        ([], "config: [] is not of type 'object'"),
        ({"capabilities": {"pages": "yes"}}, "config.capabilities.pages: 'yes' is not of type 'boolean'"),
        ({"capabilities": {"table_view": "latex"}}, "config.capabilities.table_view"),
        ({"config": {"engine_params": {"formula_level": 7}}}, "config.config.engine_params.formula_level"),
        ({"exports": [{"format": "docx"}, {"format": "epub"}]}, "config.exports[1].format"),
        ({"scope": {"page_range": "one"}}, "config.scope.page_range"),
        ({"scope": {"page_range": "3-1"}}, "config.scope.page_range"),
    ],
)
def test_the_error_of_an_invalid_config_names_path_and_problem(
    client: Client, config: object, problem: str
) -> None:
    assert problem in error_detail(client.submit(config=config), 40004)


def test_an_unknown_config_field_is_accepted(client: Client) -> None:
    assert client.submit(config={"capabilities": {"new_in_2030": 1}, "more": True})["code"] == 200


def test_a_config_part_with_a_filename_is_the_config(client: Client, textin: TextInServer) -> None:
    config = ("config.json", b'{"schema_version": "1.3.1"}', "application/json; charset=utf-8")
    job_id = client.post([FILE, ("config", config)]).json()["data"]["job_id"]
    assert textin.jobs[job_id].config == {"schema_version": "1.3.1"}
    assert client.result(client.wait(job_id)["result_url"])["schema_version"] == "1.3.1"


def test_an_unknown_schema_version_is_a_bad_request(client: Client) -> None:
    assert "9.9.9" in error_detail(client.submit(config={"schema_version": "9.9.9"}), 400)


def test_an_empty_file_is_a_bad_request(client: Client) -> None:
    assert "empty" in error_detail(client.submit(b""), 400)


def test_a_file_over_the_limit_is_too_large() -> None:
    with TextInServer(max_file_bytes=1024 * 1024) as textin:
        client = Client(textin)
        assert "1048577 bytes; the limit is 1 MB" in error_detail(
            client.submit(b"x" * 1048577, "a.txt"), 40302
        )
        assert client.submit(b"x" * 1048576, "a.txt")["code"] == 200
        assert textin.submissions == 1


@pytest.mark.parametrize(
    ("content", "filename", "detected"),
    [
        (b"GIF89a....", "cat.gif", "image/gif"),
        (b"\x1f\x8b\x08\x00", "a.tar.gz", "application/gzip"),
        (b"\x00\x01\x02\x03", "a.bin", "application/octet-stream"),
        (b"\x00\x00\x00\x18ftypmp42", "a.mp4", "video/mp4"),
        (b'{"a": 1}', "a.json", "application/json"),
    ],
)
def test_the_error_of_a_rejected_type_names_the_type(
    client: Client, content: bytes, filename: str, detected: str
) -> None:
    assert error_detail(client.submit(content, filename), 40303) == detected


def test_an_archive_that_is_not_a_document_is_rejected(client: Client) -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("readme.txt", "hello")
    assert error_detail(client.submit(archive.getvalue(), "a.docx"), 40303) == "application/zip"


@pytest.mark.parametrize(
    ("content", "filename"),
    [
        (b"%PDF-1.7 and nothing that follows", "a.pdf"),
        (b"just text", "a.pdf"),
        (b"\x00\x00\x00", "a.png"),
        (b"PK\x03\x04 broken", "a.docx"),
    ],
)
def test_a_file_whose_content_does_not_match_its_name_is_corrupted(
    client: Client, content: bytes, filename: str
) -> None:
    error_detail(client.submit(content, filename), 40422)


def test_a_protected_pdf_needs_its_password(client: Client) -> None:
    document = encrypted(small_pdf(), "sesame")
    assert "needs a password" in error_detail(client.submit(document, "a.pdf"), 40423)
    wrong = {"document": {"password": "guess"}}
    assert "wrong password" in error_detail(client.submit(document, "a.pdf", wrong), 40423)
    result = client.parse(document, "a.pdf", {"document": {"password": "sesame"}})
    assert result["metadata"]["page_count"] == 3


@pytest.mark.parametrize(
    ("document", "filename", "pages"), [(small_pdf(), "a.pdf", "2-4"), (b"text", "a.txt", "2")]
)
def test_a_page_range_outside_the_file_is_rejected(
    client: Client, document: bytes, filename: str, pages: str
) -> None:
    assert "page_range" in error_detail(
        client.submit(document, filename, {"scope": {"page_range": pages}}), 40424
    )


@pytest.mark.parametrize(("method", "path"), [("GET", "/"), ("POST", "/api/v1/xparse/parse"), ("GET", PATH)])
def test_an_unknown_path_is_an_invalid_url(
    client: Client, textin: TextInServer, method: str, path: str
) -> None:
    response = client.session.request(method, textin.url + path, timeout=30)
    assert response.status_code == 200
    assert response.json()["code"] == 40400
    assert textin.count("unknown") == 1


def test_every_response_has_its_own_request_id(client: Client, textin: TextInServer) -> None:
    responses = [
        client.post([FILE]),
        client.get("nothing"),
        client.post([FILE], headers={"x-ti-app-id": None}),
        requests.get(textin.url, timeout=30),
    ]
    assert len({response.headers["x-request-id"] for response in responses}) == len(responses)


def test_a_rejected_document_is_deleted(client: Client, textin: TextInServer) -> None:
    client.submit(b"GIF89a", "a.gif")
    client.post([FILE, FILE])
    assert not spooled(textin)


def test_the_request_log_records_requests_and_codes(client: Client, textin: TextInServer) -> None:
    client.submit(b"x" * 5000, "a.txt", {"schema_version": "1.3.0"})
    client.session.get(f"{textin.url}{PATH}/abc?x=1", timeout=30)
    submit, status = textin.requests
    assert (submit.endpoint, submit.method, submit.path, submit.http_status, submit.code) == (
        "submit",
        "POST",
        PATH,
        200,
        200,
    )
    assert submit.body_bytes == int(submit.headers["content-length"]) > 5000
    assert submit.headers["x-ti-app-id"] == textin.app_id
    assert (status.endpoint, status.query, status.code) == ("status", "x=1", 40004)
    assert [textin.count(name) for name in ("submit", "status", "result", "*")] == [1, 1, 0, 2]


def test_one_connection_serves_many_requests(client: Client, textin: TextInServer) -> None:
    job_id = client.submit()["data"]["job_id"]
    for _ in range(20):
        client.status(job_id)
    assert textin.connections == 1
    assert textin.jobs[job_id].polls == 20


def test_the_connection_is_one_of_airflow(textin: TextInServer) -> None:
    connection = json.loads(json.dumps(textin.connection()))
    assert connection == {
        "conn_type": "textin",
        "login": "local-app",
        "password": "local-secret",
        "host": textin.url,
        "extra": {
            "docflow_host": textin.url,
            "workspace_id": "local-workspace",
            "max_requests_per_second": 0,
        },
    }
