"""The holder of a lock: which task it is, whether it still holds, and what a later try keeps of it."""

from __future__ import annotations

import os
import re
import socket
from dataclasses import asdict, replace
from types import SimpleNamespace
from typing import Any

import pytest

from tests.tasks.folder.lock_samples import new_holder
from textin_provider.tasks.folder.lock import FAILED, WAITING, WORKING, Holder, continued


def test_a_holder_is_made_of_a_task_instance() -> None:
    ti = SimpleNamespace(dag_id="inbox", run_id="r", task_id="parse", map_index=2, try_number=3)
    holder = Holder.of(ti, "tok")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", holder.since)
    assert asdict(replace(holder, since="s")) == {
        "dag_id": "inbox",
        "run_id": "r",
        "task_id": "parse",
        "map_index": 2,
        "try_number": 3,
        "token": "tok",
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "since": "s",
        "valid_until": 0.0,
        "state": "working",
    }


def test_a_task_that_runs_alone_has_a_holder_too() -> None:
    holder = Holder.of(None, "tok")
    assert (holder.dag_id, holder.run_id, holder.task_id) == ("", "", "")
    assert (holder.map_index, holder.try_number) == (-1, 1)


@pytest.mark.parametrize("name", ["dag_id", "run_id", "task_id", "map_index"])
def test_tasks_are_told_apart_by_each_of_their_names(name: str) -> None:
    value: Any = 5 if name == "map_index" else "other"
    other = replace(new_holder(), **{name: value})
    assert not new_holder().is_task_of(other)
    assert new_holder().is_task_of(new_holder(try_number=4, token="t", host="h", pid=1))


@pytest.mark.parametrize(
    ("state", "now", "is_live"),
    [(WORKING, 9.9, True), (WORKING, 10.0, False), (WAITING, 9.9, True), (FAILED, 9.9, False)],
)
def test_a_holder_is_live_until_its_time_unless_it_failed(state: str, now: float, is_live: bool) -> None:
    assert new_holder(state=state, valid_until=10.0).is_live(now) is is_live


@pytest.mark.parametrize(("map_index", "mapped"), [(-1, ""), (0, "[0]"), (3, "[3]")])
def test_a_holder_is_named_by_task_dag_and_run(map_index: int, mapped: str) -> None:
    assert str(new_holder(map_index=map_index)) == f"task parse{mapped} of DAG inbox, run first"


@pytest.mark.parametrize(
    ("try_number", "state", "goes_on"),
    [
        (2, FAILED, True),
        (1, FAILED, False),
        (1, WORKING, True),
        (1, WAITING, True),
        (2, WORKING, True),
    ],
)
def test_a_try_goes_on_with_token_and_begin_of_one_before(try_number: int, state: str, goes_on: bool) -> None:
    me = new_holder(token="mine", since="now", try_number=try_number)
    found = new_holder(state=state, host="other", pid=1)
    expected = replace(me, token="token-first", since="2026-01-02") if goes_on else me
    assert continued(me, found) == expected


def test_another_task_or_none_has_nothing_to_go_on_with() -> None:
    me = new_holder(token="mine", try_number=2)
    assert continued(me, None) is me
    assert continued(me, new_holder("second")) is me
