"""Every file that DocFlow accepts is paid for: when an upload is sent again, and when it is not."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

import pytest

from tests.hooks.support import readable
from textin_provider.exceptions import (
    TextInAuthenticationError,
    TextInError,
    TextInQuotaError,
    TextInRateLimitError,
    TextInRequestError,
    TextInServerError,
    TextInTransportError,
    TextInUncertainSubmitError,
)
from textin_provider.testing import ScriptedFault, TextInServer

if TYPE_CHECKING:
    from pathlib import Path

    from tests.hooks.support import Connect, Foreign, Pauses
    from textin_provider.hooks.textin import TextInHook


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    paths = [tmp_path / f"doc_{number}.txt" for number in range(11)]
    for path in paths:
        path.write_text("Total: 1\n")
    return [str(path) for path in paths]


@pytest.fixture
def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


BROKEN: list[dict[str, Any]] = [
    {"cut": "before_answer"},
    {"cut": "in_headers"},
    {"cut": "in_body"},
    {"http_status": 500, "body": b""},
    {"http_status": 502, "body": b"<html>", "content_type": "text/html"},
    {"http_status": 504},
    {"http_status": 302, "body": b""},
    {"http_status": 404, "body": b"default backend - 404", "content_type": "text/plain"},
    {"http_status": 503, "body": b'{"code": 14, "message": "upstream"}'},
    {"body": b'{"code": 500, "msg": "no", "result": {"files": [{"id": "1"}]}}'},
    {"code": 50207},
    {"body": b"<html>welcome</html>", "content_type": "text/html"},
    {"body": b'{"code": 200, "result": {}}'},
    {"body": b'{"code": 200, "result": null}'},
    {"delay": 3.0},
]
REFUSED: list[tuple[int, type[TextInError]]] = [
    (423, TextInRateLimitError),
    (429, TextInRateLimitError),
    (900, TextInRateLimitError),
    (40306, TextInRateLimitError),
    (500, TextInServerError),
    (403, TextInAuthenticationError),
    (40102, TextInAuthenticationError),
    (40003, TextInQuotaError),
    (400, TextInRequestError),
    (1005016010, TextInRequestError),
    (1005016018, TextInRequestError),
    (1005025103, TextInRequestError),
]


@pytest.mark.parametrize("accepted", [False, True], ids=["not accepted", "accepted"])
@pytest.mark.parametrize("fault", BROKEN, ids=readable)
def test_an_upload_that_was_sent_is_never_sent_again(
    connect: Connect, textin: TextInServer, files: list[str], fault: dict[str, Any], accepted: bool
) -> None:
    textin.fault("upload", ScriptedFault(**fault, accept=accepted), times=None)

    with pytest.raises(TextInUncertainSubmitError, match=r"doc_0\.txt.*may have been accepted") as caught:
        connect({"timeout": 0.5}).upload_docflow_files(files[:2])

    assert textin.count("upload") == 1
    assert textin.uploads_accepted <= 2
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(("code", "error"), REFUSED)
def test_an_upload_that_was_refused_is_not_sent_again(
    hook: TextInHook, textin: TextInServer, files: list[str], code: int, error: type[TextInError]
) -> None:
    textin.fault("upload", ScriptedFault(code=code), times=None)

    with pytest.raises(error) as caught:
        hook.upload_docflow_files(files, rate_limit_timeout=0)

    assert type(caught.value) is error
    assert caught.value.code == code
    assert "were accepted" not in str(caught.value)
    assert (textin.count("upload"), textin.uploads_accepted) == (1, 0)


@pytest.mark.parametrize(("code", "error"), REFUSED)
def test_a_second_portion_that_is_refused_names_what_was_accepted_and_is_not_retried(
    hook: TextInHook, textin: TextInServer, files: list[str], code: int, error: type[TextInError]
) -> None:
    textin.fault("upload", ScriptedFault(chunked=True))
    textin.fault("upload", ScriptedFault(code=code), times=None)

    with pytest.raises(TextInError, match="10 of 11 files were accepted under batch_number='b7'") as caught:
        hook.upload_docflow_files(files, batch_number="b7", rate_limit_timeout=0)

    is_transient = error in (TextInRateLimitError, TextInServerError)
    expected = TextInUncertainSubmitError if is_transient else error
    assert type(caught.value) is expected
    assert not caught.value.kind.is_transient
    assert "same batch_number" in str(caught.value)
    assert (textin.count("upload"), textin.uploads_accepted) == (2, 10)


@pytest.mark.parametrize("fault", BROKEN, ids=readable)
def test_a_second_portion_that_breaks_off_names_what_was_accepted(
    connect: Connect, textin: TextInServer, files: list[str], fault: dict[str, Any]
) -> None:
    textin.fault("upload", ScriptedFault(chunked=True))
    textin.fault("upload", ScriptedFault(**fault), times=None)
    told: list[int] = []

    with pytest.raises(
        TextInUncertainSubmitError, match="10 of 11 files were accepted under batch_number="
    ) as caught:
        connect({"timeout": 0.5}).upload_docflow_files(
            files, on_accepted=lambda all_: told.append(len(all_.files))
        )

    assert "may have been accepted" in str(caught.value)
    (batch_number,) = {file.batch_number for file in list(textin.files.values())[:10]}
    assert f"batch_number='{batch_number}'" in str(caught.value)
    assert (textin.count("upload"), told) == (2, [10])


def test_a_textin_that_went_away_between_two_portions_is_no_transient_error(
    hook: TextInHook, textin: TextInServer, files: list[str]
) -> None:
    with pytest.raises(
        TextInUncertainSubmitError, match="10 of 11 files were accepted under batch_number='b7'"
    ):
        hook.upload_docflow_files(files, batch_number="b7", on_accepted=lambda _: textin.stop())

    assert textin.count("upload") == 1


def test_a_refused_connection_is_tried_again_and_every_file_is_sent_from_its_beginning(
    connect: Connect, files: list[str], free_port: int, pauses: Pauses
) -> None:
    server = TextInServer(port=free_port)
    hook = connect({"docflow_host": f"http://127.0.0.1:{free_port}"})
    pauses.then = lambda: server.start() if len(pauses) == 2 else None
    try:
        upload = hook.upload_docflow_files(files[:3], workspace_id=server.workspace_id)
        assert (server.count("upload"), server.uploads_accepted) == (1, 3)
        assert list(server.files) == [receipt["file_id"] for receipt in upload.files]
        assert {file.size for file in server.files.values()} == {len("Total: 1\n")}
    finally:
        server.stop()


def test_a_connection_that_is_always_refused_is_a_transport_error(
    connect: Connect, files: list[str], free_port: int
) -> None:
    with pytest.raises(TextInTransportError, match="no response") as caught:
        connect({"docflow_host": f"http://127.0.0.1:{free_port}"}).upload_docflow_files(files)

    assert "accepted" not in str(caught.value)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirected_upload_is_not_followed(
    hook: TextInHook, textin: TextInServer, files: list[str], foreign: Foreign, status: int
) -> None:
    textin.fault("upload", ScriptedFault(http_status=status, body=b"", headers={"Location": foreign.url}))

    with pytest.raises(TextInUncertainSubmitError, match=r"redirected.*base URL"):
        hook.upload_docflow_files(files[:1])

    assert textin.count("upload") == 1
    assert foreign.requests == []


def test_a_second_portion_goes_over_the_connection_of_the_first(
    hook: TextInHook, textin: TextInServer, files: list[str]
) -> None:
    hook.upload_docflow_files(files)

    assert (textin.count("upload"), textin.connections) == (2, 1)
