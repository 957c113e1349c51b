"""Uploads to DocFlow: accepted and rejected requests, credentials and workspaces."""

from __future__ import annotations

import hashlib
import logging
import re
import socket
import time
from typing import Any

import pytest
import requests

from tests.testing.client import Client, spooled
from tests.testing.docflow_client import FETCH, UPLOAD, V2, DocFlowClient
from tests.testing.small_pdf import encrypted, small_pdf
from textin_provider.testing import FileScript, ScriptedFault, TextInServer
from textin_provider.testing.contract import document
from textin_provider.testing.request_log import redact_query

INVOICE = ("invoice.txt", b"Invoice\nNo: 1")
WORKSPACE = {"workspace_id": "local-workspace"}


def test_uploaded_files_get_long_ids_and_a_batch_number(docflow: DocFlowClient, textin: TextInServer) -> None:
    envelope = docflow.post(INVOICE, ("合同.pdf", small_pdf()), ("LOUD.TXT", b"x"))
    result = envelope["result"]
    assert (envelope["code"], envelope["msg"]) == (200, "成功")
    assert 0 < len(result["batch_number"]) <= 20
    assert [(file["name"], file["format"]) for file in result["files"]] == [
        ("invoice.txt", "txt"),
        ("合同.pdf", "pdf"),
        ("LOUD.TXT", "txt"),
    ]
    ids = [file[name] for file in result["files"] for name in ("id", "task_id")]
    assert len(set(ids)) == 6
    assert all(re.fullmatch("[0-9]{19}", file_id) for file_id in ids)
    record = textin.files[result["files"][0]["id"]]
    assert (record.size, record.sha256) == (len(INVOICE[1]), hashlib.sha256(INVOICE[1]).hexdigest())
    assert textin.uploads_accepted == len(textin.files) == 3
    assert (textin.count("upload"), textin.submissions) == (1, 0)


def test_a_batch_number_can_be_chosen_and_used_again(docflow: DocFlowClient) -> None:
    first = docflow.post(INVOICE, batch_number="批次-1")
    second = docflow.post(INVOICE, batch_number="批次-1")
    assert first["result"]["batch_number"] == second["result"]["batch_number"] == "批次-1"
    ids = [file["id"] for envelope in (first, second) for file in envelope["result"]["files"]]
    assert [file["id"] for file in docflow.wait("批次-1")] == ids


def test_batch_numbers_of_the_server_differ(docflow: DocFlowClient) -> None:
    assert len({docflow.upload(INVOICE, batch_number="") for _ in range(5)}) == 5


def test_urls_are_downloaded_by_the_server(docflow: DocFlowClient, textin: TextInServer) -> None:
    with TextInServer(pending_seconds=0, processing_seconds=0) as elsewhere:
        waiting = Client(elsewhere)
        page = waiting.wait(waiting.submit(b"# Contract")["data"]["job_id"])["result_url"]
        urls = [f"{page}?sig=1", f"{elsewhere.url}/file/xparse_result/missing.md"]
        result = docflow.post(json={"urls": urls})["result"]
        good, bad = docflow.wait(result["batch_number"])
    assert [file["name"] for file in result["files"]] == [page.rpartition("/")[2], "missing.md"]
    assert good["recognition_status"] == 1
    assert good["category"] == "contract"
    assert (bad["recognition_status"], bad["failure_causes"]) == (2, "the url returned HTTP 404")
    assert textin.uploads_accepted == 2


@pytest.mark.parametrize(
    ("request_args", "problem"),
    [
        ({}, "multipart/form-data"),
        ({"data": "x", "headers": {"content-type": "text/plain"}}, "text/plain"),
        ({"files": [("document", INVOICE)]}, "no file is uploaded"),
        ({"files": [("file", INVOICE), ("urls", (None, '["http://x/a.pdf"]'))]}, "urls"),
        ({"files": [("file", ("empty.txt", b""))]}, "empty.txt: the file is empty"),
        ({"data": b"--x", "headers": {"content-type": "multipart/form-data; boundary=x"}}, "Malformed"),
        ({"data": b"{", "headers": {"content-type": "application/json"}}, "not valid JSON"),
        ({"json": {}}, "'urls' is a required property"),
        ({"json": ["http://x/a.pdf"]}, "is not of type 'object'"),
        ({"json": {"urls": []}}, "body.urls"),
        ({"json": {"urls": ["http://x/a.pdf"] * 11}}, "body.urls"),
        ({"json": {"urls": ["http://x/a.pdf", "ftp://x/b.pdf"]}}, "body.urls[1]"),
        ({"json": {"urls": ["http://"]}}, "not an http or https address"),
    ],
)
def test_a_body_without_files_or_urls_is_rejected(
    docflow: DocFlowClient, textin: TextInServer, request_args: dict[str, Any], problem: str
) -> None:
    response = docflow.send("POST", UPLOAD, params=WORKSPACE, **request_args)
    envelope = response.json()
    assert (response.status_code, envelope["code"], envelope["result"]) == (200, 400, None)
    assert problem in envelope["msg"]
    assert not textin.files
    assert not spooled(textin)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({}, "workspace_id: it is required"),
        ({"workspace_id": ""}, "workspace_id: it is required"),
        (WORKSPACE | {"target_process": "parse"}, "target_process: 'parse' is none of classify, extract"),
        (WORKSPACE | {"parser_dpi": "300"}, "parser_dpi: '300' is none of 144, 216"),
        (WORKSPACE | {"parser_formula_level": "3"}, "parser_formula_level"),
        (WORKSPACE | {"parser_parse_mode": "lite"}, "parser_parse_mode"),
        (WORKSPACE | {"parser_crop_dewarp": "true"}, "parser_crop_dewarp: 'true' is not a whole number"),
        (WORKSPACE | {"split_flag": "1"}, "split_flag: '1' is neither true nor false"),
        (WORKSPACE | {"split_flag": "yes"}, "neither true nor false"),
        (WORKSPACE | {"category": ["a", "b"]}, "category: it is given more than once"),
        (WORKSPACE | {"dpi": "144"}, "dpi: there is no such parameter"),
        ("workspace_id=local-workspace&category=%B7%A2%C6%B1", "URL-encoded UTF-8"),
    ],
)
def test_options_are_validated_against_the_contract(
    docflow: DocFlowClient, textin: TextInServer, options: Any, problem: str
) -> None:
    envelope = docflow.send("POST", UPLOAD, params=options, files=[("file", INVOICE)]).json()
    assert envelope["code"] == 400
    assert problem in envelope["msg"]
    assert not textin.files


def test_every_option_of_the_contract_is_accepted(docflow: DocFlowClient, textin: TextInServer) -> None:
    declared = document("docflow-v2")["paths"][UPLOAD]["post"]["parameters"]
    values = {"boolean": "true", "integer": "1", "string": "text"}
    options = {
        item["name"]: item["schema"].get("enum", [values[item["schema"]["type"]]])[0]
        for item in declared
        if "name" in item
    }
    assert docflow.post(INVOICE, **options)["code"] == 200
    (file,) = textin.files.values()
    assert file.options["parser_apply_merge"] == 1
    assert file.options["split_flag"] is True
    assert file.options["parser_parse_mode"] == "auto"


def test_an_unknown_workspace_has_its_own_code(docflow: DocFlowClient, textin: TextInServer) -> None:
    assert docflow.post(INVOICE, params={"workspace_id": "elsewhere"})["code"] == 1005006000
    assert docflow.get(workspace_id="elsewhere")["code"] == 1005006000
    assert not textin.files


def test_one_file_over_the_limit_rejects_the_whole_upload() -> None:
    with TextInServer(max_docflow_file_bytes=1024 * 1024) as textin:
        docflow = DocFlowClient(Client(textin))
        envelope = docflow.post(INVOICE, ("big.txt", b"x" * (1024 * 1024 + 1)))
        assert envelope["code"] == 1005016010
        assert "big.txt has 1048577 bytes; the limit is 1 MB" in envelope["msg"]
        assert not textin.files
        assert not spooled(textin)
        assert docflow.post(("just.txt", b"x" * 1024 * 1024))["code"] == 200


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"x-ti-app-id": None}, 40101),
        ({"x-ti-secret-code": ""}, 40101),
        ({"x-ti-secret-code": "guess"}, 40102),
    ],
)
def test_credentials_have_the_codes_of_xparse_in_the_envelope_of_docflow(
    docflow: DocFlowClient, headers: dict[str, Any], code: int
) -> None:
    for method, path in (("POST", UPLOAD), ("GET", FETCH)):
        envelope = docflow.send(method, path, params=WORKSPACE, headers=headers).json()
        assert (envelope["code"], envelope.keys()) == (code, {"code", "msg", "result"})


def test_an_unknown_docflow_path_is_an_error_in_the_envelope_of_docflow(docflow: DocFlowClient) -> None:
    envelope = docflow.send("POST", f"{V2}/file/upload/url", params=WORKSPACE).json()
    assert envelope["code"] == 40400
    assert "msg" in envelope


def test_a_password_opens_the_pdf_and_is_not_in_request_log_log_and_repr(
    docflow: DocFlowClient, textin: TextInServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    pdf = encrypted(small_pdf(), "ge heim&1")
    batch = docflow.upload(("a.pdf", pdf), parser_pdf_pwd="ge heim&1", category="x")
    (file,) = docflow.wait(batch)
    assert file["recognition_status"] == 1
    assert file["parser_params"]["pdf_pwd"] == "ge heim&1"
    textin.fault("upload", ScriptedFault(code=500))
    docflow.post(("a.pdf", pdf), parser_pdf_pwd="ge heim&1")
    docflow.send("GET", "/elsewhere", params={"parser_pdf_pwd": "ge heim&1"})
    logged = [record.getMessage() for record in caplog.records if not record.name.startswith("urllib3")]
    seen = f"{textin.requests}{list(textin.files.values())}{logged}"
    assert "a.pdf" in seen
    assert "heim" not in seen
    assert textin.requests[0].query == "workspace_id=local-workspace&parser_pdf_pwd=***&category=x"
    assert redact_query("a=1&parser%5Fpdf_pwd=x&b=pwd") == "a=1&parser%5Fpdf_pwd=***&b=pwd"


@pytest.mark.parametrize(("password", "cause"), [(None, "needs a password"), ("wrong", "wrong password")])
def test_a_pdf_without_the_right_password_fails_after_the_upload(
    docflow: DocFlowClient, password: str | None, cause: str
) -> None:
    file = docflow.read("a.pdf", encrypted(small_pdf(), "geheim"), parser_pdf_pwd=password)
    assert file["recognition_status"] == 2
    assert cause in file["failure_causes"]


@pytest.mark.parametrize(
    ("fault", "accepted"),
    [
        (ScriptedFault(code=429), 0),
        (ScriptedFault(code=900, accept=True), 2),
        (ScriptedFault(cut="before_answer"), 0),
        (ScriptedFault(cut="before_answer", accept=True), 2),
        (ScriptedFault(cut="in_body"), 2),
    ],
)
def test_a_fault_of_upload_applies_before_or_after_its_files_are_created(
    docflow: DocFlowClient, textin: TextInServer, fault: ScriptedFault, accepted: int
) -> None:
    textin.fault("upload", fault)
    try:
        assert docflow.post(INVOICE, INVOICE)["code"] == fault.code
    except requests.RequestException:
        assert fault.code is None
    assert textin.uploads_accepted == len(textin.files) == accepted


def test_an_aborted_upload_is_not_accepted(docflow: DocFlowClient, textin: TextInServer) -> None:
    head = (
        f"POST {UPLOAD}?workspace_id=local-workspace HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n"
        f"x-ti-app-id: {textin.app_id}\r\nx-ti-secret-code: {textin.secret_code}\r\n"
        "Content-Type: multipart/form-data; boundary=x\r\n\r\n"
        '--x\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\nhalf'
    )
    with socket.create_connection(("127.0.0.1", int(textin.url.rpartition(":")[2]))) as connection:
        connection.sendall(head.encode())
        while not spooled(textin):
            time.sleep(0.005)
    while spooled(textin):
        time.sleep(0.005)
    assert textin.uploads_accepted == len(textin.files) == 0
    assert docflow.post(INVOICE)["code"] == 200


def test_faults_of_docflow_use_its_envelope(docflow: DocFlowClient, textin: TextInServer) -> None:
    for code in (423, 429, 500, 900):
        textin.fault("fetch", ScriptedFault(code=code, message="busy"))
    assert [docflow.get() for _ in range(4)] == [
        {"code": code, "msg": "busy", "result": None} for code in (423, 429, 500, 900)
    ]
    assert docflow.get()["code"] == 200


def test_the_response_of_an_upload_can_omit_task_ids(docflow: DocFlowClient, textin: TextInServer) -> None:
    textin.script_file(FileScript(omit_fields=("task_id",)))
    (file,) = docflow.post(INVOICE)["result"]["files"]
    assert file.keys() == {"id", "name", "format"}


def test_the_request_log_counts_the_bytes_of_responses(docflow: DocFlowClient, textin: TextInServer) -> None:
    whole = docflow.send("GET", FETCH, params=WORKSPACE)
    textin.fault("fetch", ScriptedFault(truncate=10))
    with pytest.raises(requests.RequestException):
        docflow.get()
    textin.fault("fetch", ScriptedFault(chunked=True))
    docflow.get()
    sizes = [request.answer_bytes for request in textin.requests]
    assert sizes == [len(whole.content), 10, len(whole.content)]
    assert textin.bytes_sent("fetch") == textin.bytes_sent("*") == sum(sizes)
    assert textin.bytes_sent("upload") == 0


def test_workspaces_are_listed_and_described() -> None:
    with TextInServer(workspace_id=["one", "two"]) as textin:
        docflow = DocFlowClient(Client(textin))
        assert textin.workspace_id == "one"
        assert textin.connection()["extra"]["workspace_id"] == "one"
        result = docflow.send("GET", f"{V2}/workspace/list").json()["result"]
        assert [found["workspace_id"] for found in result["workspaces"]] == ["one", "two"]
        second = docflow.send("GET", f"{V2}/workspace/list", params={"page": 2, "page_size": 1}).json()
        assert [found["workspace_id"] for found in second["result"]["workspaces"]] == ["two"]
        known = docflow.send("GET", f"{V2}/workspace/get", params={"workspace_id": "two"}).json()
        assert known["result"]["workspace_id"] == "two"
        unknown = docflow.send("GET", f"{V2}/workspace/get", params={"workspace_id": "three"}).json()
        assert unknown["code"] == 1005006000
        assert textin.count("workspaces") == 4
        docflow.post(INVOICE, batch_number="b", params={"workspace_id": "two", "batch_number": "b"})
        assert docflow.names(workspace_id="one", batch_number="b") == []
        assert docflow.names(workspace_id="two", batch_number="b") == ["invoice.txt"]
