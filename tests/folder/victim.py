"""
A run of XParseFolderOperator in a process of its own, which may be killed at any of its steps.

The steps are calls into the storage and the network, from all threads, counted in the order in which they
happen. A fork server holds the imported libraries, so that a process takes no time to start.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from dataclasses import dataclass, field
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import textin_provider.hooks.requests_transport
import textin_provider.hooks.textin
import textin_provider.tasks.folder.run
import textin_provider.triggers.poller  # noqa: F401
from tests.running import run
from textin_provider.hooks.storage import OutputFile
from textin_provider.hooks.tree import Tree
from textin_provider.operators.xparse import XParseFolderOperator
from textin_provider.testing import fast_polling

if TYPE_CHECKING:
    from collections.abc import Mapping

_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload([__name__])
#: Longer than any run here takes.
_GUARD_SECONDS = 120.0


@dataclass(frozen=True)
class Attempt:
    """
    One process: the arguments of its operator, and the number of the step at which it is killed.

    :param kill_at: counted from 1; 0 never kills.
    """

    options: dict[str, Any]
    environment: Mapping[str, str]
    kill_at: int = 0


@dataclass(frozen=True)
class Result:
    """How a process ended; of a killed one nothing but that is known."""

    was_killed: bool
    value: dict[str, Any] | None = None
    error: str | None = None
    steps: int = 0
    deferrals: int = 0


@dataclass
class _Steps:
    kill_at: int
    count: int = 0
    lock: Any = field(default_factory=threading.Lock)

    def step(self) -> None:
        with self.lock:
            self.count += 1
            if self.count == self.kill_at:
                os.kill(os.getpid(), signal.SIGKILL)


def attempt(chosen: Attempt) -> Result:
    """Run the operator in a new process."""
    receiver, sender = _processes.Pipe(duplex=False)
    process = _processes.Process(target=_main, args=(chosen, sender))
    process.start()
    sender.close()
    try:
        result: Result = receiver.recv() if receiver.poll(_GUARD_SECONDS) else Result(was_killed=False)
    except EOFError:
        result = Result(was_killed=True)
    process.join(_GUARD_SECONDS)
    return result


def _main(chosen: Attempt, sender: Any) -> None:
    os.environ.update(chosen.environment)
    steps = _Steps(chosen.kill_at)
    _install(steps)
    with fast_polling(keep_intervals=True):
        outcome = run(lambda: XParseFolderOperator(**chosen.options))
    error = repr(outcome.error) if outcome.error else None
    value = outcome.value or outcome.xcoms.get("return_value")
    sender.send(Result(False, value, error, steps.count, len(outcome.deferrals)))


def _install(steps: _Steps) -> None:
    import urllib3
    from requests_toolbelt import MultipartEncoder

    for owner, names in (
        (Tree, ("read", "write", "write_chunks", "copy", "delete")),
        (OutputFile, ("_move_into_place",)),
        (Path, ("replace",)),
        (MultipartEncoder, ("read",)),
        (urllib3.connection.HTTPConnection, ("request", "getresponse")),
    ):
        for name in names:
            _count(steps, owner, name)


def _count(steps: _Steps, owner: Any, name: str) -> None:
    original = getattr(owner, name)

    @wraps(original)
    def counted(*args: Any, **kwargs: Any) -> Any:
        steps.step()
        value = original(*args, **kwargs)
        steps.step()
        return value

    setattr(owner, name, counted)
