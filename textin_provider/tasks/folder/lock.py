"""
The lock of an output folder: one run at a time, on storages that know neither locks nor compare-and-set.

The lock is a file that names its holder and until when it holds. A run that finds none, or a stale one,
first writes a claim under a name of its own and lists all claims: of two runs that start together at least
one sees the other. The run whose claim has the lower name goes on; it waits until the others have withdrawn
theirs, and yields if one of them, which had not seen it, has taken the lock meanwhile.
"""

from __future__ import annotations

import json
import logging
import os
import socket
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from textin_provider.api.errors import ApiError, ErrorKind
from textin_provider.api.json_lines import json_line
from textin_provider.api.text import one_line

if TYPE_CHECKING:
    from textin_provider.hooks.tree import Tree

log = logging.getLogger(__name__)

LOCK = "lock.json"
_CLAIMS = "claims"
#: Seconds between two heartbeats, and after which a lock without any is stale. Clocks may differ by minutes.
HEARTBEAT = 30.0
_STALE_AFTER = 300.0
#: Seconds after which a claim is that of a process that died.
_CLAIM_SECONDS = 60.0
#: Seconds between two checks by a run that the lock is still its own.
_CHECK_INTERVAL = 5.0
WORKING = "working"
WAITING = "waiting"
FAILED = "failed"
_ONE_RUN = "Nothing was sent. Let one run at a time write there (max_active_runs=1)"


@dataclass(frozen=True)
class Holder:
    """
    The run that holds a lock.

    :param token: of the run; its later tries and its legs after a deferral keep it.
    :param since: when the run began, ISO 8601.
    :param valid_until: epoch seconds.
    :param state: ``"working"``; ``"waiting"`` while deferred; ``"failed"`` after the run has ended so.
    """

    dag_id: str
    run_id: str
    task_id: str
    map_index: int
    try_number: int
    token: str
    host: str
    pid: int
    since: str
    valid_until: float = 0.0
    state: str = WORKING

    @classmethod
    def of(cls, ti: Any, token: str) -> Holder:
        """Return the holder for a task instance; a task that runs alone has none."""
        return cls(
            dag_id=str(getattr(ti, "dag_id", "")),
            run_id=str(getattr(ti, "run_id", "")),
            task_id=str(getattr(ti, "task_id", "")),
            map_index=int(getattr(ti, "map_index", -1)),
            try_number=int(getattr(ti, "try_number", 1)),
            token=token,
            host=socket.gethostname(),
            pid=os.getpid(),
            since=datetime.now(UTC).isoformat(timespec="seconds"),
        )

    def is_task_of(self, other: Holder) -> bool:
        """Whether both are the same task instance, in whichever try."""
        names = ("dag_id", "run_id", "task_id", "map_index")
        return all(getattr(self, name) == getattr(other, name) for name in names)

    def is_live(self, now: float) -> bool:
        """Whether it still holds the lock."""
        return self.state != FAILED and now < self.valid_until

    def __str__(self) -> str:
        mapped = f"[{self.map_index}]" if self.map_index >= 0 else ""
        return f"task {self.task_id}{mapped} of DAG {self.dag_id}, run {self.run_id}"


def continued(me: Holder, found: Holder | None) -> Holder:
    """Return the holder of a new try: it keeps token and begin of an earlier try that did not succeed."""
    if found is None or not me.is_task_of(found):
        return me
    is_later = me.try_number > found.try_number or found.state != FAILED
    return Holder(**{**asdict(me), "token": found.token, "since": found.since}) if is_later else me


class RunLock:
    """
    The lock of an output folder, held by one run.

    :param tree: the folder of the state.
    :ivar holder: this run.
    """

    def __init__(self, tree: Tree, holder: Holder) -> None:
        self._tree = tree
        self._process = f"{time.time_ns():020d}-{os.getpid()}-{os.urandom(4).hex()}"
        self.holder = holder
        self._checked_at = 0.0

    def acquire(self) -> Holder:
        """
        Take the lock, and return the holder as it stands in it.

        :raises ApiError: if another run holds it, named in the error.
        """
        self._refuse_second(self._read())
        claim = f"{_CLAIMS}/{self._process}.json"
        self._tree.write(claim, json_line(asdict(self.holder)))
        try:
            self._wait_for_claims(claim)
            found = self._read()
            self._refuse_second(found)
            may_be_alive = self._may_be_alive(found)
            self.holder = continued(self.holder, found)
            self._write(WORKING, time.time() + _STALE_AFTER)
            if may_be_alive:
                # It checks the lock before each submit, though not each time: then it has noticed.
                time.sleep(_CHECK_INTERVAL + 1.0)
        finally:
            self._tree.delete([claim])
        return self.holder

    def _may_be_alive(self, found: Holder | None) -> bool:
        """Return whether the process of an earlier try may still work, such as one that Airflow has lost."""
        if found is None or found.state != WORKING or not found.is_live(time.time()):
            return False
        if found.host != self.holder.host:
            return True
        try:
            os.kill(found.pid, 0)
        except ProcessLookupError:
            return False
        except OSError:  # it is another user's
            return True
        return found.pid != os.getpid()

    def _refuse_second(self, found: Holder | None) -> None:
        if found is None or found.is_task_of(self.holder) or not found.is_live(time.time()):
            return
        until = datetime.fromtimestamp(found.valid_until, UTC).isoformat(timespec="seconds")
        waits = f"is deferred at most until {until}" if found.state == WAITING else f"works on {found.host}"
        raise self._error(f"{found} holds it since {found.since}, and {waits}", _ONE_RUN)

    def _error(self, message: str, fix: str) -> ApiError:
        about = f"Output folder {self._tree.root.text.removesuffix('/.textin')}"
        return ApiError(ErrorKind.REQUEST, about=about, message=message, fix=fix)

    def _wait_for_claims(self, own: str) -> None:
        """Yield to a run that claims the lock too with a lower name, and wait for those with higher ones."""
        deadline = time.monotonic() + _CLAIM_SECONDS
        while others := self._claims(own):
            lower = [name for name in others if name < own.removeprefix(f"{_CLAIMS}/")]
            if lower:
                raise self._error(f"{others[lower[0]]} is starting there at this moment", _ONE_RUN)
            if time.monotonic() > deadline:
                return
            time.sleep(0.2)
            self._refuse_second(self._read())

    def _claims(self, own: str) -> dict[str, Holder | None]:
        """Return the claims of other tasks that are starting now; those of dead processes are deleted."""
        others: dict[str, Holder | None] = {}
        dead: list[str] = []
        oldest = time.time_ns() - int(_CLAIM_SECONDS * 1e9)
        for found in self._tree.below(_CLAIMS).files():
            began, name = found.name.partition("-")[0], f"{_CLAIMS}/{found.name}"
            content = None if name == own else self._tree.read_if_exists(name)
            holder = _parsed(content) if content else None
            if holder and not holder.is_task_of(self.holder) and began.isdecimal() and int(began) >= oldest:
                others[found.name] = holder
            elif name != own:
                dead.append(name)
        if dead:
            self._tree.delete(dead)
        return others

    def _read(self) -> Holder | None:
        content = self._tree.read_if_exists(LOCK)
        if content is None:
            return None
        holder = _parsed(content)
        if holder is None:
            fix = "Nothing was sent. Delete the file if no run is active"
            about = f"Lock {self._tree.path(LOCK)}"
            raise ApiError(ErrorKind.REQUEST, about=about, message="it is not a lock", fix=fix)
        return holder

    def _write(self, state: str, valid_until: float) -> None:
        self.holder = Holder(**{**asdict(self.holder), "state": state, "valid_until": valid_until})
        content = asdict(self.holder) | {"process": self._process}
        self._tree.write(LOCK, json_line(content))
        self._checked_at = time.monotonic()

    def check(self) -> None:
        """
        Check before a submit that the lock is still this process's.

        :raises ApiError: if another process has taken it, such as a later try of the task.
        """
        if time.monotonic() - self._checked_at < _CHECK_INTERVAL:
            return
        content = self._tree.read_if_exists(LOCK) or b"{}"
        self._checked_at = time.monotonic()
        if _process_of(content) != self._process:
            message = "another process has taken its lock, such as a later try of this task"
            raise self._error(message, "This process sends no more; the other one goes on from the ledger")

    def beat(self) -> None:
        """Extend the lock while the run works."""
        self._checked_at = 0.0
        self.check()
        self._write(WORKING, time.time() + _STALE_AFTER)

    def wait_until(self, deadline: float) -> None:
        """Say that the run is deferred, until the deadline at most."""
        self._write(WAITING, deadline)

    def release(self, *, failed: bool) -> None:
        """Release the lock; a failed run leaves its name for its next try. Errors are only logged."""
        try:
            content = self._tree.read_if_exists(LOCK)
            if content is None or _process_of(content) != self._process:
                return
            if failed:
                self._write(FAILED, 0.0)
            else:
                self._tree.delete([LOCK])
        except Exception as error:  # of any class: the lock becomes stale by itself
            log.warning("The lock of the output folder could not be released: %s", one_line(error))


def _parsed(content: bytes) -> Holder | None:
    try:
        value = json.loads(content)
        value.pop("process", None)
        return Holder(**value)
    except (ValueError, TypeError, AttributeError):
        return None


def _process_of(content: bytes) -> str | None:
    try:
        value = json.loads(content)
        return str(value["process"])
    except (ValueError, TypeError, KeyError):
        return None
