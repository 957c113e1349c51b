"""A wait means the same in every mode: warnings, ``Retry-After``, intervals, failed connection look-ups."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from airflow.providers.common.compat.sdk import AirflowNotFoundException

from tests.connection_lookups import fail_first_lookups
from tests.running import run
from tests.sensors.conftest import MODES
from tests.sensors.test_docflow_sensor import wait_for
from tests.sent_requests import gaps, record_requests
from textin_provider.exceptions import TextInConfigurationError
from textin_provider.testing import FileScript, JobScript, ScriptedFault, TextInServer

if TYPE_CHECKING:
    from tests.sensors.conftest import NewSensor, Warnings

every_mode = pytest.mark.parametrize("mode", MODES)
PAUSED = JobScript(states=["paused"] * 5 + ["completed"])
DONE = JobScript(states=["completed"])
#: Far more than the interval of 0.2 s.
RETRY_AFTER = 1.0
BUSY = ScriptedFault(http_status=503, body=b"", headers={"Retry-After": "1"})
NO_FAULT = ScriptedFault()
#: How many requests one poll of a batch is.
REQUESTS_PER_POLL = 4
#: Clocks differ by less.
TICK = 0.01


@every_mode
@pytest.mark.parametrize("count", [1, 2], ids=["one job", "a list"])
def test_an_unknown_status_is_warned_of(
    textin: TextInServer, new_sensor: NewSensor, warnings: Warnings, mode: str, count: int
) -> None:
    jobs = [textin.add_job(PAUSED) for _ in range(count)]
    run(new_sensor(jobs if count > 1 else jobs[0], **MODES[mode])).returned()
    found = [line for line in warnings() if "paused" in line]
    assert found
    # In reschedule mode each poke is a process of its own, which cannot know what was logged before.
    assert mode == "reschedule" or len(found) == 1


@every_mode
def test_retry_after_is_waited_out(
    textin: TextInServer, new_sensor: NewSensor, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    sent = record_requests(monkeypatch)
    textin.fault("status", NO_FAULT)
    textin.fault("status", BUSY, times=2)
    job_id = textin.add_job(JobScript(states=["pending", "completed"]))

    run(new_sensor(job_id, poke_interval=0.2, **MODES[mode])).returned()

    assert len(sent) == textin.count("status")
    assert min(gaps(sent)[1:3]) >= RETRY_AFTER - TICK


@every_mode
def test_retry_after_is_waited_out_for_a_batch(
    textin: TextInServer, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    sent = record_requests(monkeypatch)
    batch = textin.add_batch(files=[FileScript(visible_after_fetches=REQUESTS_PER_POLL)])
    textin.fault("fetch", NO_FAULT, times=REQUESTS_PER_POLL)
    textin.fault("fetch", BUSY, times=2)

    wait_for(batch, poke_interval=0.2, **MODES[mode]).returned()

    assert len(sent) == textin.count("fetch")
    assert min(gaps(sent)[REQUESTS_PER_POLL : REQUESTS_PER_POLL + 2]) >= RETRY_AFTER - TICK


@every_mode
def test_max_wait_does_not_shorten_a_steady_interval(
    textin: TextInServer, new_sensor: NewSensor, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    sent = record_requests(monkeypatch)
    job_id = textin.add_job(JobScript(states=["pending", "pending", "completed"]))
    run(new_sensor(job_id, poke_interval=0.5, max_wait=0.05, **MODES[mode])).returned()
    # A trigger shortens its first interval at random. Jitter takes at most a tenth off the others.
    assert gaps(sent)[1] >= 0.45 - TICK


@every_mode
def test_a_connection_lookup_that_fails_once_is_waited_out(
    textin: TextInServer, new_sensor: NewSensor, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    looked_up = fail_first_lookups(monkeypatch, ConnectionError("Airflow's API is restarting"), times=1)
    job_id = textin.add_job(DONE)
    assert run(new_sensor(job_id, **MODES[mode])).returned()["job_id"] == job_id
    assert len(looked_up) >= 2


@every_mode
def test_a_missing_connection_fails_at_once(
    textin: TextInServer, new_sensor: NewSensor, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    missing = AirflowNotFoundException("The conn_id `textin_default` isn't defined")
    looked_up = fail_first_lookups(monkeypatch, missing, times=float("inf"))
    error = run(new_sensor(textin.add_job(DONE), **MODES[mode])).raised()
    assert isinstance(error, TextInConfigurationError)
    assert len(looked_up) == 1
    assert textin.count("*") == 0
