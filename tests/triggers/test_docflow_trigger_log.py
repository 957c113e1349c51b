"""What a trigger that waits for a batch writes to the task's log: a line when counts change."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.running import only_event
from tests.triggers.test_docflow_trigger import new_trigger
from textin_provider.testing import FileScript, ScriptedFault, TextInServer

if TYPE_CHECKING:
    from tests.triggers.conftest import Logged


async def test_progress_is_logged_when_counts_change_and_only_then(
    textin: TextInServer, logged: Logged
) -> None:
    done = [FileScript(status=1)] * 409 + [FileScript(status=2)] * 3
    moving = [FileScript(statuses=[4] * 5 + [1])] * 60 + [FileScript(statuses=[0, 3] * 5 + [2])] * 28
    batch = textin.add_batch(files=[*done, *moving])

    await only_event(new_trigger(batch))

    assert logged() == [
        ("info", f"DocFlow files of batch_number={batch!r}: 412 of 500 done, 3 failed."),
        ("info", f"DocFlow files of batch_number={batch!r}: 472 of 500 done, 3 failed."),
    ]
    assert textin.count("fetch") == 11 * 4


async def test_files_that_arrive_late_are_news(textin: TextInServer, logged: Logged) -> None:
    # Four fetches a look ask for a file in vain.
    batch = textin.add_batch(
        files=[FileScript(status=1, visible_after_fetches=4 * looks) for looks in (2, 4)]
    )
    await only_event(new_trigger(batch, expected_files=2))
    about = f"DocFlow files of batch_number={batch!r}"
    assert [line for _, line in logged()] == [
        f"{about}: no file is visible; check the id and the workspace if that stays so.",
        f"{about}: 1 of 1 (2 expected) done, 0 failed.",
    ]


async def test_faults_in_a_row_are_one_warning(textin: TextInServer, logged: Logged) -> None:
    textin.fault("fetch", ScriptedFault(code=500), times=5)
    await only_event(new_trigger(textin.add_batch(count=1)))
    [(level, line)] = logged()
    assert level == "warning"
    assert "code 500" in line
    assert line.endswith("The wait continues.")


async def test_the_log_names_no_secret_and_no_data(textin: TextInServer, logged: Logged) -> None:
    textin.fault("fetch", ScriptedFault(cut="before_answer"), times=2)
    contents = {"fields": [{"key": "Seller", "value": "Example Pumps Ltd"}]}
    batch = textin.add_batch(files=[FileScript(statuses=[4, 1], data=contents)])
    await only_event(new_trigger(batch))
    shown = json.dumps(logged(), ensure_ascii=False)
    assert logged()
    assert [secret for secret in (textin.secret_code, "Example Pumps") if secret in shown] == []
