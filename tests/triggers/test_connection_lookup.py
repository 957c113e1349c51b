"""Triggers whose Airflow connection cannot be looked up for a moment."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from tests.connection_lookups import fail_first_lookups
from tests.running import only_event
from textin_provider.testing import JobScript, TextInServer

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
