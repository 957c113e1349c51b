"""The heartbeat of a lock: it goes on after errors that pass, and stops when the lock is lost."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, cast

import pytest

from textin_provider.api.errors import ApiError, ErrorKind
from textin_provider.tasks.folder import heartbeat as heartbeat_module
from textin_provider.tasks.folder.heartbeat import Heartbeat

if TYPE_CHECKING:
    from textin_provider.tasks.folder.lock import RunLock


class Lock:
    """A lock whose beats raise the given errors, one after the other."""

    def __init__(self, *errors: Exception | None) -> None:
        self.errors = list(errors)
        self.beats = 0

    def beat(self) -> None:
        self.beats += 1
        if self.errors and (error := self.errors.pop(0)):
            raise error


class Ended:
    """An event that is set after so many waits."""

    def __init__(self, waits: int) -> None:
        self.waits = waits
        self.timeouts: list[float] = []
        self.is_set = False

    def wait(self, timeout: float) -> bool:
        self.timeouts.append(timeout)
        return len(self.timeouts) > self.waits

    def set(self) -> None:
        self.is_set = True


class Thread:
    """A thread that runs while it is joined."""

    def __init__(self, target: object, name: str, daemon: bool) -> None:
        self.target, self.name, self.daemon = target, name, daemon
        self.steps: list[object] = []

    def start(self) -> None:
        self.steps.append("started")

    def join(self, timeout: float) -> None:
        self.steps.append(timeout)


def lost() -> ApiError:
    return ApiError(ErrorKind.REQUEST, about="Output folder /out", message="its lock is lost")


def busy() -> ApiError:
    return ApiError(ErrorKind.STORAGE, about="Output folder /out", message="the storage is busy")


def beaten(monkeypatch: pytest.MonkeyPatch, lock: Lock, waits: int) -> tuple[Heartbeat, Ended]:
    """Return a heart that has beaten until so many waits were over."""
    ended = Ended(waits)
    monkeypatch.setattr(heartbeat_module, "Event", lambda: ended)
    heart = Heartbeat(cast("RunLock", lock))
    heart._beat()
    return heart, ended


def test_a_heart_beats_each_half_minute_until_the_run_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    lock = Lock()
    heart, ended = beaten(monkeypatch, lock, 3)
    heart.check()
    assert lock.beats == 3
    assert ended.timeouts == [30.0] * 4


def test_a_lost_lock_stops_the_heart_and_is_raised_by_each_check(monkeypatch: pytest.MonkeyPatch) -> None:
    error = lost()
    lock = Lock(None, error)
    heart, _ = beaten(monkeypatch, lock, 9)
    assert lock.beats == 2
    for _ in range(2):
        with pytest.raises(ApiError) as raised:
            heart.check()
        assert raised.value is error


def test_errors_that_pass_are_logged_and_the_heart_goes_on(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    lock = Lock(busy(), OSError("no\nspace"))
    with caplog.at_level(logging.WARNING, heartbeat_module.__name__):
        heart, _ = beaten(monkeypatch, lock, 3)
    heart.check()
    assert lock.beats == 3
    assert [(entry.levelname, entry.getMessage()) for entry in caplog.records] == [
        (
            "WARNING",
            "The lock of the output folder could not be extended: Output folder /out: the storage is busy.",
        ),
        ("WARNING", "The lock of the output folder could not be extended: no space"),
    ]


@pytest.mark.parametrize("fails", [False, True])
def test_a_heart_beats_on_a_thread_within_the_block_only(
    fails: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = Ended(0)
    monkeypatch.setattr(heartbeat_module, "Event", lambda: ended)
    monkeypatch.setattr(heartbeat_module, "Thread", Thread)
    heart = Heartbeat(cast("RunLock", Lock()))
    thread = cast("Thread", heart._thread)
    assert (thread.target, thread.name, thread.daemon) == (heart._beat, "textin-heartbeat", True)
    try:
        with heart.beating():
            assert thread.steps == ["started"]
            assert not ended.is_set
            if fails:
                raise KeyError
    except KeyError:
        pass
    assert ended.is_set
    assert thread.steps == ["started", 30.0]


def test_a_thread_beats_the_lock_and_ends_with_the_block(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeat_module, "HEARTBEAT", 5.0)
    heart = Heartbeat(cast("RunLock", Lock()))
    with heart.beating():
        assert heart._thread.is_alive()
    assert not heart._thread.is_alive()
    heart.check()
