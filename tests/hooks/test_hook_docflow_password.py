"""The password of a PDF travels in the query, and is in no log, error, repr or traceback."""

from __future__ import annotations

import pickle
import socket
import traceback
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from textin_provider.exceptions import TextInError
from textin_provider.testing import FileScript, ScriptedFault, TextInServer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.hooks.support import Connect
    from textin_provider.hooks.textin import TextInHook

PASSWORD = "hush-7f3a&密码"
ECHO = f"parser_pdf_pwd={quote(PASSWORD)} {PASSWORD}"


@pytest.fixture
def document(tmp_path: Path) -> str:
    path = tmp_path / "doc.txt"
    path.write_text("Total: 1\n")
    return str(path)


def assert_hushed(text: str) -> None:
    for secret in (PASSWORD, quote(PASSWORD), "hush-7f3a"):
        assert secret not in text


def told_of(error: BaseException) -> str:
    """Return all that an error tells of itself and of what it came from."""
    texts = ["".join(traceback.format_exception(error))]
    shown: BaseException | None = error
    while shown is not None:
        texts += [str(shown), repr(shown), repr(shown.args), repr(vars(shown))]
        shown = shown.__cause__ or (None if shown.__suppress_context__ else shown.__context__)
    texts.append(repr(vars(pickle.loads(pickle.dumps(error)))))
    return "\n".join(texts)


def test_it_reaches_the_server_and_is_in_no_log(
    hook: TextInHook, textin: TextInServer, document: str, logs: Callable[[], str]
) -> None:
    upload = hook.upload_docflow_files([document] * 11, pdf_password=PASSWORD)

    assert {file.options["parser_pdf_pwd"] for file in textin.files.values()} == {PASSWORD}
    assert "POST" in logs(), "the log shows the requests"
    assert_hushed(logs())
    assert_hushed(repr([hook, hook.get_conn(), upload, upload.to_dict()]))


@pytest.mark.parametrize(
    "fault",
    [
        {"cut": "before_answer"},
        {"cut": "in_headers"},
        {"cut": "in_body"},
        {"http_status": 502, "body": b"<html>", "content_type": "text/html"},
        {"http_status": 502, "body": f"<html>{ECHO}".encode(), "content_type": "text/html"},
        {"http_status": 302, "body": b"", "headers": {"Location": f"https://h/?{quote(ECHO)}"}},
        {"code": 429},
        {"code": 40423, "message": "PDF password wrong"},
        {"delay": 3.0},
    ],
    ids=lambda fault: " ".join(map(str, fault)) + str(fault.get("http_status", fault.get("cut", ""))),
)
def test_it_is_in_no_log_and_no_error_when_the_upload_fails(
    connect: Connect, textin: TextInServer, document: str, logs: Callable[[], str], fault: dict[str, Any]
) -> None:
    textin.fault("upload", ScriptedFault(**fault), times=None)

    with pytest.raises(TextInError) as caught:
        connect({"timeout": 0.5}).upload_docflow_files(document, pdf_password=PASSWORD, rate_limit_timeout=0)

    assert textin.count("upload") == 1
    assert_hushed(told_of(caught.value))
    assert_hushed(logs())


def test_it_is_in_no_error_although_textin_echoes_it(
    hook: TextInHook, textin: TextInServer, document: str, logs: Callable[[], str]
) -> None:
    textin.fault("upload", ScriptedFault(code=400, message=f"parser_pdf_pwd: {PASSWORD!r} is wrong"))

    with pytest.raises(TextInError) as caught:
        hook.upload_docflow_files(document, pdf_password=PASSWORD)

    assert_hushed(told_of(caught.value))
    assert_hushed(logs())


def test_it_is_in_no_log_and_no_error_when_the_connection_is_refused(
    connect: Connect, document: str, logs: Callable[[], str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    with pytest.raises(TextInError) as caught:
        connect({"docflow_host": f"http://127.0.0.1:{port}"}).upload_docflow_files(
            document, pdf_password=PASSWORD
        )

    assert "Retrying" in logs(), "the log shows the tries"
    assert_hushed(told_of(caught.value))
    assert_hushed(logs())


def test_it_is_in_no_error_of_a_second_portion(
    hook: TextInHook, textin: TextInServer, document: str, logs: Callable[[], str]
) -> None:
    textin.fault("upload", ScriptedFault(chunked=True))
    textin.fault("upload", ScriptedFault(cut="before_answer"))

    with pytest.raises(TextInError, match="10 of 11") as caught:
        hook.upload_docflow_files([document] * 11, pdf_password=PASSWORD)

    assert_hushed(told_of(caught.value))
    assert_hushed(logs())


def test_it_is_in_no_record_that_is_fetched_although_textin_echoes_it(
    hook: TextInHook, textin: TextInServer, document: str
) -> None:
    textin.script_file(FileScript(status=1, children=(FileScript(), FileScript(status=2))))
    upload = hook.upload_docflow_files(document, pdf_password=PASSWORD, split_flag=True)
    (file,) = hook.fetch_docflow_files(upload.batch_number)
    while not file.status.is_terminal:
        (file,) = hook.fetch_docflow_files(upload.batch_number)

    assert len(file.children) == 2
    for member in file.with_parts():
        assert_hushed(repr(member) + repr(member.record))
