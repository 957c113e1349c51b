"""One trigger that watches many jobs."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from tests.running import only_event, reload, until
from textin_provider.testing import JobScript, ScriptedFault, TextInServer

if TYPE_CHECKING:
    from tests.triggers.conftest import Logged, NewTrigger


async def test_jobs_that_have_ended_are_dropped_from_the_rounds(
    textin: TextInServer, new_trigger: NewTrigger
) -> None:
    quick = [textin.add_job(JobScript(states=["completed"])) for _ in range(50)]
    slow = textin.add_job(JobScript(states=["in_progress"] * 9 + ["completed"]))

    event = await only_event(new_trigger([*quick, slow]))

    assert event["ending"] == "terminal"
    assert {job["job_id"] for job in event["jobs"]} == {*quick, slow}
    assert {textin.jobs[job_id].polls for job_id in quick} == {1}
    assert textin.jobs[slow].polls == 10


async def test_more_jobs_than_are_asked_for_at_a_time_all_get_their_turn(
    textin: TextInServer, new_trigger: NewTrigger
) -> None:
    jobs = [textin.add_job(JobScript(states=["pending", "in_progress", "completed"])) for _ in range(300)]

    event = await only_event(new_trigger(jobs))

    assert event["ending"] == "terminal"
    assert {textin.jobs[job_id].polls for job_id in jobs} == {3}


async def test_an_answer_that_hangs_holds_nobody_else(textin: TextInServer, new_trigger: NewTrigger) -> None:
    jobs = [textin.add_job(JobScript(states=["pending"] * 5 + ["completed"])) for _ in range(30)]
    textin.fault("status", ScriptedFault(delay=60.0))

    waiting = asyncio.ensure_future(only_event(new_trigger(jobs)))
    await until(lambda: sum(textin.jobs[job_id].polls == 6 for job_id in jobs) == 29)

    assert not waiting.done()
    waiting.cancel()


async def test_a_wait_may_end_when_so_many_jobs_have_ended(
    textin: TextInServer, new_trigger: NewTrigger
) -> None:
    quick = [textin.add_job(JobScript(states=["completed"])) for _ in range(3)]
    never = [textin.add_job(JobScript(status="never")) for _ in range(3)]

    event = await only_event(reload(new_trigger([*never, *quick], wake_after=3)))

    assert event["ending"] == "terminal"
    assert {job["job_id"] for job in event["jobs"]} == set(quick)


async def test_the_list_survives_its_being_stored(textin: TextInServer, new_trigger: NewTrigger) -> None:
    jobs = [textin.add_job(JobScript(states=["completed"])) for _ in range(3)]
    event = await only_event(reload(new_trigger(jobs)))
    assert {job["job_id"] for job in event["jobs"]} == set(jobs)


async def test_wrong_credentials_end_the_wait_for_all(textin: TextInServer, new_trigger: NewTrigger) -> None:
    textin.fault("status", ScriptedFault(code=40102), times=None)
    event = await only_event(new_trigger([textin.add_job() for _ in range(100)]))
    assert (event["ending"], event["fault"]["kind"]) == ("fault", "authentication")


async def test_progress_is_logged_once_an_interval_and_not_per_job(
    textin: TextInServer, new_trigger: NewTrigger, logged: Logged
) -> None:
    jobs = [textin.add_job(JobScript(states=["pending", "completed"])) for _ in range(100)]
    await only_event(new_trigger(jobs, poll_interval=0.5))
    lines = [line for _, line in logged()]
    # On a machine that stalls more intervals pass, but never one for each job.
    assert 1 <= len(lines) <= 20
    assert all(line.startswith("xParse jobs: ") and "of 100 have ended" in line for line in lines)
