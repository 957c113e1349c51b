"""The heartbeat of a run's lock, on a thread of its own: listing a large source takes minutes."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from threading import Event, Thread
from typing import TYPE_CHECKING

from textin_provider.api.errors import ApiError
from textin_provider.api.text import one_line
from textin_provider.tasks.folder.lock import HEARTBEAT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from textin_provider.tasks.folder.lock import RunLock

log = logging.getLogger(__name__)


class Heartbeat:
    """Extends a lock again and again until it is lost or the run ends."""

    def __init__(self, lock: RunLock) -> None:
        self._lock = lock
        self._ended = Event()
        self._lost: ApiError | None = None
        self._thread = Thread(target=self._beat, name="textin-heartbeat", daemon=True)

    def _beat(self) -> None:
        while not self._ended.wait(HEARTBEAT):
            try:
                self._lock.beat()
            except ApiError as error:
                if not error.kind.is_transient:
                    self._lost = error
                    return
                log.warning("The lock of the output folder could not be extended: %s", one_line(error))
            except Exception as error:  # of any class: the next beat tries again
                log.warning("The lock of the output folder could not be extended: %s", one_line(error))

    def check(self) -> None:
        """Raise if the lock is lost."""
        if self._lost is not None:
            raise self._lost

    @contextmanager
    def beating(self) -> Iterator[None]:
        """Beat within the block."""
        self._thread.start()
        try:
            yield
        finally:
            self._ended.set()
            self._thread.join(timeout=HEARTBEAT)
