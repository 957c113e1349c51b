"""The waits of the long run: drawn by chance from a seed, each with the end that it must come to."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from benchmarks.textin import TEXTIN
from benchmarks.triggerer import Stored, batch_wait, our_waits
from textin_provider.testing import FileScript, JobScript

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Seconds that what is waited for takes, or that a wait for what never ends is given.
SHORTEST, LONGEST = 3.0, 75.0
#: These are used by one wait now and then, so that their pollers open and close all the time.
RARELY_USED = tuple(f"bench_rare_{number}" for number in range(5))
#: Seconds that the triggerer may take to cancel a wait, which may end by itself meanwhile; a busy machine may
#: keep it from its turn for some of them.
MOST_TO_CANCEL = 15.0
_NEVER = JobScript(status="never")


@dataclass(frozen=True)
class Plan:
    """
    One wait: what TextIn works on, how the wait looks at it, and how it must end.

    :param jobs: the jobs that it waits for; none if it waits for a DocFlow batch of these ``files``.
    :param is_list: whether the trigger gets a list of ids.
    :param seconds: when TextIn is done, or when the wait's deadline is; it must not end before.
    :param spare: by how much later it may be done, where that depends on how often it was asked.
    :param ending: the ending that its event names.
    :param cancel_after: the seconds after which its task is cleared, None if it is not.
    """

    conn_id: str
    interval: float
    exponential_backoff: bool
    jobs: tuple[JobScript, ...] = ()
    files: tuple[FileScript, ...] = ()
    is_list: bool = False
    seconds: float = 0.0
    spare: float = 0.0
    ending: str = "terminal"
    cancel_after: float | None = None


def draw(number: int, seed: int) -> Plan:
    """Return the plan of the wait of that number: always the same for the same seed."""
    chance = random.Random(f"{seed}/{number}")
    pace: dict[str, Any] = {
        "conn_id": chance.choice(RARELY_USED) if chance.random() < 0.005 else TEXTIN,
        "interval": chance.choice([2.0, 5.0, 5.0, 10.0]),
        "exponential_backoff": chance.random() < 0.1,
    }
    make = chance.choices([_one_job, _vanishing_job, _endless_job, _many_jobs, _batch], [75, 3, 7, 5, 10])[0]
    plan: dict[str, Any] = make(chance, pace["interval"])
    if not plan.get("spare") and chance.random() < 0.08:
        # Some are cleared at once, before they began or while their client opens.
        pace["cancel_after"] = 0.0 if chance.random() < 0.25 else chance.uniform(0.0, 0.8) * plan["seconds"]
    return Plan(**pace, **plan)


def _one_job(chance: random.Random, _: float) -> dict[str, Any]:
    job = _job(chance)
    return {"jobs": (job,), "seconds": _length(job)}


def _vanishing_job(chance: random.Random, interval: float) -> dict[str, Any]:
    polls = chance.randint(1, 3)
    return {
        "jobs": (JobScript(status="never", vanish=polls),),
        "spare": (polls + 1) * max(1.1 * interval, 10.0),
        "ending": "fault",
    }


def _endless_job(chance: random.Random, _: float) -> dict[str, Any]:
    # A state that nobody knows is no end either.
    job = chance.choice([_NEVER, JobScript(status="stopped", pending_seconds=1.0, processing_seconds=1.0)])
    return {"jobs": (job,), "seconds": chance.uniform(SHORTEST, LONGEST), "ending": "timeout"}


def _many_jobs(chance: random.Random, _: float) -> dict[str, Any]:
    jobs = tuple(_job(chance) for _ in range(chance.randint(1, 30)))
    return {"jobs": jobs, "seconds": max(map(_length, jobs)), "is_list": True}


def _batch(chance: random.Random, _: float) -> dict[str, Any]:
    files = tuple(_file(chance) for _ in range(chance.randint(1, 12)))
    if chance.random() < 0.1:
        endless = (*files, FileScript(status="never"))
        return {"files": endless, "seconds": chance.uniform(SHORTEST, LONGEST), "ending": "timeout"}
    return {"files": files, "seconds": max((file.processing_seconds or 0.0) for file in files)}


def _job(chance: random.Random) -> JobScript:
    pending, whole = chance.uniform(0.0, 2.0), chance.uniform(SHORTEST, LONGEST)
    return JobScript(
        status="failed" if chance.random() < 0.15 else "completed",
        pending_seconds=pending,
        processing_seconds=whole - pending,
        # Nobody downloads it, so no document need be read for it.
        result_bytes=1024,
    )


def _file(chance: random.Random) -> FileScript:
    status = chance.choices([1, 2, 10], [8, 1, 1])[0]
    return FileScript(
        status=status,
        failure_causes="the page is empty" if status == 2 else None,
        processing_seconds=chance.uniform(SHORTEST, LONGEST),
        visible_after_seconds=chance.choice([0.0, 0.0, 3.0]),
    )


def _length(job: JobScript) -> float:
    return (job.pending_seconds or 0.0) + (job.processing_seconds or 0.0)


@dataclass
class Wait:
    """
    A wait that has begun.

    :param ids: the jobs' ids, or the number of the batch.
    :param begun: just before TextIn was told of what is waited for, on the clock that all processes share.
    :param told: just after that.
    :ivar cleared_at: when the triggerer was told to cancel it, None if it was not.
    """

    number: int
    plan: Plan
    ids: Sequence[str]
    begun: float
    told: float = field(default_factory=time.monotonic)
    cleared_at: float | None = None

    def stored(self, workspace_id: str) -> Stored:
        """Return its trigger as a deferred sensor leaves it behind."""
        plan = self.plan
        if plan.files:
            path, arguments = batch_wait(self.ids[0], workspace_id, plan.interval)
            arguments["expected_files"] = len(plan.files)
        else:
            job_id = list(self.ids) if plan.is_list else self.ids[0]
            [(path, arguments)] = our_waits([job_id], plan.interval)
        if plan.ending == "timeout":
            arguments |= {"timeout": plan.seconds, "deadline": time.time() + plan.seconds}
        pace = {"exponential_backoff": plan.exponential_backoff, "max_wait": 10.0}
        return path, arguments | pace | {"textin_conn_id": plan.conn_id}

    @property
    def due(self) -> float:
        """When it ends at the latest if the next look comes at once and goes well."""
        return self.told + self.plan.seconds + self.plan.spare

    def objection(self, how: str, payload: Any, at: float) -> str | None:
        """Return what is wrong with its end, None if it is the one that was planned."""
        if self.cleared_at is not None:
            if how == "cancelled":
                return None
            if at > self.cleared_at + MOST_TO_CANCEL:
                return f"{at - self.cleared_at:.1f} s after it was cleared: {how} {payload}"
        if how != "event":
            return f"{how}: {payload}"
        if payload.get("ending") != self.plan.ending:
            return f"{self.plan.ending!r} was planned, and not {payload}"
        if at < self.begun + self.plan.seconds:
            return f"it ended {self.begun + self.plan.seconds - at:.1f} s before TextIn was done"
        if self.plan.ending == "fault":
            kind = payload["fault"]["kind"]
            return None if kind == "request" else f"TextIn forgot the job, and yet the fault is {payload}"
        if self.plan.jobs and self.plan.ending == "terminal":
            planned = {job_id: job.status for job_id, job in zip(self.ids, self.plan.jobs, strict=True)}
            told = {job["job_id"]: job["status"] for job in payload["jobs"]}
            return None if told == planned else f"{planned} was planned, and not {told}"
        return None
