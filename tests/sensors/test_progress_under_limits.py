"""
A list of jobs under a rate limit: how many requests it costs, and how many lines in the log.

A job is polled until it has ended, and once more at most for its details. Refusals come on top.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred

from tests.running import new_context, run
from tests.sensors.conftest import MODES
from textin_provider.api.rate_limit import RateLimiter, Refusal
from textin_provider.sensors.xparse import XParseJobSensor
from textin_provider.tasks import jobs as jobs_module
from textin_provider.testing import JobScript, ScriptedFault, TextInServer, fast_polling

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.sensors.conftest import NewSensor, Warnings

DONE = JobScript(states=["completed"])
SOON = JobScript(states=["in_progress", "completed"])
LATE = JobScript(states=["in_progress"] * 3 + ["completed"])
REFUSED = ScriptedFault(code=40306)
SERVED = ScriptedFault()
#: The ids of so many characters are one chunk of 50 jobs.
FIFTY_JOBS = 50 * (32 + len('"", '))

every_mode = pytest.mark.parametrize("mode", MODES)


@pytest.fixture(autouse=True)
def _short_pauses(_fast_polling: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Shorten intervals too, and what many refusals in a row lead to."""
    monkeypatch.setattr("textin_provider.api.rate_limit._LONGEST_PAUSE", 0.05)
    monkeypatch.setattr("textin_provider.api.learned_rate._WIDEST", 0.005)
    with fast_polling():
        yield


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[Refusal]:
    """Note the refusals that begin a pause."""
    begun: list[Refusal] = []
    on_limit = RateLimiter.on_limit

    def note(self: RateLimiter, *arguments: Any, **named: Any) -> Refusal | None:
        refusal = on_limit(self, *arguments, **named)
        if refusal:
            begun.append(refusal)
        return refusal

    monkeypatch.setattr(RateLimiter, "on_limit", note)
    return begun


def lines_about_refusals(lines: list[str]) -> list[str]:
    return [line for line in lines if "40306" in line or "not sent" in line or "refused" in line]


def refuse_every_third(textin: TextInServer, times: int) -> int:
    for _ in range(times):
        textin.fault("status", SERVED, times=2)
        textin.fault("status", REFUSED)
    return times


def refuse_in_a_row(textin: TextInServer, times: int, after: int) -> int:
    textin.fault("status", SERVED, times=after)
    textin.fault("status", REFUSED, times=times)
    return times


PATTERNS = {
    "every third": lambda textin: refuse_every_third(textin, 60),
    "twenty in a row": lambda textin: refuse_in_a_row(textin, 20, after=12),
}
every_pattern = pytest.mark.parametrize("pattern", PATTERNS)


def most_polls(textin: TextInServer, jobs: list[str]) -> int:
    """Return how often a job was polled at most beyond the first poll that saw it ended."""
    return max(textin.jobs[job_id].polls - len(textin.jobs[job_id].script.states or ()) for job_id in jobs)


def status_requests(textin: TextInServer, jobs: list[str]) -> int:
    """Return the number of polls that were not refused."""
    return sum(textin.jobs[job_id].polls for job_id in jobs)


@every_mode
@every_pattern
def test_jobs_that_have_ended_are_read_once(
    textin: TextInServer, new_sensor: NewSensor, mode: str, pattern: str
) -> None:
    jobs = [textin.add_job(DONE) for _ in range(200)]
    refusals = PATTERNS[pattern](textin)

    outcome = run(new_sensor(jobs, **MODES[mode]))

    assert [job["job_id"] for job in outcome.returned()] == jobs
    assert outcome.deferrals == []
    assert outcome.pauses == 0
    assert textin.count("status") == len(jobs) + refusals


@pytest.mark.parametrize("mode", ["poke", "deferrable"])
@every_pattern
def test_jobs_that_end_later_are_read_once_more_at_most(
    textin: TextInServer, new_sensor: NewSensor, mode: str, pattern: str
) -> None:
    jobs = [textin.add_job(script) for script in (SOON, DONE, LATE, DONE) * 50]
    refusals = PATTERNS[pattern](textin)

    outcome = run(new_sensor(jobs, **MODES[mode]))

    assert [job["job_id"] for job in outcome.returned()] == jobs
    assert most_polls(textin, jobs) <= (mode == "deferrable")
    assert textin.count("status") == status_requests(textin, jobs) + refusals


def test_a_last_job_that_ends_last_costs_one_request_a_poke(
    textin: TextInServer, new_sensor: NewSensor
) -> None:
    jobs = [*(textin.add_job(DONE) for _ in range(199)), textin.add_job(LATE)]
    refusals = refuse_in_a_row(textin, 20, after=12)
    outcome = run(new_sensor(jobs, mode="reschedule"))
    assert len(outcome.returned()) == 200
    assert textin.count("status") == 199 + len(LATE.states or ()) + refusals


@pytest.mark.parametrize("place", [0, 60, 199])
def test_a_job_in_work_among_jobs_that_have_ended_is_waited_for_once(
    textin: TextInServer, new_sensor: NewSensor, place: int
) -> None:
    jobs = [textin.add_job(LATE if number == place else DONE) for number in range(200)]
    refusals = refuse_every_third(textin, 60)

    outcome = run(new_sensor(jobs, deferrable=True))

    assert len(outcome.returned()) == 200
    [deferral] = outcome.deferrals
    assert deferral.trigger.serialize()[1]["job_id"][0] == jobs[place]
    assert most_polls(textin, jobs) <= 1
    assert textin.count("status") == status_requests(textin, jobs) + refusals


def test_refusals_while_the_details_are_read_cause_no_deferral(
    textin: TextInServer, new_sensor: NewSensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("textin_provider.polling.xparse._MAX_EVENT_CHARS", 700)
    jobs = [textin.add_job(SOON) for _ in range(200)]
    textin.fault("status", SERVED, times=1 + 200)  # one poll of the worker, the others of the trigger
    refusals = refuse_every_third(textin, 60)

    outcome = run(new_sensor(jobs, deferrable=True))

    assert [job["job_id"] for job in outcome.returned()] == jobs
    assert len(outcome.deferrals) == 1
    assert most_polls(textin, jobs) <= 1
    assert textin.count("status") == status_requests(textin, jobs) + refusals


@every_pattern
def test_a_list_of_two_chunks(textin: TextInServer, new_sensor: NewSensor, pattern: str) -> None:
    jobs = [textin.add_job(SOON) for _ in range(1_100)]
    refusals = PATTERNS[pattern](textin)

    outcome = run(new_sensor(jobs, deferrable=True, timeout=120.0))

    assert [job["job_id"] for job in outcome.returned()] == jobs
    assert len(outcome.deferrals) <= 2
    assert most_polls(textin, jobs) <= 1
    assert textin.count("status") == status_requests(textin, jobs) + refusals


def test_chunks_with_refusals_between_them(
    textin: TextInServer, new_sensor: NewSensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("textin_provider.polling.xparse._MAX_TRIGGER_CHARS", FIFTY_JOBS)
    jobs = [textin.add_job(script) for script in (SOON, LATE, DONE) * 50]
    refusals = refuse_every_third(textin, 120)

    outcome = run(new_sensor(jobs, deferrable=True))

    assert [job["job_id"] for job in outcome.returned()] == jobs
    assert len(outcome.deferrals) <= 3
    assert most_polls(textin, jobs) <= 1
    assert textin.count("status") == status_requests(textin, jobs) + refusals


def test_an_outage_while_the_details_are_read_frees_the_worker_and_keeps_what_was_read(
    textin: TextInServer, new_sensor: NewSensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs_module, "_LONGEST_STALL", 0.0)
    jobs = [textin.add_job(DONE) for _ in range(40)]
    textin.fault("status", SERVED, times=15)
    textin.fault("status", ScriptedFault(http_status=502), times=200)
    sensor = new_sensor(jobs, deferrable=True)()

    with pytest.raises(TaskDeferred) as caught:
        sensor.resume_execution("execute_complete", _resumed(ended=40), new_context())

    kept = caught.value.kwargs or {}
    waited_for = caught.value.trigger.serialize()[1]["job_id"]
    read = [job["job_id"] for job in kept["jobs"]]
    assert len(read) == 15
    assert sorted([*read, *waited_for]) == sorted(jobs)

    textin.clear_faults()
    event = {"ending": "terminal", "jobs": []}
    value = new_sensor(jobs, deferrable=True)().resume_execution(
        "execute_complete", {**kept, "event": event}, new_context()
    )
    assert [job["job_id"] for job in value] == jobs
    assert {textin.jobs[job_id].polls for job_id in jobs} == {1}


def _resumed(ended: int) -> dict[str, Any]:
    """Return what 0.1 kept, and the event of a trigger that had no room for the jobs."""
    event = {"ending": "terminal", "jobs": []}
    return {"deadline": time.time() + 20.0, "deferrals": 1, "ended": ended, "event": event}


def test_what_an_earlier_version_kept_is_resumed_without_a_deferral(
    textin: TextInServer, new_sensor: NewSensor
) -> None:
    jobs = [textin.add_job(DONE) for _ in range(40)]
    refusals = refuse_every_third(textin, 15)
    sensor = new_sensor(jobs, deferrable=True)()
    value = sensor.resume_execution("execute_complete", _resumed(ended=40), new_context())
    assert [job["job_id"] for job in value] == jobs
    assert textin.count("status") == 40 + refusals


def test_a_long_pause_is_waited_out_while_the_details_are_read(
    textin: TextInServer, new_sensor: NewSensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As long as a worker may wait for within a poke: from here on a poke would end.
    monkeypatch.setattr(jobs_module, "_LONGEST_PAUSE", 0.0)
    jobs = [textin.add_job(DONE) for _ in range(40)]
    refusals = refuse_every_third(textin, 15)
    sensor = new_sensor(jobs, deferrable=True)()
    value = sensor.resume_execution("execute_complete", _resumed(ended=40), new_context())
    assert [job["job_id"] for job in value] == jobs
    assert textin.count("status") == 40 + refusals


@every_mode
@every_pattern
def test_a_refusal_is_one_line_a_pause(
    textin: TextInServer,
    new_sensor: NewSensor,
    warnings: Warnings,
    pauses: list[Refusal],
    mode: str,
    pattern: str,
) -> None:
    jobs = [textin.add_job(DONE) for _ in range(200)]
    PATTERNS[pattern](textin)
    run(new_sensor(jobs, **MODES[mode])).returned()
    assert 1 <= len(lines_about_refusals(warnings())) <= len(pauses)


def test_threads_that_are_refused_together_are_one_line(
    textin: TextInServer, new_sensor: NewSensor, warnings: Warnings
) -> None:
    jobs = [textin.add_job(DONE) for _ in range(40)]
    textin.fault("status", SERVED, times=16)
    # Eight requests are in progress when the first one is refused.
    textin.fault("status", ScriptedFault(code=40306, headers={"Retry-After": "1"}, delay=0.2), times=8)
    run(new_sensor(jobs, mode="poke")).returned()
    assert len(lines_about_refusals(warnings())) == 1


def test_a_worker_polls_again_what_a_sensor_that_is_not_deferrable_any_more_has_left(
    textin: TextInServer,
) -> None:
    jobs = [textin.add_job(DONE) for _ in range(8)]
    refuse_in_a_row(textin, 3, after=4)
    sensor = XParseJobSensor(task_id="wait", job_id=jobs, poke_interval=0.01, timeout=20.0)
    value = sensor.resume_execution("execute_complete", _resumed(ended=8), new_context())
    assert [job["job_id"] for job in value] == jobs
