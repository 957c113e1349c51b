"""
What soft_fail, never_fail and silent_fail make of each way to end badly, in every mode.

All cells of the matrix are the tasks of one DAG, which runs once, so what is asserted are states that Airflow
itself gave.
"""

from __future__ import annotations

import json
from itertools import product
from typing import TYPE_CHECKING, Any

import pytest

from tests.running import new_dag, run_dag
from textin_provider.sensors.xparse import XParseJobSensor
from textin_provider.testing import JobScript, ScriptedFault, TextInServer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

FLAGS = ("none", "soft_fail", "never_fail", "silent_fail")
MODES = ("poke", "reschedule", "deferrable_first_look", "deferrable_resumed")
CAUSES = ("job_failed", "deadline", "transient_fault", "permanent_fault")
#: The first look has no deadline.
CELLS = [
    cell
    for cell in product(CAUSES, FLAGS, MODES)
    if (cell[0], cell[2]) != ("deadline", "deferrable_first_look")
]
NO_JOB = "f" * 32
SKIPS = {"soft_fail", "never_fail"}
#: What the local TextIn does if it is told nothing.
NO_FAULT = ScriptedFault()
GATEWAY = ScriptedFault(http_status=502, body=b"<html>Bad Gateway</html>", content_type="text/html")


@pytest.fixture(scope="module")
def instances(airflow_db: None, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Run every cell as a task, and return the task instances by task id."""
    folder: Path = tmp_path_factory.mktemp("dags")
    with TextInServer() as textin, pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW_CONN_TEXTIN_DEFAULT", json.dumps(textin.connection()))
        patch.setattr("textin_provider.triggers.poller.ROUND_SECONDS", 0.01)
        patch.setattr("textin_provider.api.waiting._FAULT_BASE", 0.01)
        with new_dag("soft_fail_matrix") as dag:
            for cell in CELLS:
                _task(textin, *cell)
        return {task_id: ti for (task_id, _), ti in run_dag(dag, folder).items()}


def _task(textin: TextInServer, cause: str, flag: str, mode: str) -> XParseJobSensor:
    at_first_look = mode == "deferrable_first_look"
    options: dict[str, Any] = {"deferrable": True} if mode.startswith("deferrable") else {"mode": mode}
    if flag != "none":
        options[flag] = True
    if cause == "transient_fault":
        options["pre_execute"] = _once_before(textin, [GATEWAY] if at_first_look else [NO_FAULT, GATEWAY])
    return XParseJobSensor(
        task_id=_task_id(cause, flag, mode),
        job_id=_job(textin, cause, at_first_look),
        poke_interval=0.02,
        timeout=0.1 if cause == "deadline" else 30.0,
        **options,
    )


def _job(textin: TextInServer, cause: str, at_first_look: bool) -> str:
    before = [] if at_first_look else ["pending"]
    if cause == "job_failed":
        return textin.add_job(JobScript(states=[*before, "failed"]))
    if cause == "deadline":
        return textin.add_job(JobScript(status="never"))
    if cause == "transient_fault":
        return textin.add_job(JobScript(states=[*before, "completed"]))
    return NO_JOB if at_first_look else textin.add_job(JobScript(status="never", vanish=1))


def _once_before(textin: TextInServer, faults: list[ScriptedFault]) -> Callable[[Any], None]:
    """Return a hook that lets the next looks go as told, when its task begins and not when it goes on."""

    def strike(context: Any) -> None:
        while faults:
            textin.fault("status", faults.pop(0))

    return strike


def _task_id(cause: str, flag: str, mode: str) -> str:
    return f"{cause}-{flag}-{mode}"


def _expected(cause: str, flag: str) -> str:
    if cause == "transient_fault":
        return "success"
    return "skipped" if flag in SKIPS else "failed"


@pytest.mark.parametrize(("cause", "flag", "mode"), CELLS)
def test_the_flag_means_the_same_in_every_mode(
    instances: dict[str, Any], cause: str, flag: str, mode: str
) -> None:
    ti = instances[_task_id(cause, flag, mode)]
    assert str(ti.state) == _expected(cause, flag)


@pytest.mark.parametrize(("cause", "flag", "mode"), CELLS)
def test_no_ending_is_retried(instances: dict[str, Any], cause: str, flag: str, mode: str) -> None:
    assert instances[_task_id(cause, flag, mode)].try_number == 1


@pytest.mark.parametrize(("flag", "mode"), list(product(FLAGS, MODES)))
def test_the_value_of_a_failed_job_is_there_for_later_tasks(
    instances: dict[str, Any], flag: str, mode: str
) -> None:
    ti = instances[_task_id("job_failed", flag, mode)]
    assert ti.xcom_pull(task_ids=ti.task_id)["status"] == "failed"


@pytest.mark.parametrize("mode", MODES)
def test_the_value_of_a_completed_job_is_the_return_value(instances: dict[str, Any], mode: str) -> None:
    ti = instances[_task_id("transient_fault", "none", mode)]
    assert ti.xcom_pull(task_ids=ti.task_id)["status"] == "completed"
