"""Requests that TextIn refuses at the limit of the account wait for their turn."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from textin_provider.exceptions import TextInRateLimitError, TextInRequestError
from textin_provider.testing import ScriptedFault, TextInServer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.hooks.support import Connect, Pauses
    from textin_provider.hooks.textin import TextInHook

REFUSALS = [
    *({"code": code} for code in (40306, 429, 423, 900)),
    {"http_status": 429, "body": b""},
]
JOB_LIMIT = ScriptedFault(code=40306, message="concurrent job limit exceeded")
FOR_FOUR_HOURS = 4 * 3600


class Record:
    """Lists what it is told."""

    def __init__(self) -> None:
        self.events: list[str] = []

    def sending(self) -> None:
        self.events.append("sending")

    def refused(self) -> None:
        self.events.append("refused")

    def accepted(self, value: str) -> None:
        self.events.append("accepted")


@pytest.mark.parametrize("fault", REFUSALS, ids=str)
def test_a_refused_submit_is_sent_again_and_accepted_once(
    hook: TextInHook, textin: TextInServer, document: str, fault: dict[str, Any], pauses: Pauses
) -> None:
    textin.fault("submit", ScriptedFault(**fault), times=5)
    record = Record()

    job_id = hook.submit_xparse_job(document, record=record)

    assert list(textin.jobs) == [job_id]
    assert textin.count("submit") == 6
    assert record.events == ["sending", "refused"] * 5 + ["sending", "accepted"]
    # The pauses double: 1 to 2 seconds, 2 to 4, ... together 31 to 62.
    assert 31 <= sum(pauses) <= 63


def test_the_log_tells_the_limit_once_and_how_long_it_took(
    hook: TextInHook, textin: TextInServer, document: str, logs: Callable[[], str]
) -> None:
    textin.fault("submit", ScriptedFault(code=40306), times=3)
    hook.submit_xparse_job(document)

    told = logs()  # on Airflow 2 each line twice
    limits = (
        r"This account is at its limit\. xParse submit of doc\.md: .* waits for its turn, for up to 3600 s\."
    )
    assert len(re.findall(limits, told)) >= 1
    for line, times in {
        r"code 40306, request id (\w+)": 1,
        r"TextIn let the request in after (\d+) s": 1,
        r"TextIn refused a request for its rate; this account pauses for ([\d.]+) s": 3,
    }.items():
        assert len(set(re.findall(line, told))) == times, line


@pytest.mark.parametrize("timeout", [600, 600.0, timedelta(minutes=10)], ids=str)
def test_a_limit_that_outlasts_the_timeout_is_a_transient_error(
    hook: TextInHook, textin: TextInServer, document: str, pauses: Pauses, timeout: Any
) -> None:
    textin.fault("submit", ScriptedFault(code=40306), times=None)
    with pytest.raises(TextInRateLimitError, match=r"rate_limit_timeout=600.*Nothing was accepted") as caught:
        hook.submit_xparse_job(document, rate_limit_timeout=timeout)
    assert caught.value.kind.is_transient
    assert 500 < sum(pauses) <= 600
    assert textin.submissions == 0


def test_a_pause_that_outlasts_the_timeout_fails_without_another_request(
    hook: TextInHook, textin: TextInServer, document: str, pauses: Pauses
) -> None:
    textin.fault("submit", ScriptedFault(code=40306, headers={"Retry-After": "7200"}), times=None)
    for _ in range(2):
        with pytest.raises(TextInRateLimitError, match="rate_limit_timeout=3600"):
            hook.submit_xparse_job(document)
    assert textin.count("submit") == 1
    assert pauses == []


def test_a_long_pause_is_waited_out_if_there_is_time(
    hook: TextInHook, textin: TextInServer, document: str, pauses: Pauses
) -> None:
    textin.fault("submit", ScriptedFault(code=40306, headers={"Retry-After": "7200"}))
    assert hook.submit_xparse_job(document, rate_limit_timeout=FOR_FOUR_HOURS) in textin.jobs
    assert textin.count("submit") == 2
    assert sum(pauses) == pytest.approx(7200, abs=5)


@pytest.mark.parametrize("timeout", [-1, float("nan"), float("inf"), "soon", None], ids=str)
def test_an_impossible_timeout_is_refused_before_anything_is_sent(
    hook: TextInHook, textin: TextInServer, document: str, timeout: Any
) -> None:
    for send in (hook.submit_xparse_job, hook.upload_docflow_files):
        with pytest.raises(TextInRequestError, match=r"rate_limit_timeout=.*not a valid number of seconds"):
            send(document, rate_limit_timeout=timeout)
    assert textin.count("*") == 0


def test_too_many_jobs_in_work_delay_the_submit_and_no_other_request(
    hook: TextInHook, textin: TextInServer, document: str, pauses: Pauses
) -> None:
    textin.fault("submit", JOB_LIMIT, times=6)
    assert hook.submit_xparse_job(document) in textin.jobs
    assert len(pauses) == 6
    assert max(pauses) <= 30
    assert hook.pause_left() == 0.0


def test_a_limit_of_pages_is_no_limit_of_the_rate(
    hook: TextInHook, textin: TextInServer, document: str, pauses: Pauses
) -> None:
    textin.fault("submit", ScriptedFault(code=40306, message="pages exceed the limit of one request"))
    with pytest.raises(TextInRequestError, match=r"Split the document with config\.scope\.page_range"):
        hook.submit_xparse_job(document)
    assert (textin.count("submit"), pauses) == (1, [])


@pytest.mark.parametrize("resume", [False, True])
def test_refused_portions_of_an_upload_wait_for_their_turn(
    hook: TextInHook, textin: TextInServer, tmp_path: Path, resume: bool
) -> None:
    files = []
    for number in range(25):
        files.append(tmp_path / f"{number}.txt")
        files[-1].write_text(f"Invoice {number}")
    for _ in range(3):
        textin.fault("upload", ScriptedFault(code=40306), times=2)
        textin.fault("upload", ScriptedFault(chunked=True))

    upload = hook.upload_docflow_files(files, batch_number="b25", resume=resume)

    assert [file["name"] for file in upload.files] == [file.name for file in files]
    assert (textin.count("upload"), textin.uploads_accepted) == (9, 25)


def test_a_download_waits_out_refusals(hook: TextInHook, textin: TextInServer, tmp_path: Path) -> None:
    job_id = textin.add_job()
    while not hook.get_xparse_job(job_id).status.is_terminal:
        pass
    textin.fault("status", ScriptedFault(code=40306), times=7)
    textin.fault("result", ScriptedFault(http_status=429), times=7)
    manifest = hook.download_xparse_result(job_id, tmp_path / "result.json")
    assert manifest["size_bytes"] == (tmp_path / "result.json").stat().st_size


def test_the_connection_is_tested_without_a_long_wait(
    hook: TextInHook, textin: TextInServer, pauses: Pauses
) -> None:
    textin.fault("*", ScriptedFault(code=40306), times=None)
    ok, message = hook.test_connection()
    assert not ok
    assert "40306" in message
    assert sum(pauses) < 60


def test_two_connections_of_one_credential_keep_the_lower_ceiling(connect: Connect) -> None:
    fast = connect({"max_requests_per_second": 5}).connection
    slow = connect({"max_requests_per_second": 3}).connection
    assert fast.limiter is slow.limiter
    assert slow.limiter.ceiling == 3


@pytest.mark.parametrize("value", [-1, "fast", "nan", float("inf")], ids=str)
@pytest.mark.parametrize("name", ["max_requests_per_second", "max_concurrent_jobs"])
def test_a_limit_that_is_no_number_is_refused(connect: Connect, name: str, value: Any) -> None:
    with pytest.raises(Exception, match=f"field {name}: .*is not a number of at least 0"):
        _ = connect({name: value}).connection


def test_half_a_job_is_refused(connect: Connect) -> None:
    with pytest.raises(Exception, match=r"field max_concurrent_jobs: 1\.5 is not a whole number"):
        _ = connect({"max_concurrent_jobs": 1.5}).connection
