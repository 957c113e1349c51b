"""The folder of the state, and what replaces time and chance in the parts of a folder's run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.tasks.folder.fake_engine import Pool
from tests.tasks.folder.fakes import Backoffs, Clock
from textin_provider.hooks.tree import Tree
from textin_provider.tasks.folder import engine, results, run, sending

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def state(tmp_path: Path) -> Tree:
    """Return the folder of the state, below an output folder that is empty."""
    return Tree("output_path", str(tmp_path)).below(".textin")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Return the clock that the parts look at; it stands still."""
    clock = Clock()
    for module in (engine, results, run, sending):
        monkeypatch.setattr(module, "time", clock)
    return clock


@pytest.fixture
def backoffs(monkeypatch: pytest.MonkeyPatch) -> Backoffs:
    """Return the delays after errors that the parts ask for."""
    backoffs = Backoffs()
    for module in (results, sending):
        monkeypatch.setattr(module, "backoff", backoffs)
    return backoffs


@pytest.fixture
def pool(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> Pool:
    """Return what stands in for the pool of threads of a loop."""
    pool = Pool(clock)
    monkeypatch.setattr(engine, "ThreadPoolExecutor", pool.make)
    monkeypatch.setattr(engine, "wait", pool.wait)
    return pool
