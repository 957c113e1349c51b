"""One run at a time: a second one fails and names the first; dead runs and earlier tries hold nobody up."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred

from tests.folder.folder import counts, new_context, new_operator, numbered, parse, summary, write_documents
from tests.running import TaskInstance
from textin_provider.api.errors import ApiError
from textin_provider.exceptions import TextInRequestError
from textin_provider.hooks.tree import Tree
from textin_provider.tasks.folder import lock as lock_module
from textin_provider.tasks.folder.lock import WAITING, Holder, RunLock

if TYPE_CHECKING:
    from pathlib import Path

    from textin_provider.testing import TextInServer


def holder(run_id: str = "first", **values: Any) -> Holder:
    ti = TaskInstance()
    ti.dag_id, ti.run_id, ti.task_id = "inbox", run_id, "parse"
    return replace(Holder.of(ti, f"token-{run_id}"), **values)


@pytest.fixture
def state(tmp_path: Path) -> Tree:
    return Tree("output_path", str(tmp_path)).below(".textin")


def test_a_second_run_fails_and_names_the_first(state: Tree) -> None:
    RunLock(state, holder()).acquire()
    with pytest.raises(TextInRequestError) as raised:
        RunLock(state, holder("second")).acquire()
    for part in ("DAG inbox", "run first", "task parse", holder().host, "since 20"):
        assert part in str(raised.value)


def test_a_second_run_beside_a_deferred_one_fails_until_its_deadline(state: Tree) -> None:
    first = RunLock(state, holder())
    first.acquire()
    first.wait_until(time.time() + 100)
    with pytest.raises(TextInRequestError, match="deferred at most until"):
        RunLock(state, holder("second")).acquire()
    first.wait_until(time.time() - 1)
    RunLock(state, holder("second")).acquire()


def test_a_stale_lock_is_taken_over_and_its_run_notices(state: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock_module, "_STALE_AFTER", -1.0)
    monkeypatch.setattr(lock_module, "_CHECK_INTERVAL", 0.0)
    first = RunLock(state, holder())
    first.acquire()
    first.check()
    second = RunLock(state, holder("second"))
    second.acquire()
    with pytest.raises(ApiError, match="another process has taken its lock"):
        first.check()
    with pytest.raises(ApiError, match="another process has taken its lock"):
        first.beat()
    first.release(failed=False)
    second.check()


def test_the_next_try_of_a_task_keeps_the_token(state: Tree) -> None:
    RunLock(state, holder()).acquire()
    again = RunLock(state, holder(token="another", try_number=2)).acquire()
    assert again.token == "token-first"


@pytest.mark.parametrize(
    ("values", "waits"),
    [({"host": "another-worker"}, True), ({"pid": 1}, True), ({"pid": 2**22 + 1}, False)],
)
def test_a_try_waits_until_a_process_that_may_live_has_noticed(
    values: dict[str, Any], waits: bool, state: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    RunLock(state, holder(**values)).acquire()
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    RunLock(state, holder(try_number=2)).acquire()
    assert bool(slept) == waits


def test_a_run_after_one_that_ended_has_a_token_of_its_own(state: Tree) -> None:
    for failed in (False, True):
        first = RunLock(state, holder())
        first.acquire()
        first.release(failed=failed)
        again = RunLock(state, holder(token="another"))
        assert again.acquire().token == "another"
        again.release(failed=False)


def test_a_try_after_a_failed_one_keeps_the_token(state: Tree) -> None:
    first = RunLock(state, holder())
    first.acquire()
    first.release(failed=True)
    assert RunLock(state, holder(token="another", try_number=2)).acquire().token == "token-first"


def test_the_lock_of_another_run_that_failed_holds_nobody_up(state: Tree) -> None:
    first = RunLock(state, holder())
    first.acquire()
    first.release(failed=True)
    RunLock(state, holder("second")).acquire()


def test_a_lock_that_is_none_is_named(state: Tree) -> None:
    state.write("lock.json", b"[1, 2]")
    with pytest.raises(TextInRequestError, match=r"lock\.json"):
        RunLock(state, holder()).acquire()


def test_of_runs_that_start_together_at_most_one_gets_the_lock(state: Tree) -> None:
    for _ in range(5):
        locks = [RunLock(state, holder(f"run{number}")) for number in range(4)]
        got: list[RunLock] = []
        barrier = threading.Barrier(len(locks))

        def start(one: RunLock, got: list[RunLock] = got, barrier: threading.Barrier = barrier) -> None:
            barrier.wait()
            try:
                one.acquire()
            except TextInRequestError:
                return
            got.append(one)

        threads = [threading.Thread(target=start, args=(one,)) for one in locks]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(got) == 1
        got[0].release(failed=False)


def test_the_claim_of_a_process_that_died_holds_nobody_up(state: Tree) -> None:
    long_ago = f"claims/{time.time_ns() - 10**12:020d}-1-aa.json"
    state.write(long_ago, json.dumps(asdict(holder("second"))).encode())
    own = f"claims/{time.time_ns() - 10**9:020d}-1-aa.json"
    state.write(own, json.dumps(asdict(holder())).encode())
    RunLock(state, holder()).acquire()
    assert [found.name for found in state.files()] == ["lock.json"]


def test_a_second_run_sends_nothing(textin: TextInServer, tmp_path: Path) -> None:
    source = write_documents(tmp_path / "in", *numbered(2))
    state = Tree("output_path", str(tmp_path / "out")).below(".textin")
    RunLock(state, holder("scheduled__2026-01-01")).acquire()
    error = parse(source, tmp_path / "out").raised()
    assert isinstance(error, TextInRequestError)
    assert "scheduled__2026-01-01" in str(error)
    assert textin.count("*") == 0


def test_the_lock_says_until_when_a_deferred_task_waits_and_is_gone_at_the_end(
    textin: TextInServer, tmp_path: Path
) -> None:
    source = write_documents(tmp_path / "in", *numbered(2))
    textin._state.jobs.default_seconds = (0.6, 0.6)
    context = new_context()
    with pytest.raises(TaskDeferred):
        new_operator(source, tmp_path / "out", deferrable=True)().execute(context)
    held = json.loads((tmp_path / "out/.textin/lock.json").read_text())
    assert held["state"] == WAITING
    assert held["valid_until"] - time.time() == pytest.approx(60, abs=10)
    # Another try of the same task goes on at once.
    assert counts(summary(source, tmp_path / "out")) == {"found": 2, "submitted": 2, "succeeded": 2}
    assert not (tmp_path / "out/.textin/lock.json").exists()
    assert textin.submissions == 2
