"""Asking how a job is: the ids that are asked for, the states and shapes that come back."""

from __future__ import annotations

import json
from typing import Any

import pytest

from textin_provider.api.errors import ApiError, ErrorKind
from textin_provider.api.protocol import Response, Service
from textin_provider.api.xparse.endpoints import get_job, is_unknown_job
from textin_provider.api.xparse.models import JobStatus, XParseJob


def read(data: Any, job_id: str = "c020", code: int = 200) -> XParseJob:
    return whole({"code": code, "data": data}, job_id)


def whole(envelope: dict[str, Any], job_id: str = "c020", status: int = 200) -> XParseJob:
    return get_job(job_id).read(Response(status, json.dumps(envelope).encode()))


def test_a_look_is_a_read_of_the_jobs_own_path() -> None:
    call = get_job("c020")

    assert (call.method, call.service, call.path) == (
        "GET",
        Service.XPARSE,
        "/api/v1/xparse/parse/async/c020",
    )
    assert call.is_read
    assert call.parts == ()


@pytest.mark.parametrize(
    "job_id", ["0" * 32, "a", "A-b_9", " c020 ", "c020\n", "x" * 128], ids=lambda value: repr(value[:12])
)
def test_an_id_is_asked_for_without_blanks_around_it(job_id: str) -> None:
    assert get_job(job_id).path.endswith(f"/{job_id.strip()}")


@pytest.mark.parametrize(
    "job_id",
    [
        "",
        " ",
        "None",
        "none",
        " NONE ",
        "..",
        "../balance",
        "a/b",
        "a\\b",
        "a%2Fb",
        "a?b",
        "a#b",
        "a b",
        "a\nb",
        "a.json",
        "a\x00b",
        "合同",
        "١٢٣",
        "{{ ti.xcom_pull() }}",
        "x" * 129,
        None,
        7,
        True,
        b"c020",
        ["c020"],
        {"job_id": "c020"},
    ],
    ids=lambda value: ascii(value)[:24],
)
def test_what_cannot_be_an_id_is_refused_by_name(job_id: Any) -> None:
    with pytest.raises(ApiError, match=r"^job_id=") as caught:
        get_job(job_id)

    assert caught.value.kind is ErrorKind.REQUEST


@pytest.mark.parametrize(
    ("reported", "status", "is_terminal"),
    [
        ("pending", JobStatus.PENDING, False),
        ("in_progress", JobStatus.IN_PROGRESS, False),
        ("completed", JobStatus.COMPLETED, True),
        ("failed", JobStatus.FAILED, True),
        (" Completed\n", JobStatus.COMPLETED, True),
        ("FAILED", JobStatus.FAILED, True),
        ("suspended", JobStatus.UNKNOWN, False),
        ("partial_completed", JobStatus.PARTIAL_COMPLETED, True),
        ("Partial_Failed", JobStatus.PARTIAL_COMPLETED, True),
        ("stopped", JobStatus.STOPPED, True),
        ("deleted", JobStatus.DELETED, True),
        ("cancelled", JobStatus.CANCELLED, True),
        ("canceled", JobStatus.CANCELLED, True),
        ("unknown", JobStatus.UNKNOWN, False),
        ("", JobStatus.UNKNOWN, False),
        ("完成", JobStatus.UNKNOWN, False),
    ],
)
def test_a_state_is_understood_or_unknown(reported: str, status: JobStatus, is_terminal: bool) -> None:
    job = read({"status": reported})

    assert job.status is status
    assert job.status.is_terminal is is_terminal


def test_a_job_keeps_the_word_that_is_not_known() -> None:
    assert read({"status": "Suspended"}).reported == "suspended"
    assert len(read({"status": "x\ny" * 1000}).reported) <= 500


@pytest.mark.parametrize(
    "data", [None, [], {}, {"status": None}, {"status": 3}, {"status": ["failed"]}], ids=repr
)
def test_an_answer_without_a_state_is_a_fault_that_may_pass(data: object) -> None:
    with pytest.raises(ApiError) as caught:
        read(data)

    assert caught.value.kind is ErrorKind.SERVER


def test_all_fields_are_read() -> None:
    data = {"job_id": "c020", "file_id": "f1", "status": "completed", "result_url": "https://h/r", "new": 1}

    assert read(data) == XParseJob("c020", "completed", "f1", "https://h/r", None)


@pytest.mark.parametrize("value", [None, "", [], {}, 1.5], ids=repr)
def test_missing_and_odd_fields_are_tolerated(value: object) -> None:
    job = read({"status": "failed", "file_id": value, "result_url": value, "job_id": value})

    assert job == XParseJob("c020", "failed")


def test_ids_stay_text_and_the_job_is_the_one_asked_for() -> None:
    job = read({"status": "pending", "file_id": 123, "job_id": "another"})

    assert (job.job_id, job.file_id) == ("c020", "123")


@pytest.mark.parametrize("message", ["no pages", {"zh": "x"}, 7], ids=repr)
def test_the_reason_of_a_failed_job_is_text(message: object) -> None:
    assert read({"status": "failed", "message": message}).message == str(message)


@pytest.mark.parametrize(
    ("data", "envelope", "reason"),
    [
        ({"message": "no pages"}, {"message": "success"}, "no pages"),
        ({"message": "no pages", "error_message": "other"}, {"message": "third"}, "no pages"),
        ({"error_message": "no pages"}, {"message": "success"}, "no pages"),
        ({"message": "success", "error_message": "no pages"}, {}, "no pages"),
        ({"message": None, "error_message": ""}, {"message": "no pages"}, "no pages"),
        ({"message": "Success"}, {"message": "success", "msg": "no\npages"}, "no pages"),
        ({"message": "success"}, {"message": "success", "msg": None}, None),
        ({}, {}, None),
    ],
    ids=str,
)
def test_the_reason_of_a_failed_job_is_the_first_that_says_something(
    data: dict[str, Any], envelope: dict[str, Any], reason: str | None
) -> None:
    assert whole({"code": 200, **envelope, "data": {"status": "failed", **data}}).message == reason


@pytest.mark.parametrize("status", ["pending", "in_progress", "completed", "unheard_of"])
def test_the_message_of_an_envelope_is_no_reason_of_a_job_that_did_not_fail(status: str) -> None:
    assert whole({"code": 200, "message": "OK", "data": {"status": status}}).message is None


@pytest.mark.parametrize("status", [301, 401, 403, 404, 410, 502])
def test_a_gateway_says_nothing_about_a_job(status: int) -> None:
    with pytest.raises(ApiError) as caught:
        whole({"code": 404, "message": "no route"}, status=status)

    assert caught.value.kind is ErrorKind.SERVER
    assert not is_unknown_job(caught.value.kind, caught.value.code)
    assert "this connection's account" not in str(caught.value)


@pytest.mark.parametrize(
    ("envelope", "status", "is_unknown"),
    [
        ({"code": 40004}, 200, True),
        ({"code": 40004}, 404, True),
        ({"code": 404}, 200, True),
        ({"code": 404, "x_request_id": "r"}, 404, True),
        ({"code": 400}, 200, False),
        ({"code": 40400}, 404, False),
        ({"code": 41234}, 200, False),
        ({"code": 40102}, 200, False),
        ({"code": 500}, 200, False),
    ],
    ids=str,
)
def test_only_two_codes_say_that_a_job_is_unknown(
    envelope: dict[str, Any], status: int, is_unknown: bool
) -> None:
    with pytest.raises(ApiError) as caught:
        whole(envelope, status=status)

    assert is_unknown_job(caught.value.kind, caught.value.code) is is_unknown


def test_a_job_that_is_not_known_names_the_account_as_a_cause() -> None:
    with pytest.raises(ApiError) as caught:
        read({"message": "Job not found"}, code=40004)

    assert caught.value.kind is ErrorKind.REQUEST
    assert "xParse job c020" in str(caught.value)
    assert "Job not found" in str(caught.value)
    assert "this connection's account" in str(caught.value)


JOBS = [
    XParseJob("1", "pending"),
    XParseJob("1", "completed", "f", "https://h/r"),
    XParseJob("1", "failed", message="no pages"),
    XParseJob("1", "suspended", "f"),
]


@pytest.mark.parametrize("job", JOBS, ids=lambda job: job.reported)
def test_a_job_becomes_plain_json_and_back(job: XParseJob) -> None:
    assert XParseJob.from_dict(json.loads(json.dumps(job.to_dict()))) == job


def test_a_job_is_described_with_the_promised_keys() -> None:
    assert set(JOBS[0].to_dict()) == {"job_id", "file_id", "status", "result_url", "message"}


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://h/r?sig=1#x", "https://h/r"),
        ("https://h/r#x?y", "https://h/r"),
        ("https://h?x", "https://h"),
        ("https://h/r", "https://h/r"),
        (None, None),
    ],
)
def test_the_described_url_has_no_query(url: str | None, expected: str | None) -> None:
    assert XParseJob("1", "completed", result_url=url).to_dict()["result_url"] == expected


def test_a_completed_job_can_be_downloaded_from_its_whole_url() -> None:
    assert (
        XParseJob("1", "completed", result_url="https://h/r?sig=1").downloadable_url() == "https://h/r?sig=1"
    )


@pytest.mark.parametrize(
    ("job", "kind", "words"),
    [
        (XParseJob("1", "completed"), ErrorKind.RESULT, "completed without a result_url"),
        (XParseJob("1", "pending", result_url="https://h/r"), ErrorKind.RESULT, "status is 'pending'"),
        (XParseJob("1", "suspended"), ErrorKind.RESULT, "status is 'suspended'"),
        (XParseJob("1", "failed", message="no pages"), ErrorKind.JOB_FAILED, "no pages"),
        (XParseJob("1", "failed"), ErrorKind.JOB_FAILED, "TextIn gave no reason"),
    ],
    ids=["no url", "pending", "unknown", "failed", "failed without reason"],
)
def test_any_other_job_cannot_be_downloaded(job: XParseJob, kind: ErrorKind, words: str) -> None:
    with pytest.raises(ApiError, match=words) as caught:
        job.downloadable_url()

    assert caught.value.kind is kind
    assert "xParse job 1" in str(caught.value)
