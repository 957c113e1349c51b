"""A rate limit pauses all requests of its credential, also those that have a slot already."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from tests.running import only_event, point_airflow_at
from tests.sent_requests import SentRequest, record_requests
from textin_provider.hooks.textin import TextInHook
from textin_provider.tasks.jobs import map_in_threads
from textin_provider.testing import JobScript, ScriptedFault, TextInServer
from textin_provider.triggers.xparse import XParseJobTrigger

if TYPE_CHECKING:
    import pytest

DONE = JobScript(states=["completed"])
PER_SECOND = 4.0
PAUSE = 2.0
#: A request may leave between the limited response and the moment its thread has read it.
READING = 0.5


def poll_jobs(job_ids: list[str]) -> list[Any]:
    """Poll many jobs over the worker's threads, each once; a response that is an error is listed too."""
    return list(map_in_threads(TextInHook().poll_xparse_job, job_ids))


def limit_third_response(textin: TextInServer) -> None:
    textin.fault("status", ScriptedFault(), times=2)
    textin.fault("status", ScriptedFault(code=40306, headers={"Retry-After": f"{PAUSE:g}"}))


def sent_in_the_pause(sent: list[SentRequest]) -> list[float]:
    """Return how long after the third response requests were started, if that was in the pause."""
    limited = sorted(request.responded for request in sent)[2]
    offsets = [request.started - limited for request in sent]
    return [offset for offset in offsets if READING < offset < PAUSE]


def test_threads_of_a_worker_send_nothing_in_a_pause(
    textin: TextInServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    point_airflow_at(textin, monkeypatch, extra={"max_requests_per_second": PER_SECOND})
    sent = record_requests(monkeypatch)
    limit_third_response(textin)

    polled = poll_jobs([textin.add_job(DONE) for _ in range(24)])

    assert [getattr(job, "code", None) for job in polled].count(40306) == 1
    assert len(sent) == textin.count("status") == 24
    assert sent_in_the_pause(sent) == []


async def test_triggers_send_nothing_in_a_pause(
    textin: TextInServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    point_airflow_at(textin, monkeypatch, extra={"max_requests_per_second": PER_SECOND})
    sent = record_requests(monkeypatch)
    limit_third_response(textin)
    options: dict[str, Any] = {
        "textin_conn_id": "textin_default",
        "poll_interval": 0.1,
        "timeout": 60.0,
    }

    triggers = [
        XParseJobTrigger(job_id=textin.add_job(DONE), deadline=time.time() + 60.0, **options)
        for _ in range(10)
    ]
    ended = await asyncio.gather(*map(only_event, triggers))

    assert [event["ending"] for event in ended] == ["terminal"] * 10
    assert len(sent) == textin.count("status") == 11
    assert sent_in_the_pause(sent) == []
