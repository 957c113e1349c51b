"""A lock that is held: when its holder notices a loss, and how it is extended and released."""

from __future__ import annotations

import logging
from dataclasses import asdict

import pytest

from tests.tasks.folder.lock_samples import (
    EPOCH,
    Clock,
    acquired,
    error_of,
    files,
    held,
    new_holder,
    write_lock,
)
from textin_provider.api.errors import ApiError, ErrorKind
from textin_provider.hooks.tree import Tree
from textin_provider.tasks.folder import lock as lock_module
from textin_provider.tasks.folder.lock import FAILED, WAITING, WORKING, RunLock

LOST = (
    "another process has taken its lock, such as a later try of this task. "
    "This process sends no more; the other one goes on from the ledger."
)


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(lock_module, "time", clock)
    return clock


def test_a_lock_is_checked_each_five_seconds(state: Tree, clock: Clock) -> None:
    lock = acquired(state)
    write_lock(state, new_holder(), process="another")
    clock.passed += 4.9
    lock.check()
    clock.passed = 5.0
    with pytest.raises(ApiError) as raised:
        lock.check()
    assert raised.value.kind is ErrorKind.REQUEST
    assert str(raised.value) == error_of(state, LOST)


def test_a_lock_that_is_still_its_own_is_checked_again_after_five_seconds(state: Tree, clock: Clock) -> None:
    lock = acquired(state)
    clock.passed = 5.0
    lock.check()
    state.delete(["lock.json"])
    clock.passed = 9.9
    lock.check()
    clock.passed = 10.0
    with pytest.raises(ApiError, match="has taken its lock"):
        lock.check()


def test_a_beat_extends_the_lock_for_five_minutes(state: Tree, clock: Clock) -> None:
    lock = acquired(state)
    clock.passed = 1.0
    lock.beat()
    assert (held(state)["valid_until"], held(state)["state"]) == (EPOCH + 301, WORKING)
    assert lock.holder.valid_until == EPOCH + 301


@pytest.mark.parametrize("content", [b"{", b"[]", b"{}", b'{"process": "p"}'])
def test_a_beat_notices_at_once_that_the_lock_is_lost(content: bytes, state: Tree) -> None:
    lock = acquired(state)
    state.write("lock.json", content)
    with pytest.raises(ApiError, match="has taken its lock"):
        lock.beat()
    assert state.read("lock.json") == content


def test_a_deferred_run_holds_the_lock_until_its_deadline(state: Tree) -> None:
    lock = acquired(state)
    lock.wait_until(EPOCH + 1234)
    assert held(state) == asdict(lock.holder) | {"process": lock._process}
    assert (lock.holder.state, lock.holder.valid_until) == (WAITING, EPOCH + 1234)


def test_a_run_that_ended_well_deletes_its_lock(state: Tree) -> None:
    lock = acquired(state)
    lock.release(failed=False)
    assert files(state) == []
    lock.release(failed=True)
    assert files(state) == []


def test_a_run_that_failed_leaves_its_name_in_the_lock(state: Tree) -> None:
    lock = acquired(state)
    lock.release(failed=True)
    assert (held(state)["state"], held(state)["valid_until"], held(state)["token"]) == (
        FAILED,
        0.0,
        "token-first",
    )


@pytest.mark.parametrize("failed", [False, True])
def test_the_lock_of_another_process_is_not_released(failed: bool, state: Tree) -> None:
    lock = acquired(state)
    write_lock(state, new_holder(), process="another")
    lock.release(failed=failed)
    assert held(state)["process"] == "another"
    assert held(state)["state"] == WORKING


def test_a_lock_that_cannot_be_released_is_only_logged(
    state: Tree, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    lock = acquired(state)

    def fails(*_: object) -> None:
        raise OSError("no\nspace")

    monkeypatch.setattr(Tree, "delete", fails)
    with caplog.at_level(logging.WARNING, lock_module.__name__):
        lock.release(failed=False)
    assert [entry.getMessage() for entry in caplog.records] == [
        "The lock of the output folder could not be released: no space"
    ]


def test_the_lock_is_checked_even_right_after_the_machine_has_started(state: Tree, clock: Clock) -> None:
    clock.passed = -95.0  # the monotonic time is 5
    with pytest.raises(ApiError, match="has taken its lock"):
        RunLock(state, new_holder()).check()
    lock = acquired(state)
    state.delete(["lock.json"])
    lock.check()
    with pytest.raises(ApiError, match="has taken its lock"):
        lock.beat()
