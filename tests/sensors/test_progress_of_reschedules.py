"""Reschedule mode: from Airflow 3.3 on, a poke knows which jobs of a list earlier pokes saw end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.operators.document import Store
from tests.running import run
from textin_provider.exceptions import TextInJobFailedError
from textin_provider.testing import JobScript, ScriptedFault, TextInServer, fast_polling

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.sensors.conftest import NewSensor

DONE = JobScript(states=["completed"])
FAILED = JobScript(states=["failed"], message="no page")
LATE = JobScript(states=["in_progress"] * 5 + ["completed"])
MIXED = (LATE, DONE, JobScript(states=["in_progress", "completed"]), DONE, DONE)


class _BrokenStore(Store):
    """A store whose methods of one name fail."""

    def __init__(self, method: str) -> None:
        super().__init__()
        setattr(self, method, self._fail)

    def _fail(self, *_: Any) -> Any:
        raise ConnectionError("Airflow's API is restarting")


@pytest.fixture(autouse=True)
def _fast_intervals(_fast_polling: None) -> Iterator[None]:
    with fast_polling():
        yield


def polls_too_many(textin: TextInServer, jobs: list[str]) -> set[int]:
    return {textin.jobs[job_id].polls - len(textin.jobs[job_id].script.states or ()) for job_id in jobs}


def test_a_poke_does_not_poll_again_what_has_ended(textin: TextInServer, new_sensor: NewSensor) -> None:
    jobs = [textin.add_job(script) for script in MIXED * 10]
    outcome = run(new_sensor(jobs, mode="reschedule"), task_state_store=Store())
    assert [job["job_id"] for job in outcome.returned()] == jobs
    assert outcome.pauses > 10
    assert polls_too_many(textin, jobs) == {0}


def test_of_more_jobs_than_are_kept_each_is_read_once_more_at_most(
    textin: TextInServer, new_sensor: NewSensor
) -> None:
    jobs = [textin.add_job(script) for script in (*MIXED, *[DONE] * 290, *MIXED)]
    for _ in range(60):
        textin.fault("status", ScriptedFault(), times=2)
        textin.fault("status", ScriptedFault(code=40306))
    outcome = run(new_sensor(jobs, mode="reschedule"), task_state_store=Store())
    assert [job["job_id"] for job in outcome.returned()] == jobs
    assert polls_too_many(textin, jobs) <= {0, 1}


@pytest.mark.parametrize("method", ["get", "set", "delete"])
def test_a_store_that_fails_costs_requests_only(
    textin: TextInServer, new_sensor: NewSensor, method: str
) -> None:
    jobs = [textin.add_job(script) for script in MIXED]
    outcome = run(new_sensor(jobs, mode="reschedule"), task_state_store=_BrokenStore(method))
    assert [job["job_id"] for job in outcome.returned()] == jobs


@pytest.mark.parametrize("value", [{}, [], "x", {"ids": None}, {"ids": "other ids", "ended": 5, "jobs": []}])
def test_a_value_of_another_wait_is_not_read(textin: TextInServer, new_sensor: NewSensor, value: Any) -> None:
    jobs = [textin.add_job(script) for script in MIXED]
    store = Store()
    store.set("textin_wait_progress", value)
    outcome = run(new_sensor(jobs, mode="reschedule"), task_state_store=store)
    assert [job["job_id"] for job in outcome.returned()] == jobs


@pytest.mark.parametrize("last", [DONE, FAILED], ids=["done", "failed"])
def test_nothing_is_kept_after_the_end(textin: TextInServer, new_sensor: NewSensor, last: JobScript) -> None:
    jobs = [textin.add_job(script) for script in (last, *MIXED)]
    store = Store()
    outcome = run(new_sensor(jobs, mode="reschedule"), task_state_store=store)
    assert outcome.pauses
    assert isinstance(outcome.error, TextInJobFailedError if last is FAILED else type(None))
    assert store.values == {}


@pytest.mark.parametrize("mode", ["poke", "reschedule"])
def test_a_single_job_and_poke_mode_keep_nothing(
    textin: TextInServer, new_sensor: NewSensor, mode: str
) -> None:
    job_id = textin.add_job(LATE)
    store = _BrokenStore("set")
    sensor = new_sensor([job_id] if mode == "poke" else job_id, mode=mode)
    run(sensor, task_state_store=store).returned()
    assert store.values == {}
