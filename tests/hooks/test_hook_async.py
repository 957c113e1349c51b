"""The read side for triggers, over aiohttp, against the local TextIn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.hooks.support import readable
from textin_provider import __version__
from textin_provider.api.xparse.endpoints import submit_job
from textin_provider.exceptions import (
    TextInAuthenticationError,
    TextInConfigurationError,
    TextInError,
    TextInRateLimitError,
    TextInRequestError,
    TextInServerError,
    TextInTransportError,
)
from textin_provider.hooks.textin_async import TextInAsyncHook
from textin_provider.testing import JobScript, ScriptedFault, TextInServer, fast_polling

if TYPE_CHECKING:
    from tests.hooks.support import Connect, Foreign
    from textin_provider.hooks.textin import TextInHook


async def test_it_sees_what_the_worker_sees(hook: TextInHook, textin: TextInServer) -> None:
    script = JobScript(pending_seconds=0, processing_seconds=0, status="failed", message="no pages")
    job_id = textin.add_job(script)

    async with TextInAsyncHook() as looking:
        job = await looking.get_xparse_job(job_id)

    assert job.message == "no pages"
    assert job == hook.get_xparse_job(job_id)


async def test_many_looks_go_over_one_connection(textin: TextInServer) -> None:
    job_id = textin.add_job()

    async with TextInAsyncHook() as looking:
        for _ in range(20):
            await looking.get_xparse_job(job_id)

    assert (textin.count("status"), textin.connections) == (20, 1)


async def test_it_sends_the_credentials_and_its_name(connect: Connect, textin: TextInServer) -> None:
    connect({"enterprise_id": "e1"})
    job_id = textin.add_job()

    async with TextInAsyncHook() as looking:
        await looking.get_xparse_job(job_id)

    headers = textin.requests[0].headers
    assert (headers["x-ti-app-id"], headers["x-ti-secret-code"]) == (textin.app_id, textin.secret_code)
    assert headers["x-ti-enterprise-id"] == "e1"
    assert headers["user-agent"] == f"airflow-provider-textin/{__version__}"


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ({"code": 40102}, TextInAuthenticationError),
        ({"code": 40004}, TextInRequestError),
        ({"code": 500}, TextInServerError),
        ({"http_status": 404, "body": b"<html>"}, TextInServerError),
        ({"http_status": 401, "body": b"<html>"}, TextInServerError),
        ({"http_status": 502, "body": b"<html>"}, TextInServerError),
        ({"body": b"<html>", "content_type": "text/html"}, TextInServerError),
        ({"body": b'{"code": 200, "data": null}'}, TextInServerError),
        ({"body": b"\xff" * 100}, TextInServerError),
        ({"body": b'{"code": 200, "x": "' + b"x" * 2_000_000 + b'"}'}, TextInServerError),
        ({"cut": "before_answer"}, TextInTransportError),
        ({"cut": "in_headers"}, TextInTransportError),
        ({"cut": "in_body"}, TextInTransportError),
        ({"truncate": 10}, TextInTransportError),
        ({"delay": 5.0}, TextInTransportError),
    ],
    ids=lambda value: readable(value)[:60],
)
async def test_a_fault_is_told_at_once(
    connect: Connect, textin: TextInServer, fault: dict[str, Any], error: type[TextInError]
) -> None:
    connect({"timeout": 0.3})
    textin.fault("status", ScriptedFault(**fault), times=None)

    async with TextInAsyncHook() as looking:
        with pytest.raises(error, match="xParse job c020: status") as caught:
            await looking.get_xparse_job("c020")

    assert type(caught.value) is error
    assert len(str(caught.value).splitlines()) == 1
    # Where a connection drops before the answer, aiohttp itself asks a second time.
    assert textin.count("status") == (2 if fault.get("cut") in ("before_answer", "in_headers") else 1)


async def test_retry_after_is_told(textin: TextInServer) -> None:
    textin.fault("status", ScriptedFault(http_status=503, headers={"Retry-After": "7"}))

    async with TextInAsyncHook() as looking:
        with pytest.raises(TextInServerError) as caught:
            await looking.get_xparse_job("c020")

    assert caught.value.retry_after == 7


@pytest.mark.parametrize("status", [301, 302, 307])
async def test_a_redirect_is_not_followed(textin: TextInServer, foreign: Foreign, status: int) -> None:
    textin.fault("status", ScriptedFault(http_status=status, body=b"", headers={"Location": foreign.url}))

    async with TextInAsyncHook() as looking:
        with pytest.raises(TextInServerError, match="redirected"):
            await looking.get_xparse_job("c020")

    assert foreign.requests == []


async def test_a_refused_connection_is_a_transport_error(connect: Connect) -> None:
    connect(host="http://127.0.0.1:9")

    async with TextInAsyncHook() as looking:
        with pytest.raises(TextInTransportError, match="triggerer"):
            await looking.get_xparse_job("c020")


async def test_a_cookie_of_the_server_is_not_sent_back(textin: TextInServer) -> None:
    textin.fault("status", ScriptedFault(code=500, headers={"Set-Cookie": "a=b"}))

    async with TextInAsyncHook() as looking:
        for _ in range(2):
            with pytest.raises(TextInError):
                await looking.get_xparse_job("c020")

    assert "cookie" not in textin.requests[1].headers


async def test_an_id_that_cannot_be_one_is_not_asked_for(textin: TextInServer) -> None:
    async with TextInAsyncHook() as looking:
        with pytest.raises(TextInRequestError, match="job_id"):
            await looking.get_xparse_job("../balance")

    assert textin.count("*") == 0


@pytest.mark.parametrize(
    ("fields", "words"),
    [({"login": ""}, "login"), ({"extra": {"timeout": "soon"}}, "timeout"), ({"host": "ftp://x"}, "host")],
    ids=readable,
)
async def test_a_connection_that_is_wrong_is_told_as_on_a_worker(
    connect: Connect, fields: dict[str, Any], words: str
) -> None:
    connect(**fields)

    with pytest.raises(TextInConfigurationError, match=words):
        async with TextInAsyncHook():
            pass


async def test_a_connection_that_is_not_there_is_told_as_on_a_worker() -> None:
    with pytest.raises(TextInConfigurationError, match="not_there"):
        async with TextInAsyncHook("not_there"):
            pass


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("textin://app:Hush/7f3a@", "may be malformed"),
        ("textin://app:1234/7f3a@", "may be malformed"),
        ("http://app:Hush@h", "of type textin"),
    ],
)
async def test_a_variable_that_holds_no_connection_to_textin_is_told_as_on_a_worker(
    monkeypatch: pytest.MonkeyPatch, value: str, words: str
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_MINE", value)

    with pytest.raises(TextInConfigurationError, match=words) as caught:
        async with TextInAsyncHook("mine"):
            pass

    assert [part for part in ("Hush", "1234", "7f3a") if part in str(caught.value)] == []


@pytest.mark.usefixtures("textin")
async def test_it_neither_submits_nor_works_outside_its_block() -> None:
    looking = TextInAsyncHook()
    with pytest.raises(RuntimeError, match="async with"):
        await looking.get_xparse_job("c020")

    async with looking:
        with pytest.raises(RuntimeError, match="only read"):
            await looking.send(submit_job(file_url="https://h.example/doc.pdf"))

    with pytest.raises(RuntimeError, match="async with"):
        await looking.get_xparse_job("c020")


async def test_a_refusal_for_the_rate_is_waited_out(textin: TextInServer) -> None:
    job_id = textin.add_job()
    textin.fault("status", ScriptedFault(code=40306), times=4)
    with fast_polling():
        async with TextInAsyncHook() as hook:
            job = await hook.get_xparse_job(job_id)
    assert job.job_id == job_id
    assert textin.count("status") == 5


@pytest.mark.parametrize("seconds", [0, 1])
async def test_a_pause_that_outlasts_the_timeout_is_an_error(textin: TextInServer, seconds: int) -> None:
    textin.fault("status", ScriptedFault(code=40306, headers={"Retry-After": "60"}), times=None)
    async with TextInAsyncHook() as hook:
        with pytest.raises(TextInRateLimitError):
            await hook.get_xparse_job("f" * 32, rate_limit_timeout=seconds)
    assert textin.count("status") == 1
