"""The sensor of an xParse job: what it returns, when it defers, and what its trigger is told."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred

from tests.running import new_context, run
from tests.sensors.conftest import MODES
from textin_provider.exceptions import TextInAuthenticationError, TextInConfigurationError, TextInRequestError
from textin_provider.sensors.xparse import XParseJobSensor
from textin_provider.testing import JobScript, ScriptedFault, TextInServer

if TYPE_CHECKING:
    from tests.sensors.conftest import NewSensor

SLOW = JobScript(states=["pending", "in_progress", "completed"])
HTML = b"<html>502 Bad Gateway</html>"


def _deferral(sensor: XParseJobSensor) -> TaskDeferred:
    with pytest.raises(TaskDeferred) as deferred:
        sensor.execute(new_context())
    return deferred.value


def _arguments(deferral: TaskDeferred) -> dict[str, Any]:
    arguments: dict[str, Any] = deferral.trigger.serialize()[1]
    return arguments


@pytest.mark.parametrize("mode", MODES)
def test_it_returns_the_job_whatever_the_mode(textin: TextInServer, new_sensor: NewSensor, mode: str) -> None:
    job_id = textin.add_job(SLOW)

    outcome = run(new_sensor(job_id, **MODES[mode]))

    job = textin.jobs[job_id]
    assert outcome.returned() == {
        "job_id": job_id,
        "file_id": job.file_id,
        "status": "completed",
        "result_url": outcome.value["result_url"],
        "message": None,
    }
    assert (outcome.pauses > 0, len(outcome.deferrals)) == (mode == "reschedule", int(mode == "deferrable"))
    assert job.polls == 3


@pytest.mark.parametrize(
    "script",
    [
        pytest.param({}, id="completed"),
        pytest.param({"result_url": None}, id="completed without a result"),
        pytest.param({"result_url": "https://files.textin.com/r?Signature=abc"}, id="completed and signed"),
        pytest.param({"status": "failed", "message": "坏文件"}, id="failed"),
    ],
)
def test_the_value_is_equal_in_all_modes(
    textin: TextInServer, new_sensor: NewSensor, script: dict[str, Any]
) -> None:
    states = ["pending", script.pop("status", "completed")]
    job_id = textin.add_job(JobScript(states=states, **script))
    first_seen = run(new_sensor(job_id, raise_on_failure=False)).returned()
    job = textin.jobs[job_id]
    for options in MODES.values():
        job.polls = 0
        assert run(new_sensor(job_id, raise_on_failure=False, **options)).returned() == first_seen
    assert "Signature" not in json.dumps(first_seen)


@pytest.mark.parametrize("mode", MODES)
def test_a_job_that_has_ended_is_seen_at_the_first_look(
    textin: TextInServer, new_sensor: NewSensor, mode: str
) -> None:
    job_id = textin.add_job(JobScript(states=["completed"]))
    outcome = run(new_sensor(job_id, **MODES[mode]))
    assert outcome.returned()["status"] == "completed"
    assert (outcome.deferrals, outcome.pauses, textin.jobs[job_id].polls) == ([], 0, 1)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(ScriptedFault(http_status=502, body=HTML, content_type="text/html"), id="gateway"),
        pytest.param(ScriptedFault(cut="before_answer"), id="reset"),
        pytest.param(ScriptedFault(code=40306), id="rate limit"),
        pytest.param(ScriptedFault(body=HTML), id="no JSON"),
    ],
)
def test_a_blip_at_the_first_look_is_waited_out(
    textin: TextInServer, new_sensor: NewSensor, fault: ScriptedFault, mode: str
) -> None:
    textin.fault("status", fault)
    job_id = textin.add_job(JobScript(states=["completed"]))
    assert run(new_sensor(job_id, **MODES[mode])).returned()["status"] == "completed"
    assert textin.count("status") == 2


@pytest.mark.parametrize("mode", MODES)
def test_an_unknown_status_is_waited_out(textin: TextInServer, new_sensor: NewSensor, mode: str) -> None:
    job_id = textin.add_job(JobScript(states=["paused", "paused", "completed"]))
    assert run(new_sensor(job_id, **MODES[mode])).returned()["status"] == "completed"


@pytest.mark.parametrize("mode", MODES)
def test_wrong_credentials_end_the_wait_at_once(
    textin: TextInServer, new_sensor: NewSensor, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_TEXTIN_DEFAULT", json.dumps(textin.connection() | {"password": "wrong"}))
    error = run(new_sensor(textin.add_job(), **MODES[mode])).raised()
    assert isinstance(error, TextInAuthenticationError)
    assert textin.count("status") == 1


@pytest.mark.parametrize("mode", MODES)
def test_a_half_filled_connection_names_its_empty_field(
    textin: TextInServer, new_sensor: NewSensor, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_TEXTIN_DEFAULT", json.dumps(textin.connection() | {"login": None}))
    error = run(new_sensor(textin.add_job(), **MODES[mode])).raised()
    assert isinstance(error, TextInConfigurationError)
    assert "login (App ID)" in str(error)


@pytest.mark.parametrize("job_id", [None, "", "None", 17, "a/b"], ids=repr)
@pytest.mark.parametrize("mode", MODES)
def test_a_malformed_job_id_is_named(
    textin: TextInServer, new_sensor: NewSensor, mode: str, job_id: object
) -> None:
    error = run(new_sensor(job_id, **MODES[mode])).raised()
    assert isinstance(error, TextInRequestError)
    assert str(error).startswith(f"job_id={job_id!r}: it is not a valid job id")
    assert textin.count("*") == 0


@pytest.mark.parametrize("mode", MODES)
def test_an_unknown_job_id_ends_the_wait_and_is_named(
    textin: TextInServer, new_sensor: NewSensor, mode: str
) -> None:
    error = run(new_sensor("f" * 32, **MODES[mode])).raised()
    assert isinstance(error, TextInRequestError)
    assert "f" * 32 in str(error)


def test_the_trigger_is_told_what_the_sensor_was_told(textin: TextInServer, new_sensor: NewSensor) -> None:
    job_id = textin.add_job(JobScript(status="never"))
    make = new_sensor(
        job_id,
        deferrable=True,
        poke_interval=timedelta(seconds=30),
        timeout=timedelta(hours=2),
        exponential_backoff=True,
        max_wait=timedelta(minutes=10),
    )
    before = time.time()

    deferral = _deferral(make())

    arguments = _arguments(deferral)
    assert before + 7200 <= arguments.pop("deadline") <= time.time() + 7200
    assert arguments == {
        "job_id": job_id,
        "textin_conn_id": "textin_default",
        "poll_interval": 30.0,
        "timeout": 7200.0,
        "exponential_backoff": True,
        "max_wait": 600.0,
        "looks": 0,
        "wake_after": None,
    }


def test_the_framework_gives_the_trigger_longer_than_the_deadline(
    textin: TextInServer, new_sensor: NewSensor
) -> None:
    deferral = _deferral(new_sensor(textin.add_job(JobScript(status="never")), deferrable=True)())
    assert deferral.timeout is not None
    assert time.time() + deferral.timeout.total_seconds() > _arguments(deferral)["deadline"] + 60


def test_pauses_between_pokes_carry_jitter(textin: TextInServer, new_sensor: NewSensor) -> None:
    sensor = new_sensor("a", poke_interval=100.0)()
    pauses = {sensor._get_next_poke_interval(0.0, lambda: 0.0, 1) for _ in range(50)}
    assert len(pauses) > 1
    assert all(90.0 <= pause <= 110.0 for pause in pauses)


def test_a_doubled_pause_stays_within_max_wait(textin: TextInServer, new_sensor: NewSensor) -> None:
    sensor = new_sensor("a", poke_interval=10.0, exponential_backoff=True, max_wait=60, timeout=1e6)()
    assert max(sensor._get_next_poke_interval(0.0, lambda: 0.0, 20) for _ in range(50)) <= 60.0


def test_the_templates_are_rendered(textin: TextInServer) -> None:
    sensor = XParseJobSensor(task_id="wait", job_id="{{ job }}", textin_conn_id="textin_{{ account }}")
    sensor.render_template_fields(new_context(job="c020a1f0", account="berlin"))
    assert (sensor.job_id, sensor.textin_conn_id, sensor.hook.textin_conn_id) == (
        "c020a1f0",
        "textin_berlin",
        "textin_berlin",
    )


def test_it_does_not_defer_unless_told() -> None:
    assert XParseJobSensor(task_id="wait", job_id="a").deferrable is False


def test_it_defers_by_default_where_airflow_is_configured_so() -> None:
    program = (
        "from textin_provider.sensors.xparse import XParseJobSensor\n"
        "print(XParseJobSensor(task_id='wait', job_id='a').deferrable)"
    )
    environment = os.environ | {"AIRFLOW__OPERATORS__DEFAULT_DEFERRABLE": "True"}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "True"
