"""Waits that end, or are ended, leave nothing behind: no task, no open connection, no file."""

from __future__ import annotations

import asyncio
import gc
import warnings
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.running import GUARD_SECONDS, only_event, until
from textin_provider.testing import JobScript, ScriptedFault, TextInServer
from textin_provider.triggers import poller as poller_module

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.triggers.conftest import NewTrigger

FILES = Path("/proc/self/fd")


@pytest.fixture(autouse=True)
async def _nothing_is_left() -> AsyncIterator[None]:
    """Let a test fail that leaves a task, a poller, or something that complains when it is collected."""
    loop, complaints = asyncio.get_running_loop(), []
    loop.set_debug(True)
    loop.set_exception_handler(lambda _, context: complaints.append(context["message"]))
    before = asyncio.all_tasks()
    gc.collect()  # what earlier tests have left is not told to this one
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ResourceWarning)
        yield
        await asyncio.sleep(0)
        left = asyncio.all_tasks() - before
        gc.collect()
        await asyncio.sleep(0)
    loop.set_debug(False)
    assert [repr(task) for task in left if not task.done() and task is not asyncio.current_task()] == []
    assert complaints == []
    ours = [str(warning.message) for warning in caught if issubclass(warning.category, ResourceWarning)]
    assert ours == []
    assert not poller_module._pollers.get(loop)


def _open_files() -> int:
    return len(list(FILES.iterdir()))


def _start(trigger: Any) -> asyncio.Task[Any]:
    return asyncio.create_task(anext(trigger.run()))


async def _cancel(*waits: asyncio.Task[Any]) -> None:
    for wait in waits:
        wait.cancel()
    await asyncio.wait(waits, timeout=GUARD_SECONDS)
    assert [wait.cancelled() for wait in waits] == [True] * len(waits)


async def test_waits_that_end_leave_nothing(textin: TextInServer, new_trigger: NewTrigger) -> None:
    jobs = [textin.add_job(JobScript(states=["pending", "completed"])) for _ in range(20)]
    await asyncio.gather(*(only_event(new_trigger(job_id)) for job_id in jobs))


async def test_a_wait_cancelled_while_it_sleeps_leaves_nothing(
    textin: TextInServer, new_trigger: NewTrigger
) -> None:
    wait = _start(new_trigger(textin.add_job(JobScript(status="never")), poll_interval=3600.0))
    await asyncio.sleep(0.05)
    await _cancel(wait)
    assert textin.count("*") == 0


async def test_a_wait_cancelled_while_its_request_is_under_way_leaves_nothing(
    textin: TextInServer, new_trigger: NewTrigger
) -> None:
    textin.fault("status", ScriptedFault(delay=20.0))
    wait = _start(new_trigger(textin.add_job()))
    await until(lambda: textin.count("status") == 1)
    await _cancel(wait)


async def test_a_wait_cancelled_before_it_began_leaves_nothing(
    textin: TextInServer, new_trigger: NewTrigger
) -> None:
    wait = _start(new_trigger(textin.add_job()))
    await _cancel(wait)


async def test_a_wait_cancelled_while_the_client_opens_leaves_nothing(
    textin: TextInServer, new_trigger: NewTrigger
) -> None:
    for turns in range(1, 12):
        wait = _start(new_trigger(textin.add_job(JobScript(status="never"))))
        for _ in range(turns):
            await asyncio.sleep(0)
        await _cancel(wait)


async def test_a_wait_cancelled_again_while_it_closes_leaves_nothing(
    textin: TextInServer, new_trigger: NewTrigger
) -> None:
    textin.fault("status", ScriptedFault(delay=20.0))
    wait = _start(new_trigger(textin.add_job()))
    await until(lambda: textin.count("status") == 1)
    wait.cancel()
    await asyncio.sleep(0)
    await _cancel(wait)


async def test_those_who_stay_are_not_disturbed_by_those_who_are_cancelled(
    textin: TextInServer, new_trigger: NewTrigger
) -> None:
    stays = asyncio.create_task(
        only_event(new_trigger(textin.add_job(JobScript(states=["pending"] * 10 + ["completed"]))))
    )
    leave = [_start(new_trigger(textin.add_job(JobScript(status="never")))) for _ in range(20)]
    await until(lambda: textin.count("status") >= 10)
    await _cancel(*leave)
    assert (await stays)["ending"] == "terminal"


async def test_a_wait_whose_generator_is_closed_early_leaves_nothing(
    textin: TextInServer, new_trigger: NewTrigger
) -> None:
    events = new_trigger(textin.add_job()).run()
    await anext(events)
    assert isinstance(events, AsyncGenerator)
    await events.aclose()


@pytest.mark.skipif(not FILES.exists(), reason="counts open files in /proc, which this system has not")
async def test_1000_waits_started_and_cancelled_leave_no_file_open(
    textin: TextInServer, new_trigger: NewTrigger
) -> None:
    job_id = textin.add_job(JobScript(status="never"))

    async def start_and_cancel(rounds: int) -> int:
        for number in range(rounds):
            wait = _start(new_trigger(job_id))
            # Some are cancelled before they began, some while the client opens, some while they wait.
            await asyncio.sleep((0.0, 0.002, 0.02)[number % 3])
            await _cancel(wait)
        await asyncio.sleep(0.05)
        return _open_files()

    warmed_up = await start_and_cancel(12)
    # The local TextIn shares this process: a connection is counted until both ends have closed it.
    assert await start_and_cancel(1000) <= warmed_up + 4
