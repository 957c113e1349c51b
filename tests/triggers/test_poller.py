"""The poller that all waits of a connection share on one event loop."""

from __future__ import annotations

import asyncio
import json
import threading
from typing import TYPE_CHECKING, Any

import pytest

from tests.running import GUARD_SECONDS, only_event, until
from tests.triggers.single_poll import poll_once
from textin_provider.api.protocol import Request, Service
from textin_provider.api.xparse.endpoints import get_job
from textin_provider.hooks.aiohttp_transport import Client
from textin_provider.hooks.textin_async import TextInAsyncHook
from textin_provider.testing import JobScript, ScriptedFault, TextInServer
from textin_provider.triggers import poller as poller_module
from textin_provider.triggers.poller import Poller, join_poller

if TYPE_CHECKING:
    from tests.triggers.conftest import NewTrigger
    from textin_provider.api.protocol import Flow


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The connection of each poller that was built."""
    names: list[str] = []

    class Counted(Poller):
        def __init__(self, textin_conn_id: str) -> None:
            names.append(textin_conn_id)
            super().__init__(textin_conn_id)

    monkeypatch.setattr(poller_module, "Poller", Counted)
    return names


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """Hold every opening back, as a slow database does, until the event is set."""
    event = asyncio.Event()
    look_up = TextInAsyncHook._look_up

    async def held(hook: TextInAsyncHook) -> Any:
        await event.wait()
        return await look_up(hook)

    monkeypatch.setattr(TextInAsyncHook, "_look_up", held)
    return event


async def _visit(conn_id: str = "textin_default") -> Poller:
    async with join_poller(conn_id) as poller:
        return poller


async def test_200_waits_that_start_at_once_share_one_poller_and_few_connections(
    textin: TextInServer, new_trigger: NewTrigger, built: list[str]
) -> None:
    jobs = [textin.add_job(JobScript(states=["pending", "in_progress", "completed"])) for _ in range(200)]

    events = await asyncio.gather(*(only_event(new_trigger(job_id)) for job_id in jobs))

    assert [event["jobs"][0]["job_id"] for event in events] == jobs
    assert built == ["textin_default"]
    assert textin.count("status") == 600
    assert textin.connections <= 16


async def test_the_last_to_leave_closes_it_and_the_next_opens_another(
    textin: TextInServer, built: list[str]
) -> None:
    async with join_poller("textin_default") as first:
        async with join_poller("textin_default") as second:
            assert second is first
            assert first.members == 2
        assert await poll_once(first, textin.add_job())
    with pytest.raises(RuntimeError):
        await first._hook.send(get_job("a"))

    assert await _visit() is not first
    assert len(built) == 2


async def test_each_connection_has_a_poller_of_its_own(
    textin: TextInServer, new_trigger: NewTrigger, built: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_TEXTIN_OTHER", json.dumps(textin.connection()))
    triggers = [
        new_trigger(textin.add_job(), textin_conn_id=f"textin_{name}") for name in ("default", "other")
    ]
    events = await asyncio.gather(*map(only_event, triggers))
    assert [event["ending"] for event in events] == ["terminal", "terminal"]
    assert sorted(built) == ["textin_default", "textin_other"]


def test_each_event_loop_has_a_poller_of_its_own(
    textin: TextInServer, new_trigger: NewTrigger, built: list[str]
) -> None:
    both_wait = threading.Barrier(2, timeout=GUARD_SECONDS)
    events: list[Any] = []

    async def wait() -> None:
        async with join_poller("textin_default"):
            both_wait.wait()
            events.append(await only_event(new_trigger(textin.add_job())))

    threads = [threading.Thread(target=asyncio.run, args=(wait(),)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(GUARD_SECONDS)

    assert [event["ending"] for event in events] == ["terminal", "terminal"]
    assert len(built) == 2


async def test_a_first_joiner_cancelled_while_it_opens_leaves_the_opening_to_the_others(
    textin: TextInServer, new_trigger: NewTrigger, built: list[str], gate: asyncio.Event
) -> None:
    job_id = textin.add_job()
    waits = [asyncio.create_task(only_event(new_trigger(job_id))) for _ in range(3)]
    await asyncio.sleep(0)
    waits[0].cancel()
    await asyncio.wait(waits[:1])
    gate.set()

    events = await asyncio.gather(*waits[1:])

    assert waits[0].cancelled()
    assert [event["ending"] for event in events] == ["terminal", "terminal"]
    assert len(built) == 1


async def test_when_all_are_cancelled_while_it_opens_nothing_is_left(
    textin: TextInServer, gate: asyncio.Event
) -> None:
    visits = [asyncio.create_task(_visit()) for _ in range(3)]
    await asyncio.sleep(0)
    for visit in visits:
        visit.cancel()
    await asyncio.wait(visits)
    assert [visit.cancelled() for visit in visits] == [True] * 3
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_configuration_error_ends_all_waits_at_once_and_a_later_one_opens_again(
    textin: TextInServer, new_trigger: NewTrigger, built: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    half_filled = textin.connection() | {"password": ""}
    monkeypatch.setenv("AIRFLOW_CONN_TEXTIN_DEFAULT", json.dumps(half_filled))
    triggers = [new_trigger(textin.add_job(), poll_interval=3600.0) for _ in range(5)]
    events = await asyncio.gather(*map(only_event, triggers))
    assert [event["fault"]["kind"] for event in events] == ["configuration"] * 5
    assert len(built) == 1

    monkeypatch.setenv("AIRFLOW_CONN_TEXTIN_DEFAULT", json.dumps(textin.connection()))
    assert isinstance(await _visit(), Poller)
    assert len(built) == 2


async def test_a_cancelled_asker_does_not_stop_the_round(textin: TextInServer) -> None:
    jobs = [textin.add_job() for _ in range(40)]
    async with join_poller("textin_default") as poller:
        asks = [asyncio.create_task(poll_once(poller, job_id, 0.05)) for job_id in jobs]
        await asyncio.sleep(0)
        for ask in asks[::2]:
            ask.cancel()
        answers = await asyncio.gather(*asks, return_exceptions=True)
    assert [isinstance(answer, asyncio.CancelledError) for answer in answers] == [True, False] * 20
    assert textin.count("status") == 20


async def test_an_asker_cancelled_while_its_answer_is_under_way_does_not_stop_the_round(
    textin: TextInServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(poller_module, "CONCURRENCY", 1)
    textin.fault("status", ScriptedFault(delay=0.2))
    jobs = [textin.add_job() for _ in range(3)]
    async with join_poller("textin_default") as poller:
        asks = [asyncio.create_task(poll_once(poller, job_id)) for job_id in jobs]
        await until(lambda: textin.count("status") == 1)
        asks[0].cancel()
        answers = await asyncio.gather(*asks[1:])
    assert [answer.job_id for answer in answers] == jobs[1:]


async def test_an_answer_that_cannot_be_read_is_the_trouble_of_its_asker_alone(textin: TextInServer) -> None:
    def stumble(answer: object) -> None:
        raise ZeroDivisionError("a mistake in reading")

    def look(job_id: str) -> Flow[None]:
        yield Request("a mistake", "GET", Service.XPARSE, get_job(job_id).path, stumble)

    job_id = textin.add_job()
    async with join_poller("textin_default") as poller:
        asks = (poll_once(poller, job_id, poll=look), *(poll_once(poller, job_id) for _ in range(20)))
        first, *others = await asyncio.gather(*asks, return_exceptions=True)
    assert isinstance(first, ZeroDivisionError)
    assert [type(other).__name__ for other in others] == ["XParseJob"] * 20


async def test_no_more_requests_are_under_way_at_once_than_agreed(
    textin: TextInServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    under_way, most = 0, 0
    send = Client.send

    async def counted(client: Client, request: Request[Any]) -> Any:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        try:
            return await send(client, request)
        finally:
            under_way -= 1

    monkeypatch.setattr(Client, "send", counted)
    job_id = textin.add_job()
    async with join_poller("textin_default") as poller:
        await asyncio.gather(*(poll_once(poller, job_id) for _ in range(100)))
    assert most == poller_module.CONCURRENCY


async def test_the_loop_runs_between_two_polls_of_a_sender(textin: TextInServer) -> None:
    looks = 0

    def look(job_id: str) -> Flow[str]:
        nonlocal looks
        looks += 1
        return "nothing to wait for"
        yield get_job(job_id)

    async with join_poller("textin_default") as poller:
        asked = asyncio.gather(*(poll_once(poller, "a" * 32, poll=look) for _ in range(200)))
        most = 0
        while not asked.done():
            before = looks
            await asyncio.sleep(0)
            most = max(most, looks - before)
    assert looks == 200
    assert most == poller_module.CONCURRENCY


async def test_who_waits_long_waits_for_the_full_second_and_no_longer(textin: TextInServer) -> None:
    loop, job_id = asyncio.get_running_loop(), textin.add_job()
    async with join_poller("textin_default") as poller:
        begun = loop.time()
        asks = [asyncio.create_task(poll_once(poller, job_id, delay)) for delay in (5.0, 60.0)]
        await until(lambda: len(poller._timers) == 2)
        waited = loop.time() - begun
        moments = sorted(poller._timers)
        for ask in asks:
            ask.cancel()
    assert [moment % 1 for moment in moments] == [0.0, 0.0]
    for moment, delay in zip(moments, (5.0, 60.0), strict=True):
        assert 0 <= moment - begun - delay < 1.5 + waited


async def test_rounds_that_pile_up_while_textin_is_slow_share_the_senders(textin: TextInServer) -> None:
    most = poller_module.CONCURRENCY
    # Longer than a busy machine needs for the check, which must see the moment before the responses.
    textin.fault("status", ScriptedFault(delay=5), times=most)
    job_id = textin.add_job()
    async with join_poller("textin_default") as poller:
        asked = asyncio.gather(*(poll_once(poller, job_id, 0.02 * (number % 20)) for number in range(200)))
        await until(lambda: textin.count("status") == most)
        await asyncio.sleep(0.5)
        assert textin.count("status") == most
        assert len(poller._senders) == most
        await asked
    assert textin.count("status") == 200
