"""
What soft_fail, never_fail and silent_fail make of each way to end badly, for every sensor and in every mode.

All cells of a sensor's matrix are the tasks of one DAG, which runs once, so what is asserted are states that
Airflow itself gave.
"""

from __future__ import annotations

import json
import time
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

import pytest

from tests.running import new_dag, run_dag
from textin_provider.sensors.base import TextInSensor
from textin_provider.sensors.docflow import DocFlowBatchSensor
from textin_provider.sensors.xparse import XParseJobSensor
from textin_provider.testing import FileScript, JobScript, ScriptedFault, TextInServer, fast_polling

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.slow

FLAGS = ("none", "soft_fail", "never_fail", "silent_fail")
MODES = ("poke", "reschedule", "deferrable_first_look", "deferrable_resumed")
CAUSES = ("failed", "deadline", "transient_fault", "permanent_fault")
CELLS = list(product(CAUSES, FLAGS, MODES))
SKIPS = {"soft_fail", "never_fail"}
#: Seconds that nothing here takes, on a slow machine either: between two looks all other tasks take theirs.
AMPLE = 1800.0
#: Seconds until the deadline is there. A trigger that is to find it passed is told so, see `_hurried`.
DEADLINES = {"poke": 0.1, "reschedule": 0.5, "deferrable_first_look": 0.0, "deferrable_resumed": AMPLE}
#: What the local TextIn does if it is told nothing.
NO_FAULT = ScriptedFault()
GATEWAY = ScriptedFault(http_status=502, body=b"<html>Bad Gateway</html>", content_type="text/html")
#: What strikes, and how often; None is for ever.
FAULTS = {"transient_fault": (GATEWAY, 1), "permanent_fault": (ScriptedFault(code=40102), None)}


@dataclass(frozen=True)
class Kind:
    """
    A sensor under test.

    :param endpoint: what it looks at, which takes so many ``requests``.
    :param add: makes something to wait for that ends as a cause says, at its first look or at its second.
    """

    sensor: type[TextInSensor]
    endpoint: str
    requests: int
    add: Callable[[TextInServer, str, bool], dict[str, Any]]


def _job(textin: TextInServer, cause: str, at_first_look: bool) -> dict[str, Any]:
    end = {"failed": "failed", "deadline": "in_progress"}.get(cause, "completed")
    script = JobScript(states=[end] if at_first_look else ["pending", end])
    return {"job_id": textin.add_job(script)}


def _batch(textin: TextInServer, cause: str, at_first_look: bool) -> dict[str, Any]:
    end = {"failed": 2, "deadline": 4}.get(cause, 1)
    script = FileScript(statuses=[end] if at_first_look else [4, end], failure_causes="文件格式不支持")
    return {"batch_number": textin.add_batch(files=[FileScript(), script])}


KINDS = {
    "xparse": Kind(XParseJobSensor, "status", 1, _job),
    "docflow": Kind(DocFlowBatchSensor, "fetch", 4, _batch),
}


@dataclass(frozen=True)
class Run:
    """What became of the tasks of a matrix, and which of them went on after a deferral."""

    kind: str
    instances: dict[str, Any]
    resumed: set[str]

    def value(self, *cell: str) -> dict[str, Any]:
        ti = self.instances["-".join(cell)]
        pulled: dict[str, Any] = ti.xcom_pull(task_ids=ti.task_id)
        return pulled


@pytest.fixture(scope="module", params=KINDS)
def run(request: pytest.FixtureRequest, airflow_db: None, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Run every cell as a task."""
    folder: Path = tmp_path_factory.mktemp("dags")
    with ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        stack.enter_context(fast_polling(keep_intervals=True))
        patch.setattr(TextInSensor, "_trigger_arguments", _hurried(TextInSensor._trigger_arguments))
        resumed: set[str] = set()
        patch.setattr(TextInSensor, "resume_execution", _noted(TextInSensor.resume_execution, resumed))
        with new_dag(f"soft_fail_matrix_{request.param}") as dag:
            for cell in CELLS:
                # A service of its own: tasks that are rescheduled take turns, and would take others' faults.
                textin = stack.enter_context(TextInServer())
                conn_id = "_".join(["textin", *cell])
                patch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(textin.connection()))
                _task(KINDS[request.param], textin, conn_id, *cell)
        instances = {task_id: ti for (task_id, _), ti in run_dag(dag, folder).items()}
        return Run(request.param, instances, resumed)


def _task(kind: Kind, textin: TextInServer, conn_id: str, cause: str, flag: str, mode: str) -> None:
    at_first_look = mode == "deferrable_first_look"
    options: dict[str, Any] = {"deferrable": True} if mode.startswith("deferrable") else {"mode": mode}
    if flag != "none":
        options[flag] = True
    if cause in FAULTS:
        if not at_first_look:
            textin.fault(kind.endpoint, NO_FAULT, times=kind.requests)
        fault, times = FAULTS[cause]
        textin.fault(kind.endpoint, fault, times)
    kind.sensor(
        task_id=f"{cause}-{flag}-{mode}",
        poke_interval=0.02,
        timeout=DEADLINES[mode] if cause == "deadline" else AMPLE,
        textin_conn_id=conn_id,
        **kind.add(textin, cause, at_first_look),
        **options,
    )


def _hurried(arguments_of: Callable[[TextInSensor], dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    """Let a deadline pass while the task is deferred, however long this machine took to get there."""

    def hurried(sensor: TextInSensor) -> dict[str, Any]:
        arguments = arguments_of(sensor)
        return arguments | {"deadline": time.time()} if sensor.task_id.startswith("deadline") else arguments

    return hurried


def _noted(resume: Callable[..., Any], resumed: set[str]) -> Callable[..., Any]:
    def noted(sensor: TextInSensor, *args: Any, **kwargs: Any) -> Any:
        resumed.add(sensor.task_id)
        return resume(sensor, *args, **kwargs)

    return noted


def _expected(cause: str, flag: str) -> str:
    if cause == "transient_fault":
        return "success"
    return "skipped" if flag in SKIPS else "failed"


@pytest.mark.parametrize(("cause", "flag", "mode"), CELLS)
def test_the_flag_means_the_same_in_every_mode_and_no_ending_is_retried(
    run: Run, cause: str, flag: str, mode: str
) -> None:
    ti = run.instances[f"{cause}-{flag}-{mode}"]
    assert (str(ti.state), ti.try_number) == (_expected(cause, flag), 1)


def test_what_is_to_end_after_a_deferral_does(run: Run) -> None:
    # A wait goes on after a transient fault, so at the first look that comes before a deferral too.
    causes = {"deferrable_resumed": CAUSES, "deferrable_first_look": ("transient_fault",)}
    expected = {"-".join(cell) for cell in CELLS if cell[0] in causes.get(cell[2], ())}
    assert run.resumed == expected


@pytest.mark.parametrize(("flag", "mode"), list(product(FLAGS, MODES)))
def test_the_value_of_what_failed_is_there_for_later_tasks(run: Run, flag: str, mode: str) -> None:
    value = run.value("failed", flag, mode)
    if run.kind == "xparse":
        assert value["status"] == "failed"
    else:
        assert (value["total"], value["succeeded"], value["failed"]) == (2, 1, 1)
        assert [failure["failure_causes"] for failure in value["failures"]] == ["文件格式不支持"]


@pytest.mark.parametrize("mode", MODES)
def test_the_value_of_what_went_well_is_the_return_value(run: Run, mode: str) -> None:
    value = run.value("transient_fault", "none", mode)
    assert value["status"] == "completed" if run.kind == "xparse" else value["succeeded"] == 2
