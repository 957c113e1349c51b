"""The jobs that a process has in work: when one more would be refused, and when to poll the oldest."""

from __future__ import annotations

import pytest

from textin_provider.api.jobs_in_work import JobsInWork


def in_work(count: int, most: int = 0) -> JobsInWork:
    """Submit a job each second from 0 on."""
    jobs = JobsInWork()
    jobs.configure("textin_default", most)
    for number in range(count):
        jobs.on_accepted(f"job-{number}", float(number))
    return jobs


def test_without_a_limit_there_is_always_room() -> None:
    jobs = in_work(99)
    assert len(jobs) == 99
    assert not jobs.is_full


@pytest.mark.parametrize(("count", "is_full"), [(0, False), (4, False), (5, True), (6, True)])
def test_a_limit_that_is_told_holds_from_the_beginning(count: int, is_full: bool) -> None:
    assert in_work(count, most=5).is_full is is_full


def test_the_lowest_limit_of_several_connections_holds() -> None:
    jobs = in_work(5, most=10)
    jobs.configure("other", 5)
    assert jobs.is_full
    jobs.configure("unknown", 0)
    assert jobs.is_full
    jobs.configure("other", 0)
    assert not jobs.is_full


def test_the_same_settings_again_do_not_undo_what_a_refusal_taught() -> None:
    jobs = in_work(3, most=5)
    jobs.on_refused()
    jobs.configure("textin_default", 5)
    assert jobs.is_full


def test_a_refusal_teaches_the_number_of_jobs_in_work() -> None:
    jobs = in_work(3)
    jobs.on_refused()
    assert jobs.is_full
    jobs.on_polled("job-1", 9.0, has_ended=True)
    assert not jobs.is_full
    jobs.on_accepted("job-3", 10.0)
    assert jobs.is_full


def test_a_refusal_without_known_jobs_teaches_nothing() -> None:
    jobs = in_work(0)
    jobs.on_refused()
    jobs.on_accepted("job", 0.0)
    assert not jobs.is_full


def test_a_hundred_accepted_submits_after_a_refusal_allow_one_more() -> None:
    jobs = in_work(2)
    jobs.on_refused()
    for number in range(100):
        jobs.forget(f"job-{number}")
        jobs.on_accepted(f"job-{number + 2}", 0.0)
    assert len(jobs) == 2
    assert not jobs.is_full


def test_jobs_beyond_a_hundred_are_forgotten_the_oldest_first() -> None:
    jobs = in_work(101)
    assert len(jobs) == 100
    assert jobs.next_poll(0.0) == ("job-1", 2.0)


def test_the_oldest_job_is_polled_first_and_again_after_a_growing_delay() -> None:
    jobs = in_work(2)
    assert jobs.next_poll(0.0) == ("job-0", 1.0)
    assert jobs.next_poll(7.0) == ("job-0", 0.0)
    jobs.on_polled("job-0", 8.0, has_ended=False)
    assert jobs.next_poll(8.0) == ("job-0", 0.8000000000000007)


def test_the_length_of_jobs_that_have_ended_tells_when_to_poll_the_next_one() -> None:
    jobs = in_work(2)
    jobs.on_polled("job-0", 40.0, has_ended=False)
    jobs.on_polled("job-0", 44.0, has_ended=True)
    assert jobs.next_poll(1.0) == ("job-1", 42.0)


def test_without_jobs_there_is_nothing_to_poll() -> None:
    jobs = in_work(1)
    jobs.on_polled("another", 1.0, has_ended=True)
    assert jobs.next_poll(1.0) is not None
    jobs.forget("job-0")
    jobs.forget("job-0")
    assert jobs.next_poll(1.0) is None
