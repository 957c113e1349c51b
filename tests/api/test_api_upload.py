"""What an upload to DocFlow consists of, and how its answer is read."""

from __future__ import annotations

import io
import json
from pathlib import PurePosixPath
from typing import Any

import pytest

from textin_provider.api.docflow.upload import (
    MAX_FILE_BYTES,
    DocFlowUpload,
    check_sources,
    upload_files,
    upload_options,
)
from textin_provider.api.errors import ApiError, ErrorKind
from textin_provider.api.inputs import Document
from textin_provider.api.protocol import Request, Response, Service

PASSWORD = "hush-7f3a"


def document(name: str = "a.pdf", size: int = 3) -> Document:
    return Document(name, size, io.BytesIO(b"abc"))


def receipt(**fields: Any) -> dict[str, Any]:
    return {"id": "1", "task_id": "2", "name": "a.pdf", "format": "pdf"} | fields


def answered(body: Any, call: Request[DocFlowUpload] | None = None, status: int = 200) -> DocFlowUpload:
    call = call or upload_files("w", documents=[document()])
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    return call.read(Response.received(status, {}, text, now=0.0))


@pytest.mark.parametrize(
    ("files", "urls", "expected"),
    [
        ("a.pdf", None, ["a.pdf"]),
        (PurePosixPath("a.pdf"), None, [PurePosixPath("a.pdf")]),
        ([PurePosixPath("a.pdf"), "b"], None, [PurePosixPath("a.pdf"), "b"]),
        ("['a.pdf', 'b.pdf']", None, ["a.pdf", "b.pdf"]),
        (None, "['https://h/a.pdf']", ["https://h/a.pdf"]),
        (["a.pdf", "b.pdf"], None, ["a.pdf", "b.pdf"]),
        (("a.pdf",), None, ["a.pdf"]),
        (None, "https://h/a.pdf", ["https://h/a.pdf"]),
        (None, [" https://h/a.pdf ", "http://h/b"], ["https://h/a.pdf", "http://h/b"]),
    ],
)
def test_files_or_urls_are_taken_as_a_list(files: Any, urls: Any, expected: list[str]) -> None:
    assert check_sources(files, urls) == expected


@pytest.mark.parametrize(
    ("files", "urls"), [(None, None), (["a"], ["https://h/a"]), ([], []), ([], ["https://h"])]
)
def test_exactly_one_of_files_and_urls_must_be_given(files: Any, urls: Any) -> None:
    with pytest.raises(ApiError, match="exactly one of files, urls") as caught:
        check_sources(files, urls)

    assert caught.value.kind is ErrorKind.REQUEST


@pytest.mark.parametrize("given", [{"files": []}, {"urls": []}, {"files": ()}], ids=repr)
def test_an_empty_list_is_an_error_that_says_where_to_look(given: dict[str, Any]) -> None:
    with pytest.raises(
        ApiError, match=r"=[\[(][])]: it is empty. Pass at least one; check the task that made the list"
    ):
        check_sources(given.get("files"), given.get("urls"))


@pytest.mark.parametrize(
    "url",
    ["", "a.pdf", "ftp://h/a", "s3://b/a", "https://", "//h/a", "http://[", None, 5, ["https://h/a"]],
    ids=repr,
)
def test_a_bad_url_is_refused_wherever_it_stands(url: Any) -> None:
    with pytest.raises(ApiError, match="urls="):
        check_sources(None, [*(f"https://h/{number}" for number in range(10)), url])


def test_a_refused_url_shows_no_signature() -> None:
    with pytest.raises(ApiError) as caught:
        check_sources(["a"], ["https://user:hush@h/a?sig=hush"])

    assert "hush" not in str(caught.value)


@pytest.mark.parametrize(
    "files", [[None], [5], 5, True, b"a.pdf", [b"a.pdf"], {"a.pdf": 1}, [["a.pdf"]], [" "], "[5]"], ids=repr
)
def test_files_that_are_not_paths_are_refused(files: Any) -> None:
    with pytest.raises(ApiError, match="files="):
        check_sources(files, None)


def options(**given: Any) -> dict[str, str]:
    return dict(upload_files("w", documents=[document()], options=upload_options(**given)).params)


def test_options_that_are_not_given_are_left_to_textin() -> None:
    assert options() == {"workspace_id": "w"}


def test_all_options_go_into_the_query() -> None:
    given = options(
        category="增值税发票",
        target_process="classify",
        split_flag=True,
        crop_flag=False,
        auto_verify_vat=True,
        parser_params={
            "parse_mode": "vlm",
            "parser_dpi": 216,
            "apply_merge": True,
            "remove_watermark": False,
        },
        pdf_password=PASSWORD,
    )

    assert given == {
        "workspace_id": "w",
        "category": "增值税发票",
        "target_process": "classify",
        "split_flag": "true",
        "crop_flag": "false",
        "auto_verify_vat": "true",
        "parser_parse_mode": "vlm",
        "parser_dpi": "216",
        "parser_apply_merge": "1",
        "parser_remove_watermark": "0",
        "parser_pdf_pwd": PASSWORD,
    }


@pytest.mark.parametrize("value", ["", "Extract", "parse", 1, True], ids=repr)
def test_an_unknown_target_process_is_refused(value: Any) -> None:
    with pytest.raises(ApiError, match="Use classify or extract"):
        upload_options(target_process=value)


@pytest.mark.parametrize(
    "name", ["pdf_pwd", "parser_pdf_pwd", "PDF_PWD", "pdf-pwd", "pdf_password", "password"]
)
def test_a_password_among_the_parser_params_is_refused_and_not_shown(name: str) -> None:
    with pytest.raises(ApiError, match="parser_params") as caught:
        upload_options(parser_params={name: PASSWORD})

    assert PASSWORD not in str(caught.value)


@pytest.mark.parametrize(
    "params", [{"": 1}, {"a b": 1}, {"dpi&workspace_id": 1}, {"dpi": [1]}, {"dpi": 1.5}], ids=repr
)
def test_parser_params_that_are_not_usable_are_refused(params: dict[str, Any]) -> None:
    with pytest.raises(ApiError, match="parser_params"):
        upload_options(parser_params=params)


def test_documents_go_as_repeated_parts_of_a_form() -> None:
    call = upload_files("w", documents=[document("发票.pdf"), document("b.pdf")], batch_number="b7")

    assert (call.method, call.service) == ("POST", Service.DOCFLOW)
    assert call.path == "/api/app-api/sip/platform/v2/file/upload"
    assert [(part.name, part.filename, part.size) for part in call.parts] == [
        ("file", "发票.pdf", 3),
        ("file", "b.pdf", 3),
    ]
    assert dict(call.params) == {"workspace_id": "w", "batch_number": "b7"}
    assert (call.json, call.is_read) == (None, False)


def test_urls_go_as_json() -> None:
    call = upload_files("w", urls=["https://h/发票.pdf?sig=x", "http://h/b"])

    assert json.loads(call.json or "") == {"urls": ["https://h/发票.pdf?sig=x", "http://h/b"]}
    assert call.parts == ()


def test_what_the_call_says_of_itself_shows_names_and_no_secret() -> None:
    signed = upload_files("w", urls=["https://u:hush@h/a.pdf?sig=hush"], options={"parser_pdf_pwd": "hush"})
    local = upload_files("w", documents=[document("发票.pdf")], options={"parser_pdf_pwd": "hush"})

    assert "https://h/a.pdf" in signed.about
    assert "发票.pdf" in local.about
    assert "hush" not in repr([signed, local]) + signed.about + local.about


def test_the_names_of_ten_files_stay_one_short_line() -> None:
    call = upload_files("w", documents=[document("long name\n" * 50) for _ in range(10)])

    assert len(call.about.splitlines()) == 1
    assert len(call.about) < 600


@pytest.mark.parametrize(
    ("size", "problem"), [(0, "it is empty"), (MAX_FILE_BYTES + 1, "100.0 MB.*at most 100 MB")]
)
def test_a_document_that_textin_would_refuse_is_not_sent(size: int, problem: str) -> None:
    with pytest.raises(ApiError, match=f"a.pdf.*{problem}"):
        upload_files("w", documents=[document(size=size)])


def test_a_document_of_100_megabytes_is_sent() -> None:
    assert upload_files("w", documents=[document(size=MAX_FILE_BYTES)]).parts[0].size == 100 * 1024 * 1024
