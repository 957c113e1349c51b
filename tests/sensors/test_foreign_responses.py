"""Sensors wait on over responses that are not TextIn's, and say at their timeout what responded."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from airflow.providers.common.compat.sdk import AirflowSensorTimeout

from tests.foreign import FOREIGN, SOME_FOREIGN
from tests.running import run, says_in_time
from tests.sensors.conftest import MODES
from tests.sensors.test_docflow_sensor import wait_for
from textin_provider.exceptions import TextInAuthenticationError, TextInRequestError
from textin_provider.testing import JobScript, ScriptedFault, TextInServer

if TYPE_CHECKING:
    from tests.sensors.conftest import NewSensor

every_mode = pytest.mark.parametrize("mode", MODES)
every_response = pytest.mark.parametrize("foreign", SOME_FOREIGN.values(), ids=SOME_FOREIGN)


@every_mode
@every_response
def test_a_wait_for_a_job_survives_a_gateway(
    textin: TextInServer, new_sensor: NewSensor, mode: str, foreign: ScriptedFault
) -> None:
    job_id = textin.add_job(JobScript(states=["pending", "completed"]))
    textin.fault("status", foreign, times=2)

    outcome = run(new_sensor(job_id, **MODES[mode]))

    assert outcome.returned()["status"] == "completed"
    assert textin.count("status") == 4


@every_mode
def test_a_wait_for_many_jobs_counts_none_as_failed_that_a_gateway_does_not_know(
    textin: TextInServer, new_sensor: NewSensor, mode: str
) -> None:
    ids = [textin.add_job(JobScript(states=["completed"])) for _ in range(3)]
    textin.fault("status", FOREIGN["default backend"], times=4)

    jobs = run(new_sensor(ids, **MODES[mode])).returned()

    assert [job["status"] for job in jobs] == ["completed"] * 3


@every_mode
@every_response
def test_a_wait_for_a_batch_survives_a_gateway(
    textin: TextInServer, mode: str, foreign: ScriptedFault
) -> None:
    batch = textin.add_batch(count=1)
    textin.fault("fetch", foreign, times=2)

    assert wait_for(batch, **MODES[mode]).returned()["succeeded"] == 1


@every_mode
@pytest.mark.parametrize("name", ["default backend", "page 401", "redirect to a login", "JSON of gRPC"])
def test_a_timeout_says_that_it_was_not_textin(
    textin: TextInServer, new_sensor: NewSensor, mode: str, name: str
) -> None:
    textin.fault("status", FOREIGN[name], times=None)
    job_id = textin.add_job()

    def last_words(timeout: float) -> str:
        error = run(new_sensor(job_id, timeout=timeout, **MODES[mode])).raised()
        assert isinstance(error, AirflowSensorTimeout)
        assert "connection's host, proxy and gateway" in str(error)
        assert ("redirected" in str(error)) is ("redirect" in name)
        return str(error)

    says_in_time("not an envelope of TextIn", last_words)


@every_mode
@pytest.mark.parametrize(
    ("refusal", "error"),
    [
        (ScriptedFault(code=40004), TextInRequestError),
        (ScriptedFault(code=1005025103, http_status=400), TextInRequestError),
        (ScriptedFault(code=59999), TextInRequestError),
        (ScriptedFault(code=401), TextInAuthenticationError),
        (ScriptedFault(code=403, http_status=403), TextInAuthenticationError),
    ],
    ids=["unknown", "ten digits", "unlisted", "401", "403"],
)
def test_an_envelope_that_refuses_ends_a_wait_at_once(
    textin: TextInServer, new_sensor: NewSensor, mode: str, refusal: ScriptedFault, error: type[Exception]
) -> None:
    textin.fault("status", refusal, times=None)

    assert type(run(new_sensor(textin.add_job(), **MODES[mode])).raised()) is error
    assert textin.count("status") == 1
