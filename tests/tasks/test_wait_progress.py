"""The progress of a wait, as deferrals and the task state store keep it."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from airflow.serialization.serialized_objects import BaseSerialization

from tests.tasks.submitting import DOWN, BrokenStore, Store
from textin_provider.api.xparse import XParseJob
from textin_provider.polling.policy import PollPolicy
from textin_provider.polling.xparse import JobWait
from textin_provider.tasks.wait_progress import PROGRESS_KEY, ProgressStore, WaitProgress

IDS = [f"{number:032x}" for number in range(1000)]
#: Of the ids a and b.
DIGEST = "7e18f737311b2dc3b2f269dd78396b03"
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


def progress_of_two() -> WaitProgress:
    return WaitProgress.of(1, IDS[:3], [job(IDS[0]), job(IDS[1])])


def test_no_progress_is_an_empty_one() -> None:
    assert WaitProgress().to_dict() == {"ended": 0, "jobs": []}
    assert WaitProgress().read() == []
    assert ProgressStore(Store(), IDS).load() == WaitProgress()


def test_kept_progress_is_loaded_by_the_next_poke_for_the_same_ids_alone() -> None:
    store = Store()
    ProgressStore(store, IDS[:3]).save(progress_of_two())
    assert set(store) == {PROGRESS_KEY}
    assert ProgressStore(store, IDS[:3]).load() == progress_of_two()
    for others in (IDS[:2], IDS[2::-1], ["".join(IDS[:3])]):
        assert ProgressStore(store, others).load() == WaitProgress()


def test_progress_stays_readable_over_releases() -> None:
    store = Store({PROGRESS_KEY: {"ids": DIGEST, "ended": 2, "jobs": [job("b").to_dict()]}})
    loaded = ProgressStore(store, ["a", "b"]).load()
    assert (loaded.ended, loaded.read()) == (2, [job("b")])


def test_only_new_progress_is_written() -> None:
    store = Store()
    pokes = ProgressStore(store, IDS)
    pokes.save(WaitProgress())
    assert store == {}
    pokes.save(WaitProgress(1))
    store.clear()
    pokes.save(WaitProgress(1))
    assert store == {}
    pokes.save(WaitProgress(2))
    assert store[PROGRESS_KEY]["ended"] == 2


def test_loaded_progress_is_not_written_again() -> None:
    store = Store()
    ProgressStore(store, IDS).save(WaitProgress(7))
    pokes = ProgressStore(store, IDS)
    pokes.load()
    store.clear()
    pokes.save(WaitProgress(7))
    assert store == {}


def test_progress_of_a_wait_that_has_ended_is_deleted() -> None:
    store = Store()
    pokes = ProgressStore(store, IDS)
    pokes.save(WaitProgress(1))
    pokes.delete()
    assert store == {}


def test_nothing_is_deleted_where_nothing_is_kept(caplog: pytest.LogCaptureFixture) -> None:
    ProgressStore(BrokenStore(), IDS).delete()
    assert caplog.messages == []


def test_without_a_store_nothing_is_kept_and_nothing_logged(caplog: pytest.LogCaptureFixture) -> None:
    pokes = ProgressStore(None, IDS)
    pokes.save(WaitProgress(1))
    assert pokes.load() == WaitProgress()
    pokes.delete()
    assert caplog.messages == []


def test_a_broken_store_is_logged_and_costs_the_progress_alone(caplog: pytest.LogCaptureFixture) -> None:
    store = BrokenStore(writes=1)
    pokes = ProgressStore(store, IDS)
    pokes.save(WaitProgress(1))
    with caplog.at_level(logging.WARNING, logger="textin_provider.tasks.wait_progress"):
        assert ProgressStore(BrokenStore(), IDS).load() == WaitProgress()
        pokes.save(WaitProgress(2))
        pokes.delete()
    assert caplog.messages == [
        f"The progress of the wait could not be read, it begins anew: {DOWN}",
        f"The progress of the wait could not be kept: {DOWN}",
        f"The progress of the wait could not be deleted: {DOWN}",
    ]
    assert store[PROGRESS_KEY]["ended"] == 1


def test_progress_that_could_not_be_kept_is_written_the_next_time() -> None:
    store = BrokenStore()
    pokes = ProgressStore(store, IDS)
    pokes.save(WaitProgress(1))
    store.writes = 1
    pokes.save(WaitProgress(1))
    assert store[PROGRESS_KEY]["ended"] == 1


@pytest.mark.parametrize(
    "value",
    [
        7,
        {},
        {"ids": DIGEST},
        {"ids": DIGEST, "ended": 1, "jobs": [{}]},
        {"ids": DIGEST, "ended": "x", "jobs": []},
    ],
)
def test_a_value_of_another_kind_begins_anew(value: Any, caplog: pytest.LogCaptureFixture) -> None:
    assert ProgressStore(Store({PROGRESS_KEY: value}), ["a", "b"]).load() == WaitProgress()
    assert [message.partition(": ")[0] for message in caplog.messages] == [
        "The progress of the wait could not be read, it begins anew"
    ]
