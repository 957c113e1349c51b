"""Waits and workers that share their pace through Redis: one rate, one pause, and a store that goes away."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from scripts.local_airflow import HOST
from tests.redis_server import RedisServer
from tests.running import GUARD_SECONDS, only_event, point_airflow_at, until
from tests.triggers.single_poll import poll_once
from textin_provider.api.rate_limit import forget_limits
from textin_provider.exceptions import TextInConfigurationError
from textin_provider.hooks import pace
from textin_provider.hooks.textin import TextInHook
from textin_provider.testing import JobScript, ScriptedFault, TextInServer
from textin_provider.triggers.poller import join_poller

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.triggers.conftest import NewTrigger

pytestmark = pytest.mark.servers


@pytest.fixture(scope="module")
def redis_server() -> Iterator[RedisServer]:
    with RedisServer() as server:
        yield server


@pytest.fixture(autouse=True)
def _paced(
    textin: TextInServer, redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """Point the connection at the local TextIn, with a pace in Redis."""
    redis_server.start()
    store = {"conn_type": "redis", "host": HOST, "port": redis_server.port}
    monkeypatch.setenv("AIRFLOW_CONN_PACE", json.dumps(store))
    point_airflow_at(textin, monkeypatch, extra={"max_requests_per_second": 40, "pace_conn_id": "pace"})
    yield
    another_process()


def another_process() -> None:
    """Forget what this process knows of the pace: what follows is told by Redis alone."""
    forget_limits()
    pace._paces.clear()


def test_a_pause_holds_in_other_processes(textin: TextInServer) -> None:
    job_id = textin.add_job()
    textin.fault("status", ScriptedFault(code=40306, headers={"Retry-After": "1000"}))
    with pytest.raises(Exception, match="40306"):
        TextInHook().poll_xparse_job(job_id)
    another_process()
    with pytest.raises(Exception, match="not sent: TextIn asked this account to pause") as caught:
        TextInHook().poll_xparse_job(job_id)
    assert caught.value.retry_after == pytest.approx(1000, abs=GUARD_SECONDS)  # type: ignore[attr-defined]
    assert textin.count("status") == 1


async def test_waits_of_two_processes_keep_one_rate(textin: TextInServer) -> None:
    job_id = textin.add_job()
    begun = time.monotonic()
    for _ in range(2):
        another_process()
        async with join_poller("textin_default") as poller:
            await asyncio.gather(*(poll_once(poller, job_id) for _ in range(20)))
    # Thirty-nine gaps of a 36th of a second: fewer seconds would have broken the ceiling.
    assert time.monotonic() - begun >= 39 / 36
    assert textin.count("status") == 40


async def test_a_store_that_hangs_does_not_hold_up_the_loop(
    textin: TextInServer, new_trigger: NewTrigger, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = threading.Event()

    class Hanging:
        def reserve(self, *_: Any) -> Any:
            answer.wait(GUARD_SECONDS)
            raise TimeoutError("no response")

    monkeypatch.setattr(pace, "_open", lambda *_: Hanging())
    wait = asyncio.create_task(only_event(new_trigger(textin.add_job(JobScript(states=["completed"])))))
    for _ in range(50):  # the loop turns while the store hangs
        await asyncio.sleep(0.01)
    assert not wait.done()
    answer.set()
    assert (await asyncio.wait_for(wait, GUARD_SECONDS))["ending"] == "terminal"


async def test_a_redis_that_is_killed_ends_no_wait(
    textin: TextInServer, redis_server: RedisServer, new_trigger: NewTrigger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace, "_RETRY_SECONDS", 0.2)
    jobs = [textin.add_job(JobScript(states=["pending"] * 20 + ["completed"])) for _ in range(10)]
    waits = [asyncio.create_task(only_event(new_trigger(job))) for job in jobs]
    await until(lambda: textin.count("status") >= 30)
    await asyncio.to_thread(redis_server.crash)
    killed_at = textin.count("status")
    await until(lambda: textin.count("status") >= killed_at + 30)
    await asyncio.to_thread(redis_server.start)
    events = await asyncio.wait_for(asyncio.gather(*waits), GUARD_SECONDS)
    assert [event["ending"] for event in events] == ["terminal"] * 10


def test_a_worker_goes_on_without_its_store(
    textin: TextInServer, redis_server: RedisServer, tmp_path: Any
) -> None:
    document = tmp_path / "document.md"
    document.write_text("# Hello\n")
    hook = TextInHook()
    hook.submit_xparse_job(document)
    redis_server.crash()
    for _ in range(3):
        hook.submit_xparse_job(document)
    assert textin.submissions == 4


MISTAKES = {
    "missing": ({}, "pace_conn_id='pace': Airflow knows no connection of that id"),
    "another type": (
        {"AIRFLOW_CONN_PACE": "http://localhost"},
        "named in field pace_conn_id: it is of type 'http'",
    ),
}


@pytest.mark.parametrize(("variables", "message"), MISTAKES.values(), ids=MISTAKES)
async def test_a_wrong_pace_connection_is_told_in_worker_and_triggerer(
    textin: TextInServer,
    new_trigger: NewTrigger,
    monkeypatch: pytest.MonkeyPatch,
    variables: dict[str, str],
    message: str,
) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_PACE")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(TextInConfigurationError, match=message):
        TextInHook().get_xparse_job("f" * 32)
    assert message in TextInHook().test_connection()[1]
    event = await only_event(new_trigger(textin.add_job()))
    assert event["ending"] == "fault"
    assert message in event["fault"]["about"] + ": " + event["fault"]["message"]
    assert textin.count("*") == 0
