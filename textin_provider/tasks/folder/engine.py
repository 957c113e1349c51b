"""
The loop of a run on a worker: submits, polls and downloads side by side in threads.

All decisions are taken on the thread of the task; threads only carry out :mod:`~.actions`. The loop ends when
all is done, or when it can only wait for TextIn and may defer that.
"""

from __future__ import annotations

import time
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from enum import Enum
from functools import partial
from typing import TYPE_CHECKING, Any

from textin_provider.tasks.folder.results import Results

if TYPE_CHECKING:
    from collections.abc import Callable

    from textin_provider.api.poll_timing import PollTiming
    from textin_provider.tasks.folder.actions import Actions
    from textin_provider.tasks.folder.board import Board
    from textin_provider.tasks.folder.sending import Sending

_THREADS = 8
#: How many steps of a kind run at the same time. Documents are identified one by one, so that they are sent
#: in their order.
_MOST = {"submit": 4, "store": 4, "identify": 1, "poll": 6}
#: How many identified documents are kept ready to be sent.
_READY = 16
#: The longest time between two looks at what else is due, in seconds.
_TICK = 1.0
#: Of a longer poll interval, only this counts for when to defer.
_LONGEST_INTERVAL = 10.0
#: A task that is resumed takes some seconds to start, in which the places of ended jobs stay empty.
_SHORT_WAIT = 15.0


class Pause(Enum):
    """Why the loop has ended."""

    DONE = "done"
    WAITING = "waiting"


@dataclass(frozen=True)
class Limits:
    """Until when the run waits, in epoch seconds, and whether waiting may be deferred."""

    deadline: float
    poll_interval: float
    deferrable: bool


class Engine:
    """
    Works through a board.

    :param housekeeping: called at least once a second; it raises what ends the run at once.
    """

    def __init__(
        self,
        actions: Actions,
        board: Board,
        sending: Sending,
        timing: PollTiming,
        limits: Limits,
        housekeeping: Callable[[], None],
    ) -> None:
        self.board = board
        self.sending = sending
        self.results = Results(actions, board, sending, timing, limits.deadline)
        self._actions = actions
        self._limits = limits
        self._housekeeping = housekeeping
        self._running: dict[Future[Any], tuple[str, Callable[[Future[Any]], None]]] = {}
        self._idle_since = time.monotonic()
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="textin")

    def work(self) -> Pause:
        """Work until all is done, or only waiting is left."""
        try:
            while True:
                self._housekeeping()
                while self._start_one():
                    pass
                if not self._running and (pause := self._pause()):
                    return pause
                self._take_ended()
        finally:
            self._stop()

    def _stop(self) -> None:
        """Let submits that have begun end, so that their jobs are written down."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        submits = [future for future, (kind, _) in self._running.items() if kind == "submit"]
        for future in wait(submits).done if submits else ():
            if not future.cancelled():
                self.sending.on_late_end(future)
        self._running.clear()

    def _start_one(self) -> bool:
        """Start the most urgent step; return whether there was one."""
        if len(self._running) >= _THREADS:
            return False
        return (
            self._start_store()
            or self._start_copy()
            or self._start_submit()
            or self._start_poll()
            or self._start_identify()
        )

    def _start(self, kind: str, action: Callable[[], Any], on_end: Callable[[Future[Any]], None]) -> bool:
        self._running[self._pool.submit(action)] = kind, on_end
        if kind != "poll":
            self._idle_since = time.monotonic()
        return True

    def _may_start(self, kind: str) -> bool:
        return sum(running == kind for running, _ in self._running.values()) < _MOST[kind]

    def _start_store(self) -> bool:
        group = self.results.next_to_store() if self._may_start("store") else None
        if group is None:
            return False
        action = partial(self._actions.store, group.lead.source, group.fingerprint, group.job)
        return self._start("store", action, partial(self.results.on_stored, group))

    def _start_copy(self) -> bool:
        if not self.board.to_copy or not self._may_start("store"):
            return False
        document, holder = self.board.to_copy.popleft()
        action = partial(self._actions.copy, document.source, holder)
        return self._start("store", action, partial(self.results.on_copied, document, holder))

    def _start_submit(self) -> bool:
        group = self.sending.next_group() if self._may_start("submit") else None
        if group is None:
            return False
        action = partial(self._actions.submit, group.lead, self.board.next_attempt(group))
        return self._start("submit", action, partial(self.sending.on_end, group))

    def _start_poll(self) -> bool:
        group = self.results.next_to_poll(time.time()) if self._may_start("poll") else None
        if group is None:
            return False
        action = partial(self._actions.poll, self.results.job_of(group))
        return self._start("poll", action, partial(self.results.on_polled, group))

    def _start_identify(self) -> bool:
        running = sum(kind == "identify" for kind, _ in self._running.values())
        if not self.board.to_identify or not self._may_start("identify"):
            return False
        if len(self.board.to_send) + running >= _READY or not self.sending.is_open():
            return False
        document = self.board.to_identify.popleft()
        return self._start(
            "identify",
            partial(self._actions.identify, document),
            partial(self.sending.on_identified, document),
        )

    def _take_ended(self) -> None:
        """Wait until a step has ended or the next one is due, and take in what has ended."""
        delay = min(_TICK, max(0.0, self._next_due() - time.time()))
        if not self._running:
            time.sleep(delay)
            return
        done, _ = wait(self._running, timeout=max(delay, 0.01), return_when=FIRST_COMPLETED)
        for future in done:
            _, on_end = self._running.pop(future)
            on_end(future)

    def _next_due(self) -> float:
        return min(self.results.next_poll_at(), self.results.next_store_at(), self.sending.next_at())

    def _pause(self) -> Pause | None:
        """Return why the loop ends, None if it goes on; no step is running."""
        board = self.board
        self.sending.close_if_ended()
        if board.to_store or board.to_copy:
            return None
        if board.to_send or board.to_identify:
            return self._deferrable()
        return self._deferrable() if board.in_flight else Pause.DONE

    def _deferrable(self) -> Pause | None:
        """Return WAITING if nothing has happened for a while, and then no job had ended."""
        limits = self._limits
        if not limits.deferrable or not self.board.in_flight or time.time() >= limits.deadline:
            return None
        idle = time.monotonic() - self._idle_since
        if idle < min(limits.poll_interval, _LONGEST_INTERVAL) / 2:
            return None
        now = time.time()
        if self.results.hurry(now - idle) or self.results.next_end(now) < now + _SHORT_WAIT:
            return None
        return Pause.WAITING
