"""One sensor that waits for many jobs: the same in every mode, and in waves where they are very many."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, AirflowSensorTimeout

from tests.running import run
from tests.sensors.conftest import MODES
from textin_provider.exceptions import TextInAuthenticationError, TextInJobFailedError, TextInRequestError
from textin_provider.testing import JobScript, ScriptedFault, TextInServer

if TYPE_CHECKING:
    from tests.sensors.conftest import NewSensor

SOON = JobScript(states=["pending", "in_progress", "completed"])
DONE = JobScript(states=["completed"])
FAILED = JobScript(states=["in_progress", "failed"], message="PDF 密码错误")
NO_JOB = "f" * 32

every_mode = pytest.mark.parametrize("mode", MODES)


@every_mode
def test_the_value_is_a_list_in_the_order_given(
    textin: TextInServer, new_sensor: NewSensor, mode: str
) -> None:
    jobs = [textin.add_job(script) for script in (SOON, DONE, SOON, DONE)]
    value = run(new_sensor(jobs, **MODES[mode])).returned()
    assert [job["job_id"] for job in value] == jobs
    assert {job["status"] for job in value} == {"completed"}
    assert {job["file_id"] for job in value} == {job.file_id for job in textin.jobs.values()}


@every_mode
def test_an_id_given_twice_is_asked_for_once_and_listed_twice(
    textin: TextInServer, new_sensor: NewSensor, mode: str
) -> None:
    first, second = textin.add_job(DONE), textin.add_job(DONE)
    value = run(new_sensor([first, second, first], **MODES[mode])).returned()
    assert [job["job_id"] for job in value] == [first, second, first]
    assert textin.jobs[first].polls == 1


@every_mode
@pytest.mark.parametrize("empty", [[], ()])
def test_of_no_jobs_all_have_ended(
    textin: TextInServer, new_sensor: NewSensor, mode: str, empty: Any
) -> None:
    assert run(new_sensor(empty, **MODES[mode])).returned() == []
    assert textin.count("*") == 0


@every_mode
def test_a_list_of_one_gives_a_list(textin: TextInServer, new_sensor: NewSensor, mode: str) -> None:
    [job] = run(new_sensor([textin.add_job(SOON)], **MODES[mode])).returned()
    assert job["status"] == "completed"


@every_mode
def test_failed_ones_are_reported_together_when_all_have_ended(
    textin: TextInServer, new_sensor: NewSensor, mode: str
) -> None:
    jobs = [textin.add_job(script) for script in (FAILED, SOON, FAILED, SOON, SOON)]

    outcome = run(new_sensor(jobs, **MODES[mode]))

    error = outcome.raised()
    assert isinstance(error, TextInJobFailedError)
    assert isinstance(error, AirflowFailException)
    assert "2 of 5 xParse jobs failed" in str(error)
    assert f"{jobs[0]}: PDF 密码错误; {jobs[2]}: PDF 密码错误" in str(error)
    assert [job["status"] for job in outcome.xcoms["return_value"]] == [
        "failed", "completed", "failed", "completed", "completed",
    ]  # fmt: skip


@every_mode
def test_failed_ones_may_be_let_pass(textin: TextInServer, new_sensor: NewSensor, mode: str) -> None:
    jobs = [textin.add_job(script) for script in (FAILED, SOON)]
    value = run(new_sensor(jobs, raise_on_failure=False, **MODES[mode])).returned()
    assert [(job["status"], job["message"]) for job in value] == [
        ("failed", "PDF 密码错误"),
        ("completed", None),
    ]


@every_mode
@pytest.mark.parametrize("place", [0, 1, 2])
def test_an_id_that_textin_does_not_know_is_a_failed_one(
    textin: TextInServer, new_sensor: NewSensor, mode: str, place: int
) -> None:
    jobs = [textin.add_job(SOON) for _ in range(2)]
    jobs.insert(place, NO_JOB)

    outcome = run(new_sensor(jobs, **MODES[mode]))

    assert isinstance(outcome.raised(), TextInJobFailedError)
    assert f"1 of 3 xParse jobs failed: {NO_JOB}: xParse job {NO_JOB}: status: " in str(outcome.raised())
    assert sorted(job["status"] for job in outcome.xcoms["return_value"]) == [
        "completed",
        "completed",
        "failed",
    ]


@every_mode
def test_one_that_never_ends_is_named_at_the_deadline(
    textin: TextInServer, new_sensor: NewSensor, mode: str
) -> None:
    jobs = [textin.add_job(script) for script in (DONE, JobScript(states=["in_progress"]), DONE)]
    error = run(new_sensor(jobs, timeout=1.0, **MODES[mode])).raised()
    assert isinstance(error, AirflowSensorTimeout)
    assert jobs[1] in str(error)
    assert not {jobs[0], jobs[2]} & set(str(error).replace(",", " ").replace(";", " ").split())


@every_mode
def test_wrong_credentials_fail_at_once(textin: TextInServer, new_sensor: NewSensor, mode: str) -> None:
    jobs = [textin.add_job(SOON) for _ in range(5)]
    textin.fault("status", ScriptedFault(code=40102), times=None)
    assert isinstance(run(new_sensor(jobs, **MODES[mode])).raised(), TextInAuthenticationError)
    assert textin.count("status") <= 2


@pytest.mark.parametrize("bad", [None, "", "a/../b", 7, "None"])
def test_one_bad_id_of_many_is_refused_before_anything_is_asked(
    textin: TextInServer, new_sensor: NewSensor, bad: Any
) -> None:
    error = run(new_sensor([textin.add_job(DONE), bad])).raised()
    assert isinstance(error, TextInRequestError)
    assert repr(bad) in str(error)
    assert textin.count("*") == 0


@every_mode
def test_a_blip_is_waited_out(textin: TextInServer, new_sensor: NewSensor, mode: str) -> None:
    jobs = [textin.add_job(SOON) for _ in range(20)]
    textin.fault("status", ScriptedFault(http_status=502), times=6)
    assert len(run(new_sensor(jobs, **MODES[mode])).returned()) == 20


def test_while_the_last_one_is_in_work_a_look_costs_one_request(
    textin: TextInServer, new_sensor: NewSensor
) -> None:
    jobs = [textin.add_job(DONE) for _ in range(30)]
    jobs.append(textin.add_job(JobScript(states=["in_progress"] * 5 + ["completed"])))
    assert len(run(new_sensor(jobs, mode="poke")).returned()) == 31
    assert textin.count("status") == 5 + 31


def test_jobs_that_have_ended_never_reach_the_triggerer(textin: TextInServer, new_sensor: NewSensor) -> None:
    jobs = [textin.add_job(DONE) for _ in range(30)]
    outcome = run(new_sensor(jobs, deferrable=True))
    assert outcome.deferrals == []
    assert textin.count("status") == 30


def test_what_an_event_has_no_room_for_is_asked_for_again(
    textin: TextInServer, new_sensor: NewSensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("textin_provider.polling.xparse._MAX_EVENT_CHARS", 700)
    jobs = [textin.add_job(SOON) for _ in range(10)]
    value = run(new_sensor(jobs, deferrable=True)).returned()
    assert [job["job_id"] for job in value] == jobs
    assert {job["status"] for job in value} == {"completed"}


def test_an_error_when_ended_jobs_are_polled_again_is_waited_out_on_the_worker(
    textin: TextInServer, new_sensor: NewSensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("textin_provider.polling.xparse._MAX_EVENT_CHARS", 0)
    jobs = [textin.add_job(DONE) for _ in range(3)]
    resumed = {"event": {"ending": "terminal", "jobs": []}, "deadline": 4e9, "ended": 3}
    textin.fault("status", ScriptedFault(http_status=502), times=4)
    sensor = new_sensor(jobs, deferrable=True)
    outcome = run(lambda: _Resumed(sensor(), resumed))
    assert [job["job_id"] for job in outcome.returned()] == jobs
    assert outcome.deferrals == []  # a deferral would forget the jobs that were polled meanwhile
    assert textin.count("status") == 4 + len(jobs)


class _Resumed:
    """A sensor that begins where a trigger has just ended."""

    def __init__(self, sensor: Any, kwargs: dict[str, Any]) -> None:
        self._sensor, self._kwargs = sensor, kwargs

    def execute(self, context: Any) -> Any:
        return self._sensor.resume_execution("execute_complete", self._kwargs, context)

    def resume_execution(self, *arguments: Any) -> Any:
        return self._sensor.resume_execution(*arguments)


def test_a_long_list_is_waited_for_in_waves(
    textin: TextInServer, new_sensor: NewSensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("textin_provider.polling.xparse._MAX_TRIGGER_CHARS", 50 * (32 + len('"", ')))
    jobs = [textin.add_job(JobScript(states=["in_progress", "completed"])) for _ in range(120)]

    outcome = run(new_sensor(jobs, deferrable=True))

    assert [job["job_id"] for job in outcome.returned()] == jobs
    watched = [deferral.trigger.serialize()[1]["job_id"] for deferral in outcome.deferrals]
    assert [len(wave) for wave in watched] == [50, 50, 20]
    assert list(chain.from_iterable(watched)) == jobs[::-1]
    # Two looks by a trigger at most, the look before each wave, and one more where the event had no room.
    assert textin.count("status") <= 3 * len(jobs)
