"""A submit is paid for: when it is sent again, and when it is not."""

from __future__ import annotations

import io
import socket
import ssl
import threading
from typing import TYPE_CHECKING, Any

import pytest

from tests.certificate import self_signed
from tests.hooks.support import readable
from textin_provider.api.inputs import Document
from textin_provider.api.xparse.endpoints import submit_job
from textin_provider.exceptions import (
    TextInAuthenticationError,
    TextInConfigurationError,
    TextInError,
    TextInQuotaError,
    TextInRateLimitError,
    TextInRequestError,
    TextInServerError,
    TextInStorageError,
    TextInTransportError,
    TextInUncertainSubmitError,
)
from textin_provider.hooks.requests_transport import send
from textin_provider.testing import ScriptedFault, TextInServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.hooks.support import Connect, Foreign, Pauses
    from textin_provider.hooks.textin import TextInHook


@pytest.fixture
def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@pytest.mark.parametrize("accepted", [False, True], ids=["not accepted", "accepted"])
@pytest.mark.parametrize(
    "fault",
    [
        {"cut": "before_answer"},
        {"cut": "in_headers"},
        {"cut": "in_body"},
        {"http_status": 500, "body": b""},
        {"http_status": 502, "body": b"<html>", "content_type": "text/html"},
        {"http_status": 504},
        {"http_status": 302, "body": b""},
        {"http_status": 404, "body": b"default backend - 404", "content_type": "text/plain"},
        {"http_status": 503, "body": b'{"code": 14, "message": "upstream"}'},
        {"body": b'{"code": 500, "message": "no", "data": {"job_id": "c020"}}'},
        {"code": 50207},
        {"body": b"<html>welcome</html>", "content_type": "text/html"},
        {"body": b'{"code": 200, "data": {}}'},
        {"body": b'{"code": 200, "data": null}'},
        {"delay": 3.0},
    ],
    ids=readable,
)
def test_a_submit_that_was_sent_is_never_sent_again(
    connect: Connect,
    textin: TextInServer,
    document: str,
    pauses: Pauses,
    fault: dict[str, Any],
    accepted: bool,
) -> None:
    textin.fault("submit", ScriptedFault(**fault, accept=accepted), times=None)

    with pytest.raises(TextInUncertainSubmitError, match=r"doc\.md.*may have been accepted"):
        connect({"timeout": 0.5}).submit_xparse_job(document)

    assert textin.count("submit") == 1
    assert textin.submissions <= 1
    assert pauses == []


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (40306, TextInRateLimitError),
        (429, TextInRateLimitError),
        (500, TextInServerError),
        (30203, TextInServerError),
        (401, TextInAuthenticationError),
        (59999, TextInRequestError),
        (40101, TextInAuthenticationError),
        (40102, TextInAuthenticationError),
        (40003, TextInQuotaError),
        (40004, TextInRequestError),
        (40302, TextInRequestError),
    ],
)
def test_a_submit_that_was_refused_is_not_sent_again(
    hook: TextInHook, textin: TextInServer, document: str, code: int, error: type[TextInError]
) -> None:
    textin.fault("submit", ScriptedFault(code=code, headers={"Retry-After": "3"}), times=None)

    with pytest.raises(error) as caught:
        hook.submit_xparse_job(document, rate_limit_timeout=0)

    assert type(caught.value) is error
    assert (caught.value.code, caught.value.retry_after) == (code, 3)
    assert textin.count("submit") == 1


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirected_submit_is_not_followed(
    hook: TextInHook, textin: TextInServer, document: str, foreign: Foreign, status: int
) -> None:
    textin.fault("submit", ScriptedFault(http_status=status, body=b"", headers={"Location": foreign.url}))

    with pytest.raises(TextInUncertainSubmitError, match=r"redirected.*base URL"):
        hook.submit_xparse_job(document)

    assert textin.count("submit") == 1
    assert foreign.requests == []


def test_a_refused_connection_is_tried_again_until_textin_is_there(
    connect: Connect, document: str, free_port: int, pauses: Pauses
) -> None:
    hook = connect(host=f"http://127.0.0.1:{free_port}")
    server = TextInServer(port=free_port)
    pauses.then = lambda: server.start() if len(pauses) == 2 else None
    try:
        job_id = hook.submit_xparse_job(document)
        assert list(server.jobs) == [job_id]
        assert (server.submissions, len(pauses)) == (1, 2)
        assert next(iter(server.jobs.values())).size == len("# Hello\n")
    finally:
        server.stop()


def test_a_connection_that_is_always_refused_is_a_transport_error(
    connect: Connect, document: str, free_port: int, pauses: Pauses
) -> None:
    with pytest.raises(TextInTransportError, match="no response") as caught:
        connect(host=f"http://127.0.0.1:{free_port}").submit_xparse_job(document)

    assert "accepted" not in str(caught.value)
    assert len(pauses) == 3
    assert "0x" not in str(caught.value)


def test_an_unknown_host_is_a_transport_error(
    connect: Connect, document: str, pauses: Pauses, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_such_name(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    hook = connect(host="http://nowhere.example")
    monkeypatch.setattr(socket, "getaddrinfo", no_such_name)

    with pytest.raises(TextInTransportError, match=r"nowhere\.example"):
        hook.submit_xparse_job(document)

    assert len(pauses) == 3


@pytest.fixture
def impostor(tmp_path: Path) -> Iterator[int]:
    """Run a TLS server with a certificate that nobody signed, and give its port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(self_signed(tmp_path))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=_shake_hands, args=(listener, context), daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
    thread.join()


def _shake_hands(listener: socket.socket, context: ssl.SSLContext) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        try:
            context.wrap_socket(connection, server_side=True).close()
        except OSError:
            connection.close()


def test_a_certificate_that_nobody_signed_is_refused_before_anything_is_sent(
    connect: Connect, document: str, impostor: int, pauses: Pauses
) -> None:
    with pytest.raises(TextInConfigurationError, match=r"certificate of 127\.0\.0\.1 .*REQUESTS_CA_BUNDLE"):
        connect(host=f"https://127.0.0.1:{impostor}").submit_xparse_job(document)

    assert pauses == []


class Impatient(io.BytesIO):
    """A file that fails when it is asked again and again after its end, rather than let a test hang."""

    asked_in_vain = 0

    def read(self, size: int | None = -1) -> bytes:
        data = super().read(size)
        self.asked_in_vain += not data
        assert self.asked_in_vain < 1000, "it is read for ever"
        return data


@pytest.mark.parametrize("promised", [5, 500_000], ids=["more than promised", "less than promised"])
def test_a_file_that_changes_its_length_on_the_way_fails_and_does_not_hang(
    connect: Connect, textin: TextInServer, promised: int
) -> None:
    hook = connect({"timeout": 0.5})
    call = submit_job(document=Document("doc.md", promised, Impatient(b"# Hello\n" * 5000)))

    with pytest.raises(TextInStorageError, match=r"doc\.md.*changed while it was sent.*Nothing was accepted"):
        call.read(send(hook.get_conn(), call, hook.connection))

    assert textin.submissions == 0


def test_the_error_of_an_earlier_submit_is_no_proof_that_this_one_was_not_sent(
    connect: Connect, textin: TextInServer, document: str, free_port: int
) -> None:
    textin.fault("submit", ScriptedFault(cut="before_answer", accept=True), times=None)
    unreachable = connect(host=f"http://127.0.0.1:{free_port}")

    try:
        unreachable.submit_xparse_job(document)
    except TextInTransportError:
        with pytest.raises(TextInUncertainSubmitError):
            connect().submit_xparse_job(document)

    assert textin.submissions == 1
