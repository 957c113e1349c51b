"""Waits outlive whatever is killed, stopped, restarted or rotated around them."""

from __future__ import annotations

import json
import os
import time
from functools import partial
from typing import TYPE_CHECKING

from textin_provider.testing import JobScript

if TYPE_CHECKING:
    from tests.e2e.fleet import Fleet
    from textin_provider.testing import TextInServer

#: A machine of two cores needs some minutes for starting so many tasks twice.
WAITS = int(os.environ.get("E2E_WAITS", "200"))
#: Three waves.
JOBS = 2_500
OUTAGE = 30.0
#: Asked for every two seconds, a job ends after about three minutes.
LOOKS = 90


def test_waits_outlive_a_triggerer_a_scheduler_an_outage_and_a_rotated_secret(fleet: Fleet) -> None:
    run_id = "mishaps"
    fleet.set_connection("textin_in_database", fleet.textin.connection())
    submissions = fleet.textin.submissions
    jobs = [
        fleet.textin.add_job(JobScript(states=[*["in_progress"] * LOOKS, "completed"])) for _ in range(WAITS)
    ]
    (fleet.results / f"{run_id}.jobs").write_text(json.dumps(jobs))
    fleet.start("triggerer", "triggerer-2")
    fleet.trigger("e2e_wait_each", run_id)
    fleet.until(lambda: _states(fleet, run_id).count("deferred") == WAITS, "all waits are deferred", 400)

    assert fleet.places_of(fleet.textin.secret_code) == []
    fleet.kill("triggerer-2")
    fleet.kill("scheduler")
    fleet.textin.stop()
    time.sleep(OUTAGE)
    fleet.start("scheduler")
    fleet.textin.start()
    fleet.set_connection("textin_in_database", {**fleet.textin.connection(), "password": "latest"})
    fleet.textin.rotate_secret("latest")

    fleet.until(lambda: _states(fleet, run_id).count("success") == WAITS, "all waits have ended", 900)
    assert {task.try_number for task in fleet.tasks(run_id).values()} == {1}
    assert fleet.textin.submissions == submissions


def _polled_more_than(textin: TextInServer, polls: int) -> bool:
    return textin.count("status") > polls


def test_a_list_of_thousands_outlives_a_triggerer_that_is_killed_in_each_chunk(fleet: Fleet) -> None:
    run_id = "thousands"
    fleet.set_connection("textin_in_database", fleet.textin.connection())
    jobs = [fleet.textin.add_job(JobScript(states=["in_progress", "completed"])) for _ in range(JOBS)]
    (fleet.results / f"{run_id}.jobs").write_text(json.dumps(jobs))
    fleet.trigger("e2e_wait_all", run_id)

    for _ in range(2):
        polls = fleet.textin.count("status") + 700
        fleet.until(partial(_polled_more_than, fleet.textin, polls), "a chunk is polled")
        fleet.kill("triggerer")
        fleet.start("triggerer")

    fleet.until(lambda: fleet.task(run_id, "wait").state in ("success", "failed"), "all jobs have ended", 600)
    assert fleet.task(run_id, "wait") == ("success", 1)
    value = fleet.xcom(run_id, "wait")
    assert [job["job_id"] for job in value] == jobs
    assert {job["status"] for job in value} == {"completed"}


def _states(fleet: Fleet, run_id: str) -> list[str | None]:
    return [task.state for (name, _), task in fleet.tasks(run_id).items() if name == "wait"]
