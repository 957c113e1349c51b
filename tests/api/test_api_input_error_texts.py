"""The exact texts of the errors for invalid input: the parameter, the problem and the fix."""

from __future__ import annotations

import io
from typing import Any

import pytest

from textin_provider.api.docflow.fetch import fetch_page
from textin_provider.api.docflow.models import Selector
from textin_provider.api.docflow.upload import MAX_FILE_BYTES, check_sources, upload_files, upload_options
from textin_provider.api.errors import ApiError, ErrorKind, bad_input
from textin_provider.api.inputs import Document, check_http_url, exactly_one_of
from textin_provider.api.xparse.endpoints import check_config, check_job_id, submit_job

ONE_MB = 1024 * 1024
URL_FIX = "Pass an absolute http(s) URL that TextIn can reach"
CONFIG_FIX = "Pass a dict or the text of a JSON object"
ID_FIX = "Pass the value that the upload returned: one value, not a list"
OPTION_FIX = "Use the names of TextIn's documentation"
PATH_FIX = "Pass a path or URL as text, a pathlib.Path or an ObjectStoragePath"
SOURCES_FIX = "Pass exactly one of files, urls"


def document(size: int) -> Document:
    return Document("a.pdf", size, io.BytesIO(b""))


def texts(error: ApiError) -> tuple[str, str, str]:
    return error.about, error.message, error.fix


def refusal(function: Any, *args: Any, **kwargs: Any) -> tuple[str, str, str]:
    with pytest.raises(ApiError) as caught:
        function(*args, **kwargs)
    error = caught.value
    assert error.kind is ErrorKind.REQUEST
    assert (error.code, error.detail, error.request_id, error.retry_after) == (None, None, None, None)
    return texts(error)


def test_bad_input_names_parameter_value_problem_and_fix() -> None:
    error = bad_input("file", "https://u:p@h/a?b", "it is missing", "Check it")
    assert error.kind is ErrorKind.REQUEST
    assert texts(error) == ("file='https://h/a?...'", "it is missing", "Check it")
    assert bad_input("page", 7, "it is odd", "Pass 6").about == "page=7"


def test_exactly_one_parameter_is_returned_with_its_value() -> None:
    assert exactly_one_of(a=None, b=0) == ("b", 0)


def test_none_of_several_parameters_is_an_error_that_lists_all() -> None:
    assert refusal(exactly_one_of, a=None, b=None) == (
        "a=None, b=None",
        "none is given",
        "Pass exactly one of a, b",
    )


def test_several_parameters_are_an_error_that_lists_the_given_ones() -> None:
    assert refusal(exactly_one_of, a=1, b=None, c="x") == (
        "a=1, c='x'",
        "several are given",
        "Pass exactly one of a, b, c",
    )


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        (0, ("file='a.pdf'", "it is empty", "Check the process that writes it")),
        (2 * ONE_MB + 1, ("file='a.pdf'", "it has 2.0 MB", "TextIn takes at most 2 MB; split it")),
        (3 * ONE_MB, ("file='a.pdf'", "it has 3.0 MB", "TextIn takes at most 2 MB; split it")),
    ],
)
def test_the_size_of_a_document_is_checked(size: int, expected: tuple[str, str, str]) -> None:
    assert refusal(document(size).check_size, "file", 2 * ONE_MB) == expected


@pytest.mark.parametrize("size", [1, 2 * ONE_MB])
def test_a_document_within_the_limits_passes(size: int) -> None:
    document(size).check_size("file", 2 * ONE_MB)


def test_a_document_becomes_a_part_of_a_form() -> None:
    content = io.BytesIO(b"abc")
    part = Document("a.pdf", 3, content, "files='/data/a.pdf'").as_part()
    assert (part.name, part.content_type, part.filename, part.size, part.source) == (
        "file",
        "application/octet-stream",
        "a.pdf",
        3,
        "files='/data/a.pdf'",
    )
    assert part.content is content


@pytest.mark.parametrize(
    ("url", "about"),
    [("ftp://h/a", "webhook='ftp://h/a'"), (7, "webhook=7"), ("http://", "webhook='http://'")],
)
def test_a_url_that_is_not_http_is_an_error(url: object, about: str) -> None:
    assert refusal(check_http_url, "webhook", url) == (about, "it is not such a URL", URL_FIX)


@pytest.mark.parametrize("job_id", ["a b", "none", 7], ids=repr)
def test_an_invalid_job_id_is_an_error(job_id: object) -> None:
    assert refusal(check_job_id, job_id) == (
        f"job_id={job_id!r}",
        "it is not a valid job id",
        "Pass the id that the submit returned, usually 32 hexadecimal digits",
    )


@pytest.mark.parametrize(
    ("config", "problem"),
    [
        ([], "it is a list"),
        ("7", "it is a int"),
        (
            "[",
            "it is not valid JSON: Expecting value: line 1 column 2 (char 1)",
        ),
        ({"a": float("nan")}, "it is not valid JSON: Out of range float values are not JSON compliant"),
        ({"a": {1}}, "it is not valid JSON: Object of type set is not JSON serializable"),
        (
            {"a": "\ud83d"},
            "it is not valid JSON: 'utf-8' codec can't encode character '\\ud83d' in position 7:"
            " surrogates not allowed",
        ),
    ],
    ids=["list", "number", "cut off", "nan", "set", "surrogate"],
)
def test_an_invalid_config_is_an_error_that_does_not_quote_it(config: Any, problem: str) -> None:
    about, message, fix = refusal(check_config, config)
    assert (about, fix) == ("config='...'", CONFIG_FIX)
    # Newer Pythons add the value, or where it is.
    assert message.startswith(problem)


def test_a_config_becomes_plain_json_values() -> None:
    given = {"标题": (1, 2)}
    plain = check_config(given)
    assert plain == {"标题": [1, 2]}
    assert plain is not given


def test_a_submit_with_two_documents_names_both() -> None:
    assert refusal(submit_job, document=document(3), file_url="https://h/a") == (
        "file='a.pdf', file_url='https://h/a'",
        "several are given",
        "Pass exactly one of file, file_url",
    )
    assert refusal(submit_job)[0] == "file=None, file_url=None"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"document": document(0)}, ("file='a.pdf'", "it is empty", "Check the process that writes it")),
        ({"file_url": "x"}, ("file_url='x'", "it is not such a URL", URL_FIX)),
        ({"file_url": "http://h", "webhook": "x"}, ("webhook='x'", "it is not such a URL", URL_FIX)),
        ({"file_url": "http://h", "config": "[]"}, ("config='...'", "it is a list", CONFIG_FIX)),
    ],
    ids=["document", "file_url", "webhook", "config"],
)
def test_a_submit_names_the_invalid_parameter(given: dict[str, Any], expected: tuple[str, str, str]) -> None:
    assert refusal(submit_job, **given) == expected


@pytest.mark.parametrize(
    ("files", "urls", "expected"),
    [
        (None, None, ("files=None, urls=None", "none is given", SOURCES_FIX)),
        (["a"], "b", ("files=['a'], urls='b'", "several are given", SOURCES_FIX)),
        ([], None, ("files=[]", "it is empty", "Pass at least one; check the task that made the list")),
        ("", None, ("files=''", "it is empty", "Pass at least one; check the task that made the list")),
        (None, "", ("urls=''", "it is empty", "Pass at least one; check the task that made the list")),
        (["a", None], None, ("files=None", "it is None", PATH_FIX)),
        (["a", b"b"], None, ("files=b'b'", "it is a bytes", PATH_FIX)),
        (["a", " "], None, ("files=' '", "it is empty", PATH_FIX)),
        (["a", "b\0"], None, ("files='b\\x00'", "it contains a character that no file name has", PATH_FIX)),
        (["a", 7], None, ("files=7", "it is a int", PATH_FIX)),
        (None, ["http://h", "x"], ("urls='x'", "it is not such a URL", URL_FIX)),
    ],
)
def test_the_sources_of_an_upload_are_checked(files: Any, urls: Any, expected: tuple[str, str, str]) -> None:
    assert refusal(check_sources, files, urls) == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (
            {"target_process": "parse"},
            ("target_process='parse'", "it is not a known process", "Use classify or extract"),
        ),
        (
            {"parser_params": {"dpi": 144, "PDF_PWD": "x"}},
            ("parser_params=['PDF_PWD', 'dpi']", "it holds a password", "Use pdf_password, which is masked"),
        ),
        (
            {"parser_params": {"parser_PASSWORD": "x", "a": 1}},
            ("parser_params=['PASSWORD', 'a']", "it holds a password", "Use pdf_password, which is masked"),
        ),
        (
            {"parser_params": {"dpi": 144, "apply-merge": 1}},
            (
                "parser_params=['apply-merge', 'dpi']",
                "'apply-merge' is not a valid name, or its value is not a number or text",
                OPTION_FIX,
            ),
        ),
        (
            {"parser_params": {"dpi": 1.5}},
            (
                "parser_params=['dpi']",
                "'dpi' is not a valid name, or its value is not a number or text",
                OPTION_FIX,
            ),
        ),
    ],
    ids=["process", "pwd", "password", "name", "value"],
)
def test_the_options_of_an_upload_are_checked(given: dict[str, Any], expected: tuple[str, str, str]) -> None:
    assert refusal(upload_options, **given) == expected


@pytest.mark.parametrize("process", [None, "classify", "extract"])
def test_the_known_processes_are_options(process: str | None) -> None:
    assert upload_options(target_process=process) == {
        "category": None,
        "target_process": process,
        "split_flag": None,
        "crop_flag": None,
        "auto_verify_vat": None,
        "parser_pdf_pwd": None,
    }


@pytest.mark.parametrize(
    ("size", "problem", "fix"),
    [
        (0, "it is empty", "Check the process that writes it"),
        (MAX_FILE_BYTES + ONE_MB, "it has 101.0 MB", "TextIn takes at most 100 MB; split it"),
    ],
)
def test_each_document_of_an_upload_is_checked(size: int, problem: str, fix: str) -> None:
    assert refusal(upload_files, "w", documents=[document(1), document(size)]) == (
        "files='a.pdf'",
        problem,
        fix,
    )


def test_each_url_of_an_upload_is_checked() -> None:
    assert refusal(upload_files, "w", urls=["http://h", "x"]) == ("urls='x'", "it is not such a URL", URL_FIX)


@pytest.mark.parametrize("value", ["", "none", "a\nb", ["b"], True, 1.5], ids=repr)
@pytest.mark.parametrize("name", ["batch_number", "file_id", "task_id"])
def test_an_invalid_selector_is_an_error(name: str, value: Any) -> None:
    about = " ".join(f"{name}={value!r}".split())
    assert refusal(Selector.of, **{name: value}) == (about, "it is not a valid id", ID_FIX)


def test_unknown_filters_are_an_error_that_lists_the_known_ones() -> None:
    assert refusal(fetch_page, "w", filters={"z": 1, "category": "c", "a": 2}) == (
        "filters=['a', 'z']",
        "unknown filters",
        "Use category, end_time, recognition_status, start_time, verification_status,"
        " with_document, with_image_url, with_task_detail_url",
    )
