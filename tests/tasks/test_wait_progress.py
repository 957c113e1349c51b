"""The progress of a wait, as deferrals and the task state store keep it."""

from __future__ import annotations

import json

from airflow.serialization.serialized_objects import BaseSerialization

from textin_provider.api.xparse import XParseJob
from textin_provider.polling.policy import PollPolicy
from textin_provider.polling.xparse import JobWait
from textin_provider.tasks.wait_progress import WaitProgress

IDS = [f"{number:032x}" for number in range(1000)]
MYSQL_TEXT = 65_535


def job(job_id: str) -> XParseJob:
    return XParseJob(job_id, "completed", job_id, f"https://api.textin.com/api/v1/xparse/results/{job_id}")


def test_what_is_kept_and_the_event_fit_one_text_column_of_mysql() -> None:
    wait = JobWait(IDS, PollPolicy(1.0, 4e9, 1.0))
    for job_id in IDS:
        event = wait.on_state(job_id, job(job_id), now=0.0).event
    kept = {"deadline": 4e9, "deferrals": 9, **WaitProgress.of(1000, IDS, map(job, IDS)).to_dict()}
    assert len(kept["jobs"]) > 80
    assert len(json.dumps(BaseSerialization.serialize({**kept, "event": event}))) < MYSQL_TEXT


def test_jobs_after_the_index_are_kept_first() -> None:
    kept = [value["job_id"] for value in WaitProgress.of(950, IDS, map(job, IDS)).jobs]
    assert kept[:50] == IDS[950:]
    assert kept[50:] == IDS[: len(kept) - 50]


def test_jobs_are_read_as_they_were_kept() -> None:
    progress = WaitProgress.of(1, IDS, [job(IDS[0]), job(IDS[1])])
    assert progress.read() == [job(IDS[1]), job(IDS[0])]
    assert WaitProgress(**json.loads(json.dumps(progress.to_dict()))).read() == progress.read()
