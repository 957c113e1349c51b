"""A document is paid for once, whatever is killed between its submit and its stored result."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from scripts.local_airflow import IS_AIRFLOW_2
from tests.e2e.fleet import kill
from textin_provider.testing import JobScript, ScriptedFault

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.e2e.fleet import Fleet

TASK = "parse"


@pytest.fixture(autouse=True)
def _clean(fleet: Fleet) -> Iterator[None]:
    yield
    fleet.textin.clear_faults()


class Run:
    """One run of a DAG with one document, and how often TextIn was asked for what since it began."""

    def __init__(self, fleet: Fleet, dag_id: str, run_id: str) -> None:
        self._fleet, self.run_id = fleet, run_id
        self._before = {endpoint: fleet.textin.count(endpoint) for endpoint in ("submit", "status", "result")}
        fleet.trigger(dag_id, run_id)

    def asked(self, endpoint: str) -> int:
        return self._fleet.textin.count(endpoint) - self._before[endpoint]

    def until_asked(self, endpoint: str, times: int = 1) -> None:
        self._fleet.until(lambda: self.asked(endpoint) >= times, f"TextIn is asked for {endpoint}")

    def until_state(self, state: str) -> None:
        self._fleet.until(
            lambda: self._fleet.task(self.run_id, TASK).state == state, f"{self.run_id} is {state}"
        )

    def kill_task(self) -> None:
        fleet = self._fleet
        fleet.until(fleet.clients_of_textin, "a task talks to TextIn")
        kill(fleet.clients_of_textin())

    def assert_paid_once(self, *, tries: int) -> None:
        self.until_state("success")
        stored = json.loads((self._fleet.results / f"{self.run_id}.json").read_text())
        assert stored["elements"]
        assert self._fleet.task(self.run_id, TASK).try_number == tries
        assert self.asked("submit") == 1


def _work_for(fleet: Fleet, seconds: float) -> None:
    """Let the next job take so long."""
    fleet.textin.script(JobScript(pending_seconds=0.5, processing_seconds=seconds))


needs_state_store = pytest.mark.skipif(IS_AIRFLOW_2, reason="the task state store came with Airflow 3.3")


@needs_state_store
def test_a_task_killed_while_it_waits_goes_on_with_its_job(fleet: Fleet) -> None:
    _work_for(fleet, 15)
    run = Run(fleet, "e2e_document_sync", "killed-waiting")
    run.until_asked("status")
    run.kill_task()
    run.assert_paid_once(tries=2)


@needs_state_store
@pytest.mark.parametrize("mode", ["sync", "deferrable"])
def test_a_task_killed_in_its_download_downloads_again(fleet: Fleet, mode: str) -> None:
    _work_for(fleet, 1)
    fleet.textin.fault("result", ScriptedFault(delay=120))
    run = Run(fleet, f"e2e_document_{mode}", f"killed-downloading-{mode}")
    run.until_asked("result")
    run.kill_task()
    run.assert_paid_once(tries=2)


@needs_state_store
def test_a_submit_that_was_killed_is_uncertain_until_a_person_clears_its_task(fleet: Fleet) -> None:
    fleet.textin.fault("submit", ScriptedFault(delay=120))
    run = Run(fleet, "e2e_document_cleared", "killed-submitting")
    run.until_asked("submit")
    run.kill_task()
    run.until_state("failed")
    assert "TextInUncertainSubmitError" in fleet.log_of(run.run_id)
    assert run.asked("submit") == 1

    fleet.textin.clear_faults()
    fleet.clear("e2e_document_cleared")
    run.until_state("success")
    assert run.asked("submit") == 2


def test_a_triggerer_that_is_killed_leaves_its_wait_to_the_next(fleet: Fleet) -> None:
    _work_for(fleet, 20)
    run = Run(fleet, "e2e_document_deferrable", "triggerer-killed")
    run.until_asked("status")
    fleet.kill("triggerer")
    fleet.start("triggerer")
    run.assert_paid_once(tries=1)


@pytest.mark.skipif(not IS_AIRFLOW_2, reason="newer Airflow has a task state store")
def test_without_a_state_store_a_retry_submits_anew_and_the_task_said_so(fleet: Fleet) -> None:
    _work_for(fleet, 15)
    run = Run(fleet, "e2e_document_sync", "killed-waiting")
    run.until_asked("status")
    run.kill_task()
    run.until_state("success")
    assert run.asked("submit") == 2
    assert fleet.log_of(run.run_id).count("This Airflow has no task state store") == 2  # once a try
