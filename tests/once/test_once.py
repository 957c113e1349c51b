"""No document is accepted twice, whatever strikes at whichever moment of its submit: real task runs."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Any

import pytest

from tests.once.matrix import TASKS, Cell, Task, cells
from tests.once.moments import Strike
from tests.once.results import differences, explain, write_documents
from tests.running import AIRFLOW_2, new_dag, run_dag
from textin_provider.api.retry import changed_timing
from textin_provider.testing import fast_polling

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from textin_provider.testing import TextInServer

pytestmark = [pytest.mark.usefixtures("airflow_db"), pytest.mark.slow]
#: What can strike a process that goes on to run the tests; tests/e2e does so with all of them.
STRIKES = tuple(strike for strike in Strike if strike is not Strike.SIGKILL)


@pytest.fixture(autouse=True)
def _handlers() -> Iterator[None]:
    """Put back the handlers of signals that Airflow sets when it runs a task."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGALRM)}
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.fixture(autouse=True)
def _fast_polling() -> Iterator[None]:
    """Shorten the time that an upload waits for files that DocFlow lists late."""
    with fast_polling(keep_intervals=True), changed_timing(list_settles=1.0):
        yield


@pytest.fixture(autouse=True)
def _errors_end_one_task(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `dag.test()` of Airflow 2 go on after a timeout or SIGTERM, which end the process elsewhere."""
    if not AIRFLOW_2:
        return
    from airflow.models import dag

    original: Callable[..., Any] = vars(dag)["_run_task"]

    def run_task(**arguments: Any) -> Any:
        try:
            return original(**arguments)
        except Exception:
            raise
        except BaseException as error:
            raise RuntimeError("the process of the task would end here") from error

    monkeypatch.setattr(dag, "_run_task", run_task)


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.slug)
def test_a_document_is_accepted_once_at_most(
    task: Task, textin: TextInServer, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    chosen = cells(task, STRIKES)
    write_documents(chosen, tmp_path)
    with new_dag(f"once_{task.slug}") as dag:
        for cell in chosen:
            cell.make(tmp_path)

    instances = run_dag(dag, tmp_path / "dags")

    found, wrong = differences({cell: _ended(instances, cell) for cell in chosen}, textin)
    for cell, seen in found.items():
        record_property("once", [task.name, cell.moment.value, cell.strike.value, seen.accepted])
    assert not wrong, explain(wrong)


def _ended(instances: dict[Any, Any], cell: Cell) -> tuple[str, bool]:
    ti = instances[cell.task_id, -1]
    ids = [ti.xcom_pull(task_ids=cell.task_id, key=key) for key in ("job_id", "return_value")]
    return str(ti.state), any(ids)


def test_every_cell_is_tried_or_impossible_for_a_reason() -> None:
    for task in TASKS:
        tried = cells(task, tuple(Strike))
        assert len(tried) == len(set(tried))
        assert {cell.strike for cell in tried} == set(Strike)
