"""What a waiting trigger writes to the task's log: a line when something changed, none for a poll."""

from __future__ import annotations

import asyncio
import json
from contextvars import ContextVar
from typing import TYPE_CHECKING

import pytest

from tests.running import only_event
from textin_provider.testing import JobScript, ScriptedFault, TextInServer
from textin_provider.triggers.base import TextInTrigger
from textin_provider.triggers.poller import CONCURRENCY

if TYPE_CHECKING:
    from tests.triggers.conftest import Logged, NewTrigger


async def test_a_change_is_logged_and_a_poll_is_not(
    textin: TextInServer, new_trigger: NewTrigger, logged: Logged
) -> None:
    job_id = textin.add_job(JobScript(states=["pending"] * 10 + ["in_progress"] * 10 + ["completed"]))
    await only_event(new_trigger(job_id))
    assert logged() == [
        ("info", f"xParse job {job_id} is pending."),
        ("info", f"xParse job {job_id} is in_progress."),
    ]
    assert textin.jobs[job_id].polls == 21


async def test_an_unknown_status_is_warned_of_once_and_waited_out(
    textin: TextInServer, new_trigger: NewTrigger, logged: Logged
) -> None:
    job_id = textin.add_job(JobScript(states=["paused"] * 5 + ["completed"]))
    event = await only_event(new_trigger(job_id))
    assert event["ending"] == "terminal"
    [(level, line)] = logged()
    assert level == "warning"
    assert line.startswith(f"xParse job {job_id} has the unknown status 'paused'")


async def test_a_job_that_stays_in_an_unknown_status_times_out(
    textin: TextInServer, new_trigger: NewTrigger
) -> None:
    event = await only_event(new_trigger(textin.add_job(JobScript(states=["suspended"])), timeout=1.0))
    assert event["ending"] == "timeout"
    assert "last status suspended" in event["message"]


async def test_faults_in_a_row_are_one_warning(
    textin: TextInServer, new_trigger: NewTrigger, logged: Logged
) -> None:
    textin.fault("status", ScriptedFault(code=500), times=5)
    await only_event(new_trigger(textin.add_job(JobScript(states=["completed"]))))
    [(level, line)] = logged()
    assert level == "warning"
    assert "code 500" in line
    assert line.endswith("The wait continues.")


async def test_a_fault_after_a_good_answer_is_a_warning_of_its_own(
    textin: TextInServer, new_trigger: NewTrigger, logged: Logged
) -> None:
    textin.fault("status", ScriptedFault(code=500))
    textin.fault("status", ScriptedFault())
    textin.fault("status", ScriptedFault(code=50011))
    await only_event(new_trigger(textin.add_job(JobScript(states=["pending", "completed"]))))
    assert [level for level, _ in logged()] == ["warning", "info", "warning"]


async def test_the_log_names_no_secret(textin: TextInServer, new_trigger: NewTrigger, logged: Logged) -> None:
    textin.fault("status", ScriptedFault(cut="before_answer"), times=2)
    await only_event(new_trigger(textin.add_job(JobScript(states=["pending", "completed"]))))
    assert logged()
    assert textin.secret_code not in json.dumps(logged())


async def test_each_wait_logs_where_its_own_trigger_does(
    textin: TextInServer, monkeypatch: pytest.MonkeyPatch, new_trigger: NewTrigger
) -> None:
    # By context variables the triggerer knows whose log a line belongs to, and one task asks for many waits.
    whose: ContextVar[str] = ContextVar("whose")
    told: list[tuple[str, str]] = []
    monkeypatch.setattr(
        TextInTrigger,
        "_log_decision",
        lambda self, decision: told.append((whose.get(), str(decision.message))),
    )
    jobs = [textin.add_job(JobScript(states=["pending", "in_progress", "completed"])) for _ in range(10)]

    async def wait(job_id: str) -> None:
        whose.set(job_id)
        await only_event(new_trigger(job_id))

    await asyncio.gather(*map(wait, jobs))

    assert len(told) >= 10
    assert [line for job_id, line in told if job_id not in line] == []


@pytest.mark.parametrize("is_list", [True, False], ids=["a list", "many waits"])
async def test_refusals_in_the_same_pause_are_one_line(
    textin: TextInServer,
    new_trigger: NewTrigger,
    caplog: pytest.LogCaptureFixture,
    logged: Logged,
    is_list: bool,
) -> None:
    # As many requests are in progress when the first one is refused.
    fault = ScriptedFault(code=40306, headers={"Retry-After": "1"}, delay=0.3)
    textin.fault("status", fault, times=CONCURRENCY)
    jobs = [textin.add_job(JobScript(states=["completed"])) for _ in range(100)]
    triggers = [new_trigger(jobs)] if is_list else [new_trigger(job_id) for job_id in jobs]
    await asyncio.gather(*map(only_event, triggers))
    hooks = [r.getMessage() for r in caplog.records if "textin_provider.hooks" in r.name]
    lines = {*hooks, *(line for _, line in logged())}
    assert len([line for line in lines if "40306" in line or "refused" in line or "not sent" in line]) == 1
