"""The session: who gets the credentials, and whose it is after a fork."""

from __future__ import annotations

import os
import traceback
from typing import TYPE_CHECKING

import pytest
import requests

from textin_provider import __version__
from textin_provider.testing import ScriptedFault, TextInServer

if TYPE_CHECKING:
    from tests.hooks.support import Connect, Foreign
    from textin_provider.hooks.textin import TextInHook

STATUS = "/api/v1/xparse/parse/async/c020"


def test_the_session_is_one_of_requests(hook: TextInHook) -> None:
    assert isinstance(hook.get_conn(), requests.Session)


def test_textin_gets_the_credentials_and_the_name_of_the_client(
    connect: Connect, textin: TextInServer
) -> None:
    connect({"enterprise_id": "e1"}).get_conn().get(f"{textin.url}{STATUS}")

    headers = textin.requests[0].headers
    assert headers["x-ti-app-id"] == textin.app_id
    assert headers["x-ti-secret-code"] == textin.secret_code
    assert headers["x-ti-enterprise-id"] == "e1"
    assert headers["user-agent"] == f"airflow-provider-textin/{__version__}"


def test_a_traceback_with_local_variables_hides_the_secret(
    hook: TextInHook, textin: TextInServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As rich shows it on a terminal, when a timeout of the task strikes in a request."""

    def strike(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("http.client.HTTPConnection.getresponse", strike)
    with pytest.raises(KeyboardInterrupt) as caught:
        hook.get_conn().get(f"{textin.url}{STATUS}")

    shown = "".join(traceback.TracebackException.from_exception(caught.value, capture_locals=True).format())
    assert "'x-ti-secret-code': '***'" in shown
    assert textin.secret_code not in shown


def test_another_host_gets_no_credentials(connect: Connect, foreign: Foreign) -> None:
    connect({"enterprise_id": "e1"}).get_conn().get(foreign.url)

    assert len(foreign.requests) == 1
    assert foreign.credentials == set()


def test_a_result_host_gets_no_credentials(connect: Connect, foreign: Foreign) -> None:
    connect({"result_hosts": foreign.url}).get_conn().get(foreign.url)

    assert foreign.credentials == set()


def test_the_same_machine_under_another_name_gets_no_credentials(
    hook: TextInHook, textin: TextInServer
) -> None:
    hook.get_conn().get(f"{textin.url}{STATUS}".replace("127.0.0.1", "localhost"))

    assert "x-ti-secret-code" not in textin.requests[0].headers


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_to_another_host_loses_the_credentials(
    connect: Connect, textin: TextInServer, foreign: Foreign, status: int
) -> None:
    session = connect({"enterprise_id": "e1"}).get_conn()
    textin.fault("status", ScriptedFault(http_status=status, body=b"", headers={"Location": foreign.url}))

    session.get(f"{textin.url}{STATUS}")

    assert len(foreign.requests) == 1
    assert foreign.credentials == set()


def test_a_redirect_home_has_the_credentials(
    hook: TextInHook, textin: TextInServer, foreign: Foreign
) -> None:
    foreign.status, foreign.headers = 302, {"Location": f"{textin.url}{STATUS}"}

    hook.get_conn().get(foreign.url)

    assert foreign.credentials == set()
    assert textin.requests[0].headers["x-ti-secret-code"] == textin.secret_code


def test_the_session_is_kept_and_so_is_its_connection(hook: TextInHook, textin: TextInServer) -> None:
    session = hook.get_conn()
    for _ in range(5):
        hook.test_connection()

    assert hook.get_conn() is session
    assert textin.connections == 1


def test_a_forked_process_gets_a_session_of_its_own(hook: TextInHook) -> None:
    session = hook.get_conn()
    reading, writing = os.pipe()

    child = os.fork()
    if child == 0:
        try:
            os.write(writing, b"own" if hook.get_conn() is not session else b"shared")
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    os.close(writing)
    with os.fdopen(reading, "rb") as answer:
        assert answer.read() == b"own"
    assert hook.get_conn() is session


def test_the_secret_is_in_no_repr_of_hook_or_session(connect: Connect) -> None:
    hook = connect(password="Hush-7f3a")
    session = hook.get_conn()

    assert "Hush-7f3a" not in repr([hook, session, hook.connection, dict(session.headers)])
