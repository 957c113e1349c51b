"""The lock of an output folder: who may take it, who waits, and what stands in it."""

from __future__ import annotations

import json
import os
import re
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import pytest

from tests.tasks.folder.lock_samples import (
    EPOCH,
    Clock,
    acquired,
    error_of,
    files,
    held,
    new_holder,
    write_claim,
    write_lock,
)
from textin_provider.api.errors import ApiError, ErrorKind
from textin_provider.hooks.tree import Tree
from textin_provider.tasks.folder import lock as lock_module
from textin_provider.tasks.folder.lock import FAILED, WAITING, WORKING, RunLock

if TYPE_CHECKING:
    from textin_provider.tasks.folder.lock import Holder

ONE_RUN = "Nothing was sent. Let one run at a time write there (max_active_runs=1)."


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(lock_module, "time", clock)
    return clock


def assert_refused(state: Tree, holder: Holder, message: str) -> None:
    with pytest.raises(ApiError) as raised:
        RunLock(state, holder).acquire()
    assert raised.value.kind is ErrorKind.REQUEST
    assert str(raised.value) == error_of(state, f"{message}. {ONE_RUN}")
    assert not [name for name in files(state) if str(os.getpid()) in name]


def test_a_lock_names_its_holder_and_its_process(state: Tree, clock: Clock) -> None:
    lock = RunLock(state, new_holder())
    assert lock.acquire() == new_holder(valid_until=EPOCH + 300, state=WORKING)
    assert held(state) == asdict(lock.holder) | {"process": lock._process}
    begin = re.escape(f"{int(EPOCH * 10**9):020d}-{os.getpid()}-")
    assert re.fullmatch(begin + "[0-9a-f]{8}", lock._process)
    assert files(state) == ["lock.json"]
    assert clock.slept == []


def test_a_claim_is_written_while_the_lock_is_taken(state: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[tuple[str, bytes]] = []
    write = Tree.write

    def seen(tree: Tree, name: str, content: bytes) -> None:
        written.append((name, content))
        write(tree, name, content)

    monkeypatch.setattr(Tree, "write", seen)
    lock = acquired(state)
    assert [name for name, _ in written] == [f"claims/{lock._process}.json", "lock.json"]
    assert json.loads(written[0][1]) == asdict(new_holder())


@pytest.mark.parametrize(
    ("values", "waits"),
    [
        ({"state": WORKING}, "works on there"),
        ({"state": WAITING}, "is deferred at most until 2023-11-14T22:13:21+00:00"),
    ],
)
def test_a_second_run_is_refused_while_the_first_holds_the_lock(
    values: dict[str, Any], waits: str, state: Tree
) -> None:
    write_lock(state, new_holder(host="there", valid_until=EPOCH + 1, **values))
    assert_refused(
        state,
        new_holder("second"),
        f"task parse of DAG inbox, run first holds it since 2026-01-02, and {waits}",
    )


@pytest.mark.parametrize("values", [{"valid_until": EPOCH}, {"valid_until": EPOCH + 9, "state": FAILED}])
def test_a_lock_that_is_stale_or_of_a_failed_run_is_taken(values: dict[str, Any], state: Tree) -> None:
    write_lock(state, new_holder(**values))
    acquired(state, new_holder("second"))
    assert held(state)["token"] == "token-second"


def test_a_later_try_takes_the_lock_and_keeps_token_and_begin(state: Tree) -> None:
    write_lock(state, new_holder(valid_until=EPOCH + 9), process="p")
    lock = acquired(state, new_holder(token="mine", since="now", try_number=2))
    assert (lock.holder.token, lock.holder.since, lock.holder.try_number) == ("token-first", "2026-01-02", 2)


@pytest.mark.parametrize(
    ("values", "killed", "waits"),
    [
        ({"host": "there"}, None, True),
        ({"pid": 4}, None, True),
        ({"pid": 4}, ProcessLookupError, False),
        ({"pid": 4}, PermissionError, True),
        ({}, None, False),
        ({"host": "there", "state": WAITING}, None, False),
        ({"host": "there", "valid_until": EPOCH}, None, False),
    ],
)
def test_a_later_try_waits_until_a_process_that_may_live_has_noticed(
    values: dict[str, Any],
    killed: type[Exception] | None,
    waits: bool,
    state: Tree,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    signals: list[tuple[int, int]] = []

    def kill(pid: int, signal: int) -> None:
        signals.append((pid, signal))
        if killed:
            raise killed

    monkeypatch.setattr(os, "kill", kill)
    found = new_holder(**{"valid_until": EPOCH + 9, **values})
    write_lock(state, found)
    acquired(state, new_holder(try_number=2))
    assert clock.slept == ([6.0] if waits else [])
    is_asked = found.host == "here"
    assert signals == ([(found.pid, 0)] if is_asked else [])


@pytest.mark.parametrize("content", [b"[1, 2]", b"{", b'{"token": "t"}', b"null", b"\xff"])
def test_a_lock_that_is_none_is_named(content: bytes, state: Tree) -> None:
    state.write("lock.json", content)
    with pytest.raises(ApiError) as raised:
        RunLock(state, new_holder()).acquire()
    assert raised.value.kind is ErrorKind.REQUEST
    path = state.path("lock.json")
    fix = "Nothing was sent. Delete the file if no run is active."
    assert str(raised.value) == f"Lock {path}: it is not a lock. {fix}"


def test_a_run_that_claimed_earlier_goes_first(state: Tree) -> None:
    first = write_claim(state, new_holder("other"), 60.0)
    write_claim(state, new_holder("third"), -1.0)
    assert_refused(
        state, new_holder("second"), "task parse of DAG inbox, run other is starting there at this moment"
    )
    assert first in files(state)


def test_a_run_waits_until_a_later_claim_is_withdrawn(state: Tree, clock: Clock) -> None:
    claim = write_claim(state, new_holder("other"), -1.0)
    clock.during_sleep = [lambda: None, lambda: state.delete([claim])]
    acquired(state, new_holder("second"))
    assert clock.slept == [0.2, 0.2]
    assert files(state) == ["lock.json"]


def test_a_run_yields_if_a_later_claim_has_taken_the_lock(state: Tree, clock: Clock) -> None:
    write_claim(state, new_holder("other"), -1.0)
    taken = new_holder("other", valid_until=EPOCH + 99)
    clock.during_sleep = [lambda: write_lock(state, taken)]
    assert_refused(
        state,
        new_holder("second"),
        "task parse of DAG inbox, run other holds it since 2026-01-02, and works on here",
    )
    assert clock.slept == [0.2]


def test_a_run_waits_for_a_later_claim_no_longer_than_claims_hold(
    state: Tree, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert lock_module._CLAIM_SECONDS == 60.0
    monkeypatch.setattr(lock_module, "_CLAIM_SECONDS", 0.4)
    write_claim(state, new_holder("other"), -100.0)
    acquired(state, new_holder("second"))
    assert clock.slept == [0.2, 0.2, 0.2]


def test_claims_of_dead_processes_of_the_same_task_and_of_none_are_deleted(state: Tree) -> None:
    write_claim(state, new_holder("other"), 60.001)
    write_claim(state, new_holder("second"), 1.0)
    write_claim(state, new_holder("second"), -1.0)
    state.write("claims/x-1-aa.json", json.dumps(asdict(new_holder("other"))).encode())
    state.write(f"claims/{int(EPOCH * 10**9):020d}-2-bb.json", b"{}")
    state.write(f"claims/{int(EPOCH * 10**9):020d}-3-cc.json", b"")
    acquired(state, new_holder("second"))
    assert files(state) == ["lock.json"]
