"""How the tasks of cells ended, and the comparison with what is promised."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tests.once.matrix import DOCUMENT, Cell, Promise

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from textin_provider.testing import TextInServer

#: A server may accept a document after its client has given up.
_SECONDS_TO_ACCEPT = 5.0


def write_documents(cells: Iterable[Cell], folder: Path) -> None:
    """Write a document for each cell."""
    folder.mkdir(parents=True, exist_ok=True)
    for cell in cells:
        (folder / cell.file_name).write_text(DOCUMENT)


def differences(
    ended: Mapping[Cell, tuple[str, bool]], textin: TextInServer
) -> tuple[dict[Cell, Promise], dict[Cell, tuple[Promise, Promise]]]:
    """
    Return the outcome of each cell, and those that differ from their promise, as (promised, found).

    :param ended: final state, and whether an id was pushed.
    """
    deadline = time.monotonic() + _SECONDS_TO_ACCEPT
    while True:
        found = {
            cell: Promise(state, cell.task.accepted(textin, cell.file_name), has_id)
            for cell, (state, has_id) in ended.items()
        }
        wrong = {cell: (cell.promise(), seen) for cell, seen in found.items() if cell.promise() != seen}
        if not wrong or time.monotonic() > deadline:
            return found, wrong
        time.sleep(0.1)


def explain(wrong: Mapping[Cell, tuple[Promise, Promise]]) -> str:
    """Return a line for each cell that broke its promise."""
    return "\n".join(
        f"{cell.task.name}, {cell.moment}, {cell.strike}: promised {promised}, found {found}"
        for cell, (promised, found) in wrong.items()
    )
