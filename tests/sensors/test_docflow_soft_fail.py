"""
What soft_fail, never_fail and silent_fail make of each way a wait for a batch ends badly, in every mode.

All cells are the tasks of one DAG, which runs once, so what is asserted are states that Airflow itself gave.
"""

from __future__ import annotations

import json
from contextlib import ExitStack
from itertools import product
from typing import TYPE_CHECKING, Any

import pytest

from tests.running import new_dag, run_dag
from textin_provider.sensors.docflow import DocFlowBatchSensor
from textin_provider.testing import FileScript, ScriptedFault, TextInServer

if TYPE_CHECKING:
    from pathlib import Path

FLAGS = ("none", "soft_fail", "never_fail", "silent_fail")
MODES = ("poke", "reschedule", "deferrable_first_look", "deferrable_resumed")
#: Samples are enough: how a wait ends is the same code for all sensors, whose matrix is tested as a whole.
CELLS = [
    *product(["files_failed"], FLAGS, MODES),
    *product(["deadline"], ["soft_fail", "never_fail"], ["poke", "reschedule", "deferrable_resumed"]),
    *product(["permanent_fault"], ["none", "soft_fail", "silent_fail"], MODES),
    *product(["transient_fault"], ["none", "silent_fail"], MODES),
]
SKIPS = {"soft_fail", "never_fail"}
#: What the local TextIn does if it is told nothing.
NO_FAULT = ScriptedFault()
GATEWAY = ScriptedFault(http_status=502, body=b"<html>Bad Gateway</html>", content_type="text/html")
FAULTS = {"transient_fault": GATEWAY, "permanent_fault": ScriptedFault(code=40102)}
#: Requests that one look at the counts takes.
REQUESTS = 4


@pytest.fixture(scope="module")
def instances(airflow_db: None, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Run every cell as a task, and return the task instances by task id."""
    folder: Path = tmp_path_factory.mktemp("dags")
    with ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.setattr("textin_provider.triggers.poller.ROUND_SECONDS", 0.01)
        patch.setattr("textin_provider.api.waiting._FAULT_BASE", 0.01)
        with new_dag("docflow_soft_fail") as dag:
            for number, cell in enumerate(CELLS):
                # A service of its own: tasks that are rescheduled take turns, and would take others' faults.
                textin = stack.enter_context(TextInServer())
                patch.setenv(f"AIRFLOW_CONN_TEXTIN_{number}", json.dumps(textin.connection()))
                _task(textin, f"textin_{number}", *cell)
        return {task_id: ti for (task_id, _), ti in run_dag(dag, folder).items()}


def _task(textin: TextInServer, conn_id: str, cause: str, flag: str, mode: str) -> None:
    at_first_look = mode == "deferrable_first_look"
    options: dict[str, Any] = {"deferrable": True} if mode.startswith("deferrable") else {"mode": mode}
    if flag != "none":
        options[flag] = True
    if cause in FAULTS:
        if not at_first_look:
            textin.fault("fetch", NO_FAULT, times=REQUESTS)
        textin.fault("fetch", FAULTS[cause], times=1 if cause == "transient_fault" else None)
    end = {"files_failed": 2, "deadline": 4}.get(cause, 1)
    script = FileScript(statuses=[end] if at_first_look else [4, end], failure_causes="文件格式不支持")
    DocFlowBatchSensor(
        task_id=_task_id(cause, flag, mode),
        batch_number=textin.add_batch(files=[FileScript(), script]),
        poke_interval=0.02,
        timeout=0.1 if cause == "deadline" else 30.0,
        textin_conn_id=conn_id,
        **options,
    )


def _task_id(cause: str, flag: str, mode: str) -> str:
    return f"{cause}-{flag}-{mode}"


def _expected(cause: str, flag: str) -> str:
    if cause == "transient_fault":
        return "success"
    return "skipped" if flag in SKIPS else "failed"


@pytest.mark.parametrize(("cause", "flag", "mode"), CELLS)
def test_the_flag_means_the_same_in_every_mode_and_no_ending_is_retried(
    instances: dict[str, Any], cause: str, flag: str, mode: str
) -> None:
    ti = instances[_task_id(cause, flag, mode)]
    assert (str(ti.state), ti.try_number) == (_expected(cause, flag), 1)


@pytest.mark.parametrize(("flag", "mode"), list(product(FLAGS, MODES)))
def test_the_value_of_failed_files_is_there_for_later_tasks(
    instances: dict[str, Any], flag: str, mode: str
) -> None:
    ti = instances[_task_id("files_failed", flag, mode)]
    value = ti.xcom_pull(task_ids=ti.task_id)
    assert (value["total"], value["succeeded"], value["failed"]) == (2, 1, 1)
    assert [failure["failure_causes"] for failure in value["failures"]] == ["文件格式不支持"]


@pytest.mark.parametrize("mode", MODES)
def test_the_value_of_a_batch_that_went_well_is_the_return_value(
    instances: dict[str, Any], mode: str
) -> None:
    ti = instances[_task_id("transient_fault", "none", mode)]
    assert ti.xcom_pull(task_ids=ti.task_id)["succeeded"] == 2
