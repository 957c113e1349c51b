"""
One poller for each connection and event loop, shared by all waits of the process.

A wait with a timer and a client of its own would wake the loop, and open a connection, for itself alone. The
poller runs all waits of a connection until they end: polls that are due within the same quarter second are
sent as one batch over one client, and each response is judged where it arrives, without waking another task.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from contextlib import asynccontextmanager
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, TypeAlias
from weakref import WeakKeyDictionary

from textin_provider.api.errors import ApiError, ErrorKind
from textin_provider.api.retry import timing
from textin_provider.hooks.aiohttp_transport import POOL_SIZE
from textin_provider.hooks.textin_async import TextInAsyncHook
from textin_provider.polling.decision import Decision

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from textin_provider.api.protocol import Flow
    from textin_provider.polling.wait import Wait

    #: The polls that are due together: tasks and the keys to poll.
    Batch: TypeAlias = "deque[tuple[PollTask, str]]"

#: A delay this long is rounded up to the full second: a full batch costs less CPU per poll than four small
#: ones, because between batches the process loses its place in the CPU's caches.
LONG_DELAY = 4.0
LONG_BATCH_SECONDS = 1.0
#: Concurrent requests of one connection and process: as many as the client has connections.
CONCURRENCY = POOL_SIZE
#: The longest pause that a sender sleeps through. In a longer one each poll is postponed to the end of the
#: pause or to the deadline of its wait: a poll in the queue behind the senders would miss that deadline.
LONGEST_HOLD = 5.0
#: How long a looked-up connection is valid for waits that join.
FRESH_SECONDS = 60.0

_pollers: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, Poller]] = WeakKeyDictionary()


@asynccontextmanager
async def join_poller(textin_conn_id: str) -> AsyncIterator[Poller]:
    """Share the poller of a connection on the running loop. The first member opens it, the last closes it."""
    pollers = _pollers.setdefault(asyncio.get_running_loop(), {})
    # No await between get and set: otherwise 500 waits that start at once would make 500 pollers.
    poller = pollers.get(textin_conn_id)
    if poller is None:
        poller = pollers[textin_conn_id] = Poller(textin_conn_id)
    poller.members += 1
    try:
        yield poller
    finally:
        poller.members -= 1
        if poller.members == 0:
            del pollers[textin_conn_id]
            await poller.close()


class PollTask:
    """
    A wait that the poller runs.

    :param poll: returns the requests of one poll of a key; called again for each attempt.
    :param log: logs the message of a decision; it runs in the context of the trigger, which names its log.
    :ivar ended: the event of the wait, or an unexpected exception; cancelled with the trigger.
    """

    __slots__ = ("_context", "_log", "ended", "poll", "wait")

    def __init__(self, wait: Wait, poll: Callable[[str], Flow[Any]], log: Callable[[Decision], None]) -> None:
        self.wait = wait
        self.poll = poll
        self.ended: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._log = log
        self._context = copy_context()

    def apply(self, decision: Decision) -> float | None:
        """Log and end as a decision says; return the seconds until the next poll of the same key, or None."""
        if decision.message:
            self._context.run(self._log, decision)
        if decision.event is not None:
            self.ended.set_result(decision.event)
        return decision.delay


class Poller:
    """Sends the polls of many waits in batches over one client. ``members`` counts the waits."""

    def __init__(self, textin_conn_id: str) -> None:
        self.members = 0
        self._hook = TextInAsyncHook(textin_conn_id)
        self._opening = asyncio.ensure_future(self._hook.refresh())
        self._opened_at = time.monotonic()
        self._batches: dict[float, Batch] = {}
        self._timers: dict[float, asyncio.TimerHandle] = {}
        self._due: Batch = deque()
        self._senders: set[asyncio.Task[None]] = set()

    async def run(self, task: PollTask) -> dict[str, Any]:
        """Poll the keys of a wait until it ends, and return its event."""
        wait = task.wait
        if not wait.pending:
            raise ValueError("The wait has no pending keys.")
        try:
            await self._refresh(max_age=FRESH_SECONDS)
        except ApiError as error:
            for key in list(wait.pending):
                self._apply(task, key, wait.on_error(key, error, now=time.time()))
        else:
            now = time.time()
            for key in wait.pending:
                self._schedule(task, key, wait.first_delay(now=now))
        return await task.ended

    async def _refresh(self, max_age: float) -> None:
        """Look up the connection if it is older than ``max_age`` seconds or failed; all waits share that."""
        opening, age = self._opening, time.monotonic() - self._opened_at
        if opening.done() and (age >= max_age or opening.cancelled() or opening.exception()):
            self._opening = asyncio.ensure_future(self._hook.refresh())
            self._opened_at = time.monotonic()
        # A cancelled wait leaves the look-up to the others.
        await asyncio.shield(self._opening)

    def _schedule(self, task: PollTask, key: str, delay: float) -> None:
        """Add a poll to the batch that is due in ``delay`` seconds."""
        loop = asyncio.get_running_loop()
        grid = LONG_BATCH_SECONDS if delay >= LONG_DELAY else timing().batch
        moment = grid * math.ceil((loop.time() + delay) / grid)
        batch = self._batches.get(moment)
        if batch is None:
            batch = self._batches[moment] = deque()
            self._timers[moment] = loop.call_at(moment, self._start, moment)
        batch.append((task, key))

    def _start(self, moment: float) -> None:
        del self._timers[moment]
        # One sender pool for all batches; a pool per batch would reserve hundreds of rate-limit slots during
        # a pause and throttle for minutes.
        self._due += self._batches.pop(moment)
        for _ in range(min(len(self._due), CONCURRENCY - len(self._senders))):
            self._senders.add(asyncio.ensure_future(self._send_due()))

    async def _send_due(self) -> None:
        try:
            while self._due:
                task, key = self._due.popleft()
                if not task.ended.done():
                    await self._poll_one(task, key)
                    # The responses to all senders arrive together. Reading them and sending as many requests
                    # in one iteration of the loop would block it for twice as long.
                    await asyncio.sleep(0)
        finally:
            # Not in a callback: a batch that starts before the callback would count a sender that has ended.
            self._senders.discard(asyncio.current_task())

    async def _poll_one(self, task: PollTask, key: str) -> None:
        try:
            self._apply(task, key, await self._judge(task, key))
        except Exception as error:  # any bug in reading or judging must end this wait only
            if not task.ended.done():
                task.ended.set_exception(error)

    def _apply(self, task: PollTask, key: str, decision: Decision) -> None:
        if task.ended.done():
            return
        delay = task.apply(decision)
        if delay is not None:
            self._schedule(task, key, delay)

    async def _judge(self, task: PollTask, key: str) -> Decision:
        wait = task.wait
        left = max(0.0, wait.policy.deadline - time.time())
        if left and (pause := self._pause_left()) > LONGEST_HOLD:
            return Decision(delay=min(pause, left))
        try:
            state = await self._poll(task, key, min(left, LONGEST_HOLD))
        except ApiError as error:
            return wait.on_error(key, error, now=time.time())
        return wait.on_state(key, state, now=time.time())

    def _pause_left(self) -> float:
        connection = self._hook.connection
        return connection.limiter.pause_left(time.monotonic()) if connection else 0.0

    async def _poll(self, task: PollTask, key: str, max_wait: float) -> Any:
        held = self._hook.connection
        if held is None:
            await self._refresh(max_age=math.inf)
        try:
            return await self._hook.run(task.poll(key), max_wait=max_wait)
        except ApiError as error:
            if error.kind is not ErrorKind.AUTHENTICATION:
                raise
            # The secret may have been rotated since the last look-up, however recent. Polls that are rejected
            # together share one look-up, and each wait causes at most one, because it ends otherwise.
            await self._refresh(max_age=0.0)
            if self._hook.connection == held:
                raise
            return await self._hook.run(task.poll(key), max_wait=max_wait)

    async def close(self) -> None:
        """Cancel everything in progress and close the client."""
        for timer in self._timers.values():
            timer.cancel()
        unfinished = [self._opening, *self._senders]
        for task in unfinished:
            task.cancel()
        try:
            await asyncio.gather(*unfinished, return_exceptions=True)
        finally:
            await self._hook.__aexit__()
