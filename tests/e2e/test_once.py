"""No document is accepted twice, whichever signal strikes the process of its task at whichever moment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.once.matrix import TASKS, Cell, cells
from tests.once.moments import Strike
from tests.once.results import differences, explain, write_documents

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.e2e.fleet import Fleet

RUN_ID = "once"
_ENDED = {"success", "failed"}


def test_a_document_is_accepted_once_at_most(
    fleet: Fleet, record_property: Callable[[str, object], None]
) -> None:
    # All side by side: most of the time each of them waits for Airflow to notice.
    every = [cell for task in TASKS for cell in cells(task, (Strike.SIGTERM, Strike.SIGKILL))]
    write_documents(every, fleet.results / "once")
    fleet.trigger("e2e_once", RUN_ID)

    def all_ended() -> bool:
        tasks = fleet.tasks(RUN_ID)
        return len(tasks) == len(every) and all(task.state in _ENDED for task in tasks.values())

    fleet.until(all_ended, "all tasks that were struck have ended", seconds=400)

    found, wrong = differences({cell: _ended(fleet, cell) for cell in every}, fleet.textin)
    for cell, seen in found.items():
        record_property("once", [cell.task.name, cell.moment.value, cell.strike.value, seen.accepted])
    assert not wrong, explain(wrong)


def _ended(fleet: Fleet, cell: Cell) -> tuple[str, bool]:
    return str(fleet.task(RUN_ID, cell.task_id).state), fleet.has_xcom(RUN_ID, cell.task_id)
