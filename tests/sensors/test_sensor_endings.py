"""How a wait for a job ends badly: failed jobs, deadlines, lost triggers, and events of no known shape."""

from __future__ import annotations

import pickle
import time
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import (
    AirflowException,
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowSkipException,
)

from tests.airflow_versions import TaskDeferralError
from tests.running import AIRFLOW_2, new_context, run, says_in_time
from tests.sensors.conftest import MODES
from textin_provider.exceptions import TextInError, TextInJobFailedError
from textin_provider.testing import JobScript, ScriptedFault, TextInServer

if TYPE_CHECKING:
    from tests.sensors.conftest import NewSensor

FAILS = JobScript(states=["pending", "failed"], message="PDF password missing")
#: What a scheduler writes when a deferral has outlived its timeout.
LOST = "Trigger/execution timeout" if AIRFLOW_2 else "Trigger timeout"


@pytest.mark.parametrize("mode", MODES)
def test_a_failed_job_fails_the_task_without_retry_and_with_its_reason(
    textin: TextInServer, new_sensor: NewSensor, mode: str
) -> None:
    job_id = textin.add_job(FAILS)

    outcome = run(new_sensor(job_id, **MODES[mode]))

    error = outcome.raised()
    assert isinstance(error, TextInJobFailedError)
    assert isinstance(error, AirflowFailException)
    assert job_id in str(error)
    assert "PDF password missing" in str(error)
    assert error.message == "PDF password missing"


@pytest.mark.parametrize("mode", MODES)
def test_the_value_of_a_failed_job_is_pushed_before_the_error(
    textin: TextInServer, new_sensor: NewSensor, mode: str
) -> None:
    job_id = textin.add_job(FAILS)
    pushed = run(new_sensor(job_id, **MODES[mode])).xcoms
    assert pushed == {"return_value": run(new_sensor(job_id, raise_on_failure=False)).returned()}


@pytest.mark.parametrize("mode", MODES)
def test_nothing_is_pushed_where_the_task_shall_push_nothing(
    textin: TextInServer, new_sensor: NewSensor, mode: str
) -> None:
    outcome = run(new_sensor(textin.add_job(FAILS), do_xcom_push=False, **MODES[mode]))
    assert isinstance(outcome.raised(), TextInJobFailedError)
    assert outcome.xcoms == {}


@pytest.mark.parametrize("mode", MODES)
def test_a_failed_job_is_a_value_where_the_user_wants_it_so(
    textin: TextInServer, new_sensor: NewSensor, mode: str
) -> None:
    outcome = run(new_sensor(textin.add_job(FAILS), raise_on_failure=False, **MODES[mode]))
    assert (outcome.returned()["status"], outcome.value["message"]) == ("failed", "PDF password missing")
    assert outcome.xcoms == {}


@pytest.mark.parametrize("mode", MODES)
def test_the_deadline_is_a_sensor_timeout(textin: TextInServer, new_sensor: NewSensor, mode: str) -> None:
    job_id = textin.add_job(JobScript(status="never"))
    error = run(new_sensor(job_id, timeout=1.0, **MODES[mode])).raised()
    assert isinstance(error, AirflowSensorTimeout)
    assert not isinstance(error, TextInError)


@pytest.mark.parametrize("mode", MODES)
def test_faults_until_the_deadline_are_a_sensor_timeout(
    textin: TextInServer, new_sensor: NewSensor, mode: str
) -> None:
    textin.fault("status", ScriptedFault(code=500), times=None)
    error = run(new_sensor(textin.add_job(), timeout=1.0, **MODES[mode])).raised()
    assert isinstance(error, AirflowSensorTimeout)


def test_a_deferred_timeout_says_how_the_job_stood(textin: TextInServer, new_sensor: NewSensor) -> None:
    job_id = textin.add_job(JobScript(states=["in_progress"]))
    says_in_time(
        f"xParse job {job_id} had not ended after timeout=",
        lambda timeout: str(run(new_sensor(job_id, timeout=timeout, deferrable=True)).raised()),
    )


def test_the_error_survives_a_process_boundary(textin: TextInServer, new_sensor: NewSensor) -> None:
    error = run(new_sensor(textin.add_job(FAILS), deferrable=True)).raised()
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again)) == (type(error), str(error))


MALFORMED = {
    "none": None,
    "empty": {},
    "no ending": {"status": "success"},
    "an ending nobody knows": {"ending": "unheard of", "jobs": []},
    "an ending that is null": {"ending": None},
    "terminal without a job": {"ending": "terminal"},
    "terminal with half a job": {"ending": "terminal", "jobs": [{"job_id": "a"}]},
    "timeout without a message": {"ending": "timeout"},
    "fault without a fault": {"ending": "fault"},
    "fault of no known kind": {"ending": "fault", "fault": {"kind": "new", "about": "a", "message": "b"}},
    "no object": ["terminal"],
}


@pytest.mark.parametrize("event", MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_event_is_never_a_success(new_sensor: NewSensor, event: Any) -> None:
    sensor = new_sensor("a", deferrable=True)()
    with pytest.raises(Exception) as raised:  # noqa: PT011
        sensor.resume_execution("execute_complete", {"event": event}, new_context())
    assert not isinstance(raised.value, AirflowSkipException)


def test_a_missing_event_is_never_a_success(new_sensor: NewSensor) -> None:
    with pytest.raises(RuntimeError, match="The trigger of wait ended with"):
        new_sensor("a")().resume_execution("execute_complete", {}, new_context())


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        pytest.param({}, AirflowSensorTimeout, id="plain"),
        pytest.param({"soft_fail": True}, AirflowSkipException, id="soft_fail"),
        pytest.param({"never_fail": True}, AirflowSkipException, id="never_fail"),
        pytest.param({"silent_fail": True}, AirflowSensorTimeout, id="silent_fail"),
    ],
)
def test_a_deferral_that_outlived_the_framework_is_a_sensor_timeout(
    new_sensor: NewSensor, options: dict[str, Any], expected: type[Exception]
) -> None:
    sensor = new_sensor("a", deferrable=True, **options)()
    with pytest.raises(expected, match="within timeout=20s"):
        sensor.resume_execution("__fail__", {"error": LOST}, new_context())


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        pytest.param({}, TaskDeferralError, id="plain"),
        pytest.param({"never_fail": True}, AirflowSkipException, id="never_fail"),
    ],
)
def test_a_trigger_that_crashed_is_an_ordinary_failure(
    new_sensor: NewSensor, options: dict[str, Any], expected: type[Exception]
) -> None:
    sensor = new_sensor("a", deferrable=True, **options)()
    crashed = {"error": "Trigger failure", "traceback": ["Traceback\n", "ValueError: a mistake\n"]}
    with pytest.raises(expected):
        sensor.resume_execution("__fail__", crashed, new_context())


def test_soft_fail_and_never_fail_exclude_each_other(new_sensor: NewSensor) -> None:
    with pytest.raises((ValueError, AirflowException), match="mutually exclusive"):
        new_sensor("a", soft_fail=True, never_fail=True)()


@pytest.mark.parametrize("mode", ["poke", "reschedule"])
def test_a_deferrable_sensor_has_the_deadline_of_its_timeout_in_either_mode(
    textin: TextInServer, new_sensor: NewSensor, mode: str
) -> None:
    job_id = textin.add_job(JobScript(states=["pending", "completed"]))
    before = time.time()
    [deferral] = run(new_sensor(job_id, mode=mode, deferrable=True, timeout=20.0)).deferrals
    deadline = deferral.trigger.serialize()[1]["deadline"]
    assert before + 20.0 <= deadline <= time.time() + 20.0
    assert (deferral.kwargs or {})["deadline"] == deadline
