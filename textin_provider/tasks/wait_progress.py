"""
How far the wait for a list of jobs is: what it keeps from one process to the next.

A deferral keeps it among its arguments, reschedule mode in Airflow's task state store.
"""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from textin_provider.api.text import one_line
from textin_provider.api.xparse.models import XParseJob
from textin_provider.polling.xparse import jobs_to_keep

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from textin_provider.tasks.job_store import StateStore

log = logging.getLogger(__name__)

#: The key of the progress among the values of the task instance.
PROGRESS_KEY = "textin_wait_progress"


@dataclass(frozen=True)
class WaitProgress:
    """
    The jobs of a list that have ended.

    :param ended: the ids before this index, in polling order, have ended.
    :param jobs: the jobs that were read, as plain values: as many as there is room for.
    """

    ended: int = 0
    jobs: tuple[dict[str, Any], ...] = ()

    @classmethod
    def of(cls, ended: int, ids: Sequence[str], read: Iterable[XParseJob]) -> WaitProgress:
        """Return the progress with the jobs that were read, those after the index first."""
        later = set(ids[ended:])
        return cls(ended, tuple(jobs_to_keep(sorted(read, key=lambda job: job.job_id not in later))))

    def to_dict(self) -> dict[str, Any]:
        """Return the progress as plain values."""
        return {"ended": self.ended, "jobs": list(self.jobs)}

    def read(self) -> list[XParseJob]:
        """Return the jobs that were read."""
        return [XParseJob.from_dict(job) for job in self.jobs]


class ProgressStore:
    """
    Keeps the progress of a wait in the task state store (Airflow 3.3+), for the next poke.

    It saves requests and is nothing that a result depends on: if the store fails, the log says so.

    :param store: Airflow's task state store; with None nothing is kept.
    :param ids: the ids in polling order; progress of other ids is not read.
    """

    def __init__(self, store: StateStore | None, ids: Sequence[str]) -> None:
        self._store = store
        self._digest = hashlib.sha256("\n".join(ids).encode()).hexdigest()[:32]
        self._stored = WaitProgress()

    def load(self) -> WaitProgress:
        """Return the progress of earlier pokes."""
        if self._store is not None:
            try:
                value = self._store.get(PROGRESS_KEY)
                if value is not None and value["ids"] == self._digest:
                    self._stored = WaitProgress(int(value["ended"]), tuple(value["jobs"]))
                    self._stored.read()
            except Exception as error:  # of any class: an outage of Airflow's API, or a value of another kind
                self._stored = WaitProgress()
                log.warning("The progress of the wait could not be read, it begins anew: %s", one_line(error))
        return self._stored

    def save(self, progress: WaitProgress) -> None:
        """Keep the progress if it is new."""
        if self._store is None or progress == self._stored:
            return
        try:
            self._store.set(PROGRESS_KEY, {"ids": self._digest, **progress.to_dict()})
            self._stored = progress
        except Exception as error:  # of any class: an outage of Airflow's API
            log.warning("The progress of the wait could not be kept: %s", one_line(error))

    def delete(self) -> None:
        """Delete the progress of a wait that has ended, so that a cleared task polls anew."""
        if self._store is None or self._stored == WaitProgress():
            return
        try:
            self._store.delete(PROGRESS_KEY)
        except Exception as error:  # of any class: an outage of Airflow's API
            log.warning("The progress of the wait could not be deleted: %s", one_line(error))
