"""What the tests of a lock share: a clock that moves by hand, holders, and what stands in the folder."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from textin_provider.tasks.folder.lock import Holder, RunLock

if TYPE_CHECKING:
    from textin_provider.hooks.tree import Tree

EPOCH = 1_700_000_000.0


class Clock:
    """The time of the lock, which moves only while something sleeps."""

    def __init__(self) -> None:
        self.passed = 0.0
        self.slept: list[float] = []
        self.during_sleep: list[Any] = []

    def time(self) -> float:
        return EPOCH + self.passed

    def time_ns(self) -> int:
        return int(self.time() * 10**9)

    def monotonic(self) -> float:
        return 100.0 + self.passed

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.passed += seconds
        if self.during_sleep:
            self.during_sleep.pop(0)()


def new_holder(run_id: str = "first", **values: Any) -> Holder:
    holder = Holder("inbox", run_id, "parse", -1, 1, f"token-{run_id}", "here", os.getpid(), "2026-01-02")
    return replace(holder, **values)


def held(state: Tree) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(state.read("lock.json"))
    return value


def write_lock(state: Tree, holder: Holder, **values: Any) -> None:
    state.write("lock.json", json.dumps(asdict(holder) | values).encode())


def write_claim(state: Tree, holder: Holder, age: float, name: str = "1-aa") -> str:
    began = int((EPOCH - age) * 10**9)
    claim = f"claims/{began:020d}-{name}.json"
    state.write(claim, json.dumps(asdict(holder)).encode())
    return claim


def files(state: Tree) -> list[str]:
    return sorted(found.name for found in state.files())


def acquired(state: Tree, holder: Holder | None = None) -> RunLock:
    lock = RunLock(state, holder or new_holder())
    lock.acquire()
    return lock


def error_of(state: Tree, message: str) -> str:
    return f"Output folder {state.root.text.removesuffix('/.textin')}: {message}"
