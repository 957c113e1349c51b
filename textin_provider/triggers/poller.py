"""
One poller per connection and event loop, which all waits in the process share.

A wait that polls on a timer and a client of its own wakes the loop, and opens a connection, for itself
alone. Here the waits are handed in, and the poller carries them on until they end: what falls due in the
same quarter second is sent together over one client, and judged as the answers come, with no task woken for
it. Everything that concerns all requests of a connection has its place here.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from contextlib import asynccontextmanager
from contextvars import copy_context
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias
from weakref import WeakKeyDictionary

from textin_provider.api.errors import ApiError, ErrorKind
from textin_provider.api.waiting import Decision
from textin_provider.hooks.aiohttp_transport import POOL_SIZE
from textin_provider.hooks.textin_async import TextInAsyncHook

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from textin_provider.api.protocol import Flow
    from textin_provider.api.waiting import Wait

    #: What falls due together: waits, and which of their keys to look at.
    Round: TypeAlias = "deque[tuple[PollTask, str]]"

#: Polls due within this many seconds of each other go out together.
BATCH_SECONDS = 0.25
#: Who waits for this long can as well wait for the full second: a full round costs less per poll than four
#: small ones, for between rounds the process has lost its place in the machine's caches.
LONG_DELAY = 4.0
LONG_BATCH_SECONDS = 1.0
#: Requests under way at once, of one connection and process: as many as the client has connections.
CONCURRENCY = POOL_SIZE
#: How long a sender may sit out a pause. In a longer one each look is put off, to its end or to the deadline
#: of its wait, whichever comes first: a look that stood in line behind the senders would miss the deadline.
LONGEST_HOLD = 5.0
#: How long a connection that was looked up serves those who join.
FRESH_SECONDS = 60.0

_pollers: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, Poller]] = WeakKeyDictionary()


@asynccontextmanager
async def join_poller(textin_conn_id: str) -> AsyncIterator[Poller]:
    """
    Share the poller of a connection on the running loop. The first to join opens it, the last closes it.

    :raises ApiError: if the connection is missing or malformed.
    """
    pollers = _pollers.setdefault(asyncio.get_running_loop(), {})
    # Nothing is awaited between looking and putting, or 500 waits that start at once would build 500 pollers.
    poller = pollers.get(textin_conn_id)
    if poller is None:
        poller = pollers[textin_conn_id] = Poller(textin_conn_id)
    poller.members += 1
    try:
        await poller.ready()
        yield poller
    finally:
        poller.members -= 1
        if poller.members == 0:
            del pollers[textin_conn_id]
            await poller.close()


class PollTask:
    """
    A wait that the poller carries on.

    :param look: makes a look at one of the keys of the wait, anew for each try.
    :param tell: logs the notice of a decision; it runs in the context of the trigger, which names its log.
    :ivar ended: the event that the wait ends with, or what went wrong in judging; cancelled with the trigger.
    """

    __slots__ = ("_context", "_tell", "ended", "look", "wait")

    def __init__(self, wait: Wait, look: Callable[[str], Flow[Any]], tell: Callable[[Decision], None]) -> None:
        self.wait = wait
        self.look = look
        self.ended: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._tell = tell
        self._context = copy_context()

    def apply(self, decision: Decision) -> float | None:
        """Do what a decision says; return the seconds to the next look at the same, None if there is none."""
        if decision.notice:
            self._context.run(self._tell, decision)
        if decision.event is not None:
            self.ended.set_result(decision.event)
        return decision.delay


class Poller:
    """
    Sends the reads of many waits in rounds over one client.

    :ivar members: how many waits share it.
    """

    def __init__(self, textin_conn_id: str) -> None:
        self.members = 0
        self._hook = TextInAsyncHook(textin_conn_id)
        self._opening = asyncio.ensure_future(self._hook.refresh())
        self._opened_at = time.monotonic()
        self._batches: dict[float, Round] = {}
        self._timers: dict[float, asyncio.TimerHandle] = {}
        self._due: Round = deque()
        self._sending: set[asyncio.Task[None]] = set()

    async def ready(self) -> None:
        """
        Wait until the client is open for what the connection says now.

        Whoever is cancelled meanwhile leaves the opening to the others.
        """
        await self._refresh(after=FRESH_SECONDS)

    async def _refresh(self, after: float) -> None:
        """Flow the connection up again if that many seconds have passed since the last time."""
        age = time.monotonic() - self._opened_at
        if self._opening.done() and (age >= after or _has_failed(self._opening)):
            self._opening = asyncio.ensure_future(self._hook.refresh())
            self._opened_at = time.monotonic()
        await asyncio.shield(self._opening)

    async def run(self, watch: PollTask) -> dict[str, Any]:
        """Carry a wait on to its end, and return the event that it ends with."""
        if not watch.wait.pending:
            raise ValueError("There is nothing to wait for.")
        now = time.time()
        for key in watch.wait.pending:
            self._put(watch, key, watch.wait.first_delay(now=now))
        return await watch.ended

    def _put(self, watch: PollTask, key: str, delay: float) -> None:
        """Put a look among what else is due in ``delay`` seconds."""
        loop = asyncio.get_running_loop()
        grid = LONG_BATCH_SECONDS if delay >= LONG_DELAY else BATCH_SECONDS
        moment = grid * math.ceil((loop.time() + delay) / grid)
        due = self._batches.get(moment)
        if due is None:
            due = self._batches[moment] = deque()
            self._timers[moment] = loop.call_at(moment, self._begin, moment)
        due.append((watch, key))

    def _begin(self, moment: float) -> None:
        del self._timers[moment]
        # All rounds share the senders. If each had its own, hundreds would pile up in a pause, and each book
        # a moment far from the next one's: for minutes no more than a few requests a second would be sent.
        self._due += self._batches.pop(moment)
        for _ in range(min(len(self._due), CONCURRENCY - len(self._sending))):
            self._sending.add(asyncio.ensure_future(self._send()))

    async def _send(self) -> None:
        try:
            while self._due:
                watch, key = self._due.popleft()
                if not watch.ended.done():
                    await self._poll_one(watch, key)
                    # The answers to all senders come together. To read them and send as many requests in the
                    # same turn of the loop would hold it up for twice as long.
                    await asyncio.sleep(0)
        finally:
            # Not in a callback: a round that begins before it would count on a sender that has ended.
            self._sending.discard(asyncio.current_task())

    async def _poll_one(self, watch: PollTask, key: str) -> None:
        try:
            decision = await self._judge(watch, key)
            if watch.ended.done():
                return
            delay = watch.apply(decision)
        except Exception as error:  # it is the trouble of this wait, whatever it is
            if not watch.ended.done():
                watch.ended.set_exception(error)
        else:
            if delay is not None:
                self._put(watch, key, delay)

    async def _judge(self, watch: PollTask, key: str) -> Decision:
        wait = watch.wait
        left = max(0.0, wait.pace.deadline - time.time())
        if left and (pause := self._pause_left()) > LONGEST_HOLD:
            return Decision(delay=min(pause, left))
        try:
            seen = await self._take(partial(watch.look, key), min(left, LONGEST_HOLD))
        except ApiError as fault:
            return wait.on_error(key, fault, now=time.time())
        return wait.on_state(key, seen, now=time.time())

    def _pause_left(self) -> float:
        connection = self._hook.connection
        return connection.limiter.pause_left(time.monotonic()) if connection else 0.0

    async def _take(self, look: Callable[[], Flow[Any]], max_wait: float) -> Any:
        held = self._hook.connection
        try:
            return await self._hook.look(look(), max_wait=max_wait)
        except ApiError as fault:
            if fault.kind is not ErrorKind.AUTHENTICATION:
                raise
            # The secret may have been rotated since it was looked up, however short ago that was. Those that
            # are refused together share one look at the connection, and each has one at most, for it ends.
            await self._refresh(after=0.0)
            if self._hook.connection == held:
                raise
            return await self._hook.look(look(), max_wait=max_wait)

    async def close(self) -> None:
        """Stop everything that is under way and close the client."""
        for timer in self._timers.values():
            timer.cancel()
        unfinished = [self._opening, *self._sending]
        for task in unfinished:
            task.cancel()
        try:
            await asyncio.gather(*unfinished, return_exceptions=True)
        finally:
            await self._hook.__aexit__()


def _has_failed(task: asyncio.Future[Any]) -> bool:
    return task.cancelled() or task.exception() is not None
