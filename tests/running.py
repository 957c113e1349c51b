"""Operators run through Airflow's own code: alone, in a test's hands, or as tasks of a real DAG run."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, cast
from unittest import mock

import pytest
from airflow.exceptions import AirflowRescheduleException
from airflow.providers.common.compat.sdk import DAG, TaskDeferred
from packaging.version import Version

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path

    from airflow.providers.common.compat.sdk import Context
    from airflow.triggers.base import BaseTrigger, TriggerEvent

    from textin_provider.testing import TextInServer

try:
    from airflow.dag_processing.bundles.manager import DagBundlesManager

    AIRFLOW_2 = False
except ImportError:
    AIRFLOW_2 = True

#: Airflow before 3.1.1 lets a retry go on where the try before it came back from its deferral (its #56704).
RETRIES_RESUME = Version("3.0") <= Version(version("apache-airflow")) < Version("3.1.1")
#: Longer than anything here takes; only a test that would hang for ever gets there.
GUARD_SECONDS = 30.0


class TaskInstance:
    """What an operator asks of its task instance: a place for XComs, and when it began to be rescheduled."""

    def __init__(self) -> None:
        self.xcoms: dict[str, Any] = {}
        self.began: datetime | None = None
        # What the sensor of Airflow 2 looks itself up in the database with.
        self.dag_id = self.task_id = self.run_id = "alone"
        self.map_index, self.max_tries, self.try_number = -1, 0, 1

    def xcom_push(self, key: str, value: Any) -> None:
        self.xcoms[key] = json.loads(json.dumps(value))

    def get_first_reschedule_date(self, context: Any) -> datetime | None:
        return self.began


def new_context(**values: Any) -> Context:
    """Return the context of a task instance of this module, with other values if given."""
    return cast("Context", {"ti": TaskInstance(), **values})


@dataclass
class Outcome:
    """How a run ended; ``deferrals`` are the triggers it waited with, ``pauses`` counts reschedules."""

    value: Any = None
    error: Exception | None = None
    xcoms: dict[str, Any] = field(default_factory=dict)
    deferrals: list[TaskDeferred] = field(default_factory=list)
    pauses: int = 0

    def raised(self) -> Exception:
        assert self.error is not None, f"It returned {self.value!r}."
        return self.error

    def returned(self) -> Any:
        if self.error is not None:
            raise self.error
        return self.value


def run(make: Callable[[], Any], **others: Any) -> Outcome:
    """
    Run an operator to its end: reschedules are slept through, triggers run.

    As on a fleet of workers, every leg gets an operator made anew, and what lies between two of them goes
    through JSON. ``others`` is what else the context has.
    """
    outcome, ti = Outcome(), TaskInstance()
    outcome.xcoms = ti.xcoms
    context = {"ti": ti, **others}
    try:
        try:
            outcome.value = _execute(make, context, ti, outcome)
        except TaskDeferred as deferred:
            outcome.value = _resume(make, context, deferred, outcome)
    except Exception as error:
        outcome.error = error
    return outcome


def _execute(make: Callable[[], Any], context: Any, ti: TaskInstance, outcome: Outcome) -> Any:
    while True:
        began = datetime.now(UTC)
        try:
            with _began_on_airflow_2(ti):
                return make().execute(context)
        except AirflowRescheduleException as pause:
            outcome.pauses += 1
            ti.began = ti.began or began
            time.sleep(max(0.0, (pause.reschedule_date - datetime.now(UTC)).total_seconds()))


@contextmanager
def _began_on_airflow_2(ti: TaskInstance) -> Iterator[None]:
    if not AIRFLOW_2:
        yield
        return
    with mock.patch("airflow.sensors.base._orig_start_date", return_value=ti.began):
        yield


def _resume(make: Callable[[], Any], context: Any, deferred: TaskDeferred, outcome: Outcome) -> Any:
    while True:
        outcome.deferrals.append(deferred)
        event = asyncio.run(only_event(reload(deferred.trigger)))
        kwargs = {**(deferred.kwargs or {}), "event": event}
        try:
            return make().resume_execution(deferred.method_name, kwargs, context)
        except TaskDeferred as again:
            deferred = again


def reload(trigger: BaseTrigger) -> BaseTrigger:
    """Return the trigger as a triggerer makes it from what was stored."""
    path, kwargs = trigger.serialize()
    module, _, name = path.rpartition(".")
    remade: BaseTrigger = getattr(import_module(module), name)(**json.loads(json.dumps(kwargs)))
    return remade


async def only_event(trigger: BaseTrigger) -> Any:
    """Run a trigger and return the payload of its event, which must be the only one."""
    async with asyncio.timeout(GUARD_SECONDS):
        events: AsyncIterator[TriggerEvent] = trigger.run()
        first = await anext(events)
        with pytest.raises(StopAsyncIteration):
            await anext(events)
    return json.loads(json.dumps(first.payload))


def says_in_time(expected: str, last_words: Callable[[float], str]) -> None:
    """
    Expect what a wait says at its deadline, when it must have looked more than once before.

    A machine may stall for longer than a short deadline, so ``last_words(timeout)`` is asked anew with
    longer ones.
    """
    for timeout in (1.0, 4.0, 16.0):
        said = last_words(timeout)
        if expected in said:
            return
    pytest.fail(f"{expected!r} is not in {said!r}, whatever the deadline.")


async def until(condition: Callable[[], bool]) -> None:
    """Wait for something that happens in another thread, such as that of the local TextIn."""
    async with asyncio.timeout(GUARD_SECONDS):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


def point_airflow_at(
    textin: TextInServer, patch: pytest.MonkeyPatch, extra: dict[str, Any] | None = None, **fields: Any
) -> None:
    """Let the connection ``textin_default`` lead to a local TextIn, with other extras and fields if given."""
    connection = textin.connection()
    connection |= {"extra": connection["extra"] | (extra or {})} | fields
    patch.setenv("AIRFLOW_CONN_TEXTIN_DEFAULT", json.dumps(connection))


def new_dag(dag_id: str) -> DAG:
    """Return a DAG for :func:`run_dag`; a task that may retry would do so at once, twice."""
    defaults = {"retries": 2, "retry_delay": 0.0}
    return DAG(dag_id, schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC), default_args=defaults)


def run_dag(dag: DAG, tmp_path: Path) -> dict[tuple[str, int], Any]:
    """Run all tasks of a DAG with `dag.test()` and return its task instances by task and map index."""
    if not AIRFLOW_2:
        _store(dag, tmp_path)
    instances = dag.test().get_task_instances()
    return {(ti.task_id, ti.map_index): ti for ti in instances}


def _store(dag: DAG, tmp_path: Path) -> None:
    """Write the DAG to the database, where Airflow 3 looks for it also when it comes from no DAG file."""
    from tests.airflow_versions import DagBag, sync_bag_to_db

    DagBundlesManager().sync_bundles_to_db()
    dag.relative_fileloc = "dag_of_a_test.py"
    bag = DagBag(tmp_path)
    bag.bag_dag(dag)
    sync_bag_to_db(bag, "dags-folder", None)
