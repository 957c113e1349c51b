"""What waiting for 200 jobs costs a whole Airflow: as one task, as 200 mapped tasks, with HttpSensor."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.harness import Line, Section, say
from benchmarks.standalone import LocalAirflow, local_airflow
from benchmarks.textin import LocalTextIn, local_textin

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

TITLE = "A whole Airflow"
JOBS, LASTING = 200, 30.0
HOW = f"""\
`airflow standalone` with its defaults (LocalExecutor, here four tasks at a time, and SQLite) runs a DAG
whose first task returns the ids of {JOBS} jobs, which all end {LASTING:.0f} s after the run began. They are
waited for by one `XParseJobSensor` with a list, by {JOBS} mapped ones, and by {JOBS} mapped `HttpSensor`s
for the same status endpoint, which says 404 until then; all deferrable, and looking every 5 s. Counted from
the start of the run until 3 s after its end: the CPU of all processes of each part of Airflow, those that
ended meanwhile included, and the seconds that processes of tasks were there. Each is run once, one after
the other, when all three have run with four jobs. Airflow's DAG processor is left out."""
DAGS = {
    f"one task, {JOBS} ids": "one_task",
    f"{JOBS} mapped tasks": "a_task_each",
    f"{JOBS} mapped HttpSensors": "http_sensor_each",
}
COUNTED = {
    "workers": "workers",
    "scheduler": "scheduler",
    "api-server": "API server",
    "triggerer": "triggerer",
}
IDLE = 20.0
SETTLING = 3.0


@dataclass(frozen=True)
class Cost:
    """
    What one run of a DAG cost.

    :param task_runs: the seconds of each process that ran a task.
    :param cpu: CPU seconds of each part.
    :param late: seconds from the end of the jobs to that of the last task.
    """

    task_runs: list[float]
    cpu: Mapping[str, float]
    late: float

    @property
    def total(self) -> float:
        """The CPU seconds of all parts."""
        return sum(self.cpu.values())


def measure() -> Section:
    """Run the three DAGs, one after the other."""
    if version("apache-airflow").startswith("2."):
        return Section(TITLE, HOW, [], ["Not measured: this asks Airflow 3 for runs, and reads its log."])
    with (
        tempfile.TemporaryDirectory(prefix="textin-bench-") as home,
        local_textin() as textin,
        local_airflow(Path(home), textin.environment()) as airflow,
    ):
        airflow.await_dags(*DAGS.values())
        for dag_id in DAGS.values():
            say(f"  warming up, {dag_id}")
            _cost(airflow, textin, dag_id, count=4, lasting=0)
        say("  idle")
        before = airflow.cpu()
        time.sleep(IDLE)
        idle = _grown(airflow.cpu(), before)
        costs = {}
        for name, dag_id in DAGS.items():
            say(f"  {name}")
            costs[name] = _cost(airflow, textin, dag_id, count=JOBS, lasting=LASTING)
    lines = [*_comparisons(*costs.values()), *(line for name in costs for line in _lines(name, costs[name]))]
    lines.append(Line("nothing to do: CPU per minute", [60 / IDLE * sum(idle.values())], "s"))
    runs = len(costs[f"{JOBS} mapped tasks"].task_runs)
    return Section(
        TITLE,
        HOW,
        lines,
        [
            "Of the mapped tasks, those that were started after the jobs had ended saw so at their first "
            f"look and never reached the triggerer: {runs} runs of {JOBS + 1} tasks. Of jobs that last "
            "longer, each would run twice.",
        ],
    )


def _comparisons(one: Cost, each: Cost, http: Cost) -> Iterator[Line]:
    yield Line(
        "one task: CPU of workers, against mapped tasks", [one.cpu["workers"] / each.cpu["workers"]], "x"
    )
    yield Line("one task: CPU of Airflow, against mapped tasks", [one.total / each.total], "x")
    yield Line("mapped tasks: CPU of Airflow, against HttpSensors", [each.total / http.total], "x")


def _lines(name: str, cost: Cost) -> Iterator[Line]:
    yield Line(f"{name}: runs of tasks", [len(cost.task_runs)], "")
    yield Line(f"{name}: worker seconds", [sum(cost.task_runs)], "s")
    for part, words in COUNTED.items():
        yield Line(f"{name}: CPU of {words}", [cost.cpu[part]], "s")
    yield Line(f"{name}: from the end of the jobs to that of the last task", [cost.late], "s")


def _cost(airflow: LocalAirflow, textin: LocalTextIn, dag_id: str, *, count: int, lasting: float) -> Cost:
    from textin_provider.testing import JobScript, ScriptedFault

    script = JobScript(result={"elements": []}, pending_seconds=0, processing_seconds=lasting)
    if dag_id == DAGS[f"{JOBS} mapped HttpSensors"]:
        textin("fault", "status", ScriptedFault(http_status=404), times=None)
    cpu, runs = airflow.cpu(), len(airflow.task_runs())
    jobs = [textin("add_job", script) for _ in range(count)]
    end = time.time() + lasting
    run_id = airflow.start(dag_id, jobs=jobs)
    time.sleep(max(0.0, end - time.time()))
    textin("clear_faults")
    last = airflow.await_end(dag_id, run_id)
    time.sleep(SETTLING)
    ended = airflow.task_runs()[runs:]
    if len(ended) < 2:
        raise RuntimeError(f"Of {dag_id}, Airflow's log has {len(ended)} runs of tasks.")
    return Cost(ended, _grown(airflow.cpu(), cpu), last - end)


def _grown(after: Mapping[str, float], before: Mapping[str, float]) -> dict[str, float]:
    return {part: after[part] - before[part] for part in COUNTED}
