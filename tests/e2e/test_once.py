"""No document is accepted twice, whichever signal strikes the process of its task at whichever moment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.once.matrix import SUBJECTS, Cell, cells
from tests.once.moments import Strike
from tests.once.results import differences, explain, write_documents

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.e2e.fleet import Fleet

_ENDED = {"success", "failed", "upstream_failed"}


def test_a_document_is_accepted_once_at_most(
    fleet: Fleet, record_property: Callable[[str, object], None]
) -> None:
    # All side by side: most of the time each of them waits for Airflow to notice.
    chosen = {subject: cells(subject, (Strike.SIGTERM, Strike.SIGKILL)) for subject in SUBJECTS}
    every = [cell for some in chosen.values() for cell in some]
    write_documents(every, fleet.results / "once")
    for subject in SUBJECTS:
        fleet.trigger(f"e2e_once_{subject.slug}", f"once-{subject.slug}")

    def all_ended() -> bool:
        runs = {subject: fleet.tasks(f"once-{subject.slug}") for subject in SUBJECTS}
        return all(
            (cell.task_id, -1) in runs[cell.subject] and runs[cell.subject][cell.task_id, -1].state in _ENDED
            for cell in every
        )

    fleet.until(all_ended, "all tasks that were struck have ended", seconds=400)

    found, wrong = differences({cell: _ended(fleet, cell) for cell in every}, fleet.textin)
    for cell, seen in found.items():
        record_property("once", [cell.subject.name, cell.moment.value, cell.strike.value, seen.accepted])
    assert not wrong, explain(wrong)


def _ended(fleet: Fleet, cell: Cell) -> tuple[str, bool]:
    run_id = f"once-{cell.subject.slug}"
    return str(fleet.task(run_id, cell.task_id).state), fleet.has_xcom(run_id, cell.task_id)
