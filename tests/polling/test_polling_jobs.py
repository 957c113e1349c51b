"""Many jobs at once: how they are parted, judged, and spoken of."""

from __future__ import annotations

import json

import pytest

from textin_provider.api.errors import ApiError, ErrorKind
from textin_provider.api.xparse.models import XParseJob
from textin_provider.polling.policy import PollPolicy
from textin_provider.polling.xparse import JobWait, chunk_for_trigger, failed_jobs, unstored_results

START = 1_800_000_000.0
IDS = [f"{number:032x}" for number in range(5_000)]
MYSQL_TEXT = 65_535


def wait(jobs: int | str, *, interval: float = 10, backoff: bool = False) -> JobWait:
    policy = PollPolicy(interval, START + 100, 100, exponential_backoff=backoff)
    return JobWait(jobs if isinstance(jobs, str) else IDS[:jobs], policy, chance=lambda: 0.5)


def job(number: int, reported: str = "completed", **fields: str) -> XParseJob:
    return XParseJob(IDS[number], reported, **fields)


def refusal(kind: ErrorKind = ErrorKind.REQUEST) -> ApiError:
    return ApiError(kind, about="xParse job: status", message="no such job", code=40400)


def test_a_wave_fits_a_text_column_of_mysql_when_it_is_encrypted() -> None:
    first = chunk_for_trigger(IDS)
    assert first == IDS[: len(first)]
    assert len(first) >= 900
    # Fernet makes three bytes four, and adds less than a hundred.
    assert len(json.dumps(first)) * 4 / 3 + 100 < MYSQL_TEXT - 10_000


def test_waves_of_long_ids_are_shorter() -> None:
    assert 200 < len(chunk_for_trigger(["x" * 128] * 5_000)) < 300


@pytest.mark.parametrize("jobs", [0, 1, 500])
def test_a_short_list_is_one_wave(jobs: int) -> None:
    assert chunk_for_trigger(IDS[:jobs]) == IDS[:jobs]


def test_a_list_has_ended_when_the_last_of_it_has() -> None:
    waiting = wait(3)

    verdicts = [waiting.on_state(IDS[number], job(number), now=START) for number in (2, 0, 1)]

    assert [decision.event for decision in verdicts[:2]] == [None, None]
    assert [decision.delay for decision in verdicts[:2]] == [None, None]
    assert verdicts[2].event == {
        "ending": "terminal",
        "jobs": [job(number).to_dict() for number in (2, 0, 1)],
    }


def test_each_job_has_a_pace_of_its_own() -> None:
    waiting = wait(2, backoff=True)
    often = [waiting.on_state(IDS[0], job(0, "pending"), now=START).delay for _ in range(3)]
    once = waiting.on_state(IDS[1], job(1, "pending"), now=START).delay
    assert [*often, once] == pytest.approx([10, 20, 40, 10])


def test_each_job_has_faults_of_its_own() -> None:
    waiting = wait(2)
    often = [waiting.on_error(IDS[0], refusal(ErrorKind.SERVER), now=START).delay for _ in range(3)]
    once = waiting.on_error(IDS[1], refusal(ErrorKind.SERVER), now=START).delay
    assert [*often, once] == pytest.approx([1, 2, 4, 1])


def test_an_unknown_id_of_a_list_has_failed_and_the_others_are_waited_for() -> None:
    waiting = wait(2)
    assert waiting.on_error(IDS[0], refusal(), now=START).event is None
    event = waiting.on_state(IDS[1], job(1), now=START).event
    assert event is not None
    assert [(seen["status"], seen["job_id"]) for seen in event["jobs"]] == [
        ("failed", IDS[0]),
        ("completed", IDS[1]),
    ]
    assert "no such job" in event["jobs"][0]["message"]


def test_the_only_id_that_is_unknown_ends_the_wait() -> None:
    event = wait(IDS[0]).on_error(IDS[0], refusal(), now=START).event
    assert event == {"ending": "fault", "fault": refusal().to_dict()}


@pytest.mark.parametrize("kind", [ErrorKind.AUTHENTICATION, ErrorKind.QUOTA, ErrorKind.CONFIGURATION])
def test_a_refusal_that_concerns_all_ends_the_wait(kind: ErrorKind) -> None:
    event = wait(500).on_error(IDS[7], refusal(kind), now=START).event
    assert event is not None
    assert event["ending"] == "fault"


def test_the_deadline_names_those_that_move_and_counts_the_rest() -> None:
    waiting = wait(30)
    for number in range(5):
        waiting.on_state(IDS[number], job(number), now=START)

    event = waiting.on_state(IDS[9], job(9, "pending"), now=START + 100).event

    assert event is not None
    assert "25 of 30 xParse jobs had not ended after timeout=100s" in event["message"]
    assert IDS[4] not in event["message"]
    assert IDS[5] in event["message"]
    assert "and 5 more" in event["message"]


def test_progress_is_told_once_an_interval() -> None:
    waiting = wait(100, interval=10)
    told = [waiting.on_state(IDS[second], job(second), now=START + second).message for second in range(30)]
    assert [line for line in told if line] == [
        "xParse jobs: 1 of 100 have ended, 0 failed.",
        "xParse jobs: 11 of 100 have ended, 0 failed.",
        "xParse jobs: 21 of 100 have ended, 0 failed.",
    ]


def test_an_unknown_status_is_warned_of_at_the_first_job_that_has_it() -> None:
    waiting = wait(100, interval=1)
    verdicts = [
        waiting.on_state(IDS[second], job(second, "suspended"), now=START + second) for second in range(30)
    ]
    assert [decision.is_warning for decision in verdicts] == [True] + [False] * 29
    assert IDS[0] in str(verdicts[0].message)


def test_an_event_carries_no_more_jobs_than_it_has_room_for() -> None:
    waiting = wait(900)
    for number in range(899):
        waiting.on_state(IDS[number], job(number, file_id=IDS[number], result_url="https://h/r"), now=START)

    event = waiting.on_state(IDS[899], job(899), now=START).event

    assert event is not None
    assert 100 < len(event["jobs"]) < 300
    assert len(json.dumps(event)) < MYSQL_TEXT / 2


def test_failed_jobs_are_named_with_their_reasons_and_the_rest_is_counted() -> None:
    error = failed_jobs([job(number, "failed", message=f"reason {number}") for number in range(23)], 500)
    assert error.kind is ErrorKind.JOB_FAILED
    assert "23 of 500 xParse jobs failed" in str(error)
    assert f"{IDS[19]}: reason 19; and 3 more" in str(error)
    assert "reason 20" not in str(error)


def test_the_only_job_speaks_for_itself() -> None:
    error = failed_jobs([job(7, "failed", message="page missing")], 1)
    assert str(error).startswith(f"xParse job {IDS[7]} failed: page missing")


@pytest.mark.parametrize(
    ("kinds", "telling"),
    [
        ([ErrorKind.JOB_FAILED, ErrorKind.TRANSPORT, ErrorKind.REQUEST], ErrorKind.TRANSPORT),
        ([ErrorKind.JOB_FAILED, ErrorKind.REQUEST], ErrorKind.JOB_FAILED),
    ],
    ids=["one passes", "none passes"],
)
def test_results_that_were_not_stored_are_tried_again_where_that_may_help(
    kinds: list[ErrorKind], telling: ErrorKind
) -> None:
    faults = [
        ApiError(kind, about=f"xParse job {number}", message=f"reason {number}")
        for number, kind in enumerate(kinds)
    ]
    error = unstored_results(faults, 500)
    assert error.kind is telling
    assert f"{len(kinds)} of 500 xParse results were not stored, the others are" in str(error)
    assert "xParse job 0: reason 0; xParse job 1: reason 1" in str(error)
