"""Triggers whose Airflow connection cannot be looked up for a moment."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from tests.connection_lookups import fail_first_lookups
from tests.running import only_event, point_airflow_at
from textin_provider.testing import JobScript, ScriptedFault, TextInServer

if TYPE_CHECKING:
    import pytest

    from tests.triggers.conftest import NewTrigger

DONE = JobScript(states=["completed"])


async def test_a_lookup_that_fails_once_ends_no_wait(
    textin: TextInServer, new_trigger: NewTrigger, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_up = fail_first_lookups(monkeypatch, ConnectionError("Airflow's API is restarting"), times=1)
    jobs = [textin.add_job(DONE) for _ in range(50)]

    waits = (only_event(new_trigger(job_id)) for job_id in jobs)
    ended = await asyncio.gather(*waits, return_exceptions=True)

    assert [event["ending"] if isinstance(event, dict) else event for event in ended] == ["terminal"] * 50
    assert len(looked_up) >= 2


async def test_a_failed_lookup_is_not_kept_for_those_who_join_later(
    textin: TextInServer, new_trigger: NewTrigger, monkeypatch: pytest.MonkeyPatch
) -> None:
    # It polls in an hour, and until then only keeps open what all triggers of the connection share.
    never = textin.add_job(JobScript(status="never"))
    other = asyncio.create_task(only_event(new_trigger(never, poll_interval=3600.0, timeout=7200.0, looks=1)))
    assert (await only_event(new_trigger(textin.add_job(DONE))))["ending"] == "terminal"

    point_airflow_at(textin, monkeypatch, password="")
    textin.fault("status", ScriptedFault(code=40102))
    event = await only_event(new_trigger(textin.add_job(DONE)))
    assert (event["ending"], event["fault"]["kind"]) == ("fault", "configuration")

    point_airflow_at(textin, monkeypatch)
    event = await only_event(new_trigger(textin.add_job(DONE)))
    assert event["ending"] == "terminal"
    assert not other.done()
    other.cancel()
    await asyncio.gather(other, return_exceptions=True)
