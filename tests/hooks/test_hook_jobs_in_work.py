"""Submits wait for a job of this process to end instead of being refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from textin_provider.exceptions import TextInRateLimitError
from textin_provider.hooks.textin import TextInHook
from textin_provider.testing import Account, JobScript, ScriptedFault, TextInServer, fast_polling

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.hooks.support import Connect, Pauses


@pytest.fixture
def _fast() -> Iterator[None]:
    with fast_polling():
        yield


@pytest.mark.usefixtures("_fast")
@pytest.mark.parametrize("allowed", [1, 2, 5])
@pytest.mark.parametrize(("told", "refusals"), [(True, 0), (False, 1)], ids=["told", "learned"])
def test_no_submit_is_refused_once_the_limit_is_known(
    connect: Connect, textin: TextInServer, document: str, allowed: int, told: bool, refusals: int
) -> None:
    textin.account = Account(concurrent_jobs=allowed)
    connect({"max_concurrent_jobs": allowed if told else 0, "max_requests_per_second": 0})

    submitted = {TextInHook().submit_xparse_job(document) for _ in range(20)}

    assert len(submitted) == textin.submissions == 20
    assert textin.usage.most_jobs_in_work == allowed
    assert textin.usage.job_refusals == refusals
    assert textin.count("submit") == 20 + refusals


def submit_endless(hook: TextInHook, textin: TextInServer, document: str) -> str:
    textin.script(JobScript(status="never"))
    return hook.submit_xparse_job(document)


def test_a_job_that_is_known_to_have_ended_is_not_polled_again(
    connect: Connect, textin: TextInServer, document: str
) -> None:
    hook = connect({"max_concurrent_jobs": 1})
    textin.script(JobScript(pending_seconds=0, processing_seconds=0))
    job_id = hook.submit_xparse_job(document)
    while not hook.get_xparse_job(job_id).status.is_terminal:
        pass
    polls = textin.count("status")

    hook.submit_xparse_job(document)

    assert textin.count("status") == polls


def test_jobs_that_do_not_end_fail_the_submit_without_sending_it(
    connect: Connect, textin: TextInServer, document: str, pauses: Pauses
) -> None:
    hook = connect({"max_concurrent_jobs": 1})
    submit_endless(hook, textin, document)
    message = r"1 jobs of this process are in work.*rate_limit_timeout=600.*Nothing was accepted"
    with pytest.raises(TextInRateLimitError, match=message):
        hook.submit_xparse_job(document, rate_limit_timeout=600)
    assert textin.count("submit") == 1
    assert 400 < sum(pauses) <= 600
    assert textin.count("status") < 100


def test_a_timeout_of_zero_sends_the_submit_at_once(
    connect: Connect, textin: TextInServer, document: str, pauses: Pauses
) -> None:
    hook = connect({"max_concurrent_jobs": 1})
    submit_endless(hook, textin, document)
    hook.submit_xparse_job(document, rate_limit_timeout=0)
    assert textin.count("submit") == 2
    assert textin.count("status") == 0


@pytest.mark.parametrize(
    "fault", [ScriptedFault(http_status=404), ScriptedFault(code=40400), ScriptedFault(code=500)], ids=str
)
def test_a_job_whose_state_is_unknown_holds_up_no_submit(
    connect: Connect, textin: TextInServer, document: str, pauses: Pauses, fault: ScriptedFault
) -> None:
    hook = connect({"max_concurrent_jobs": 1})
    submit_endless(hook, textin, document)
    textin.fault("status", fault, times=None)
    hook.submit_xparse_job(document)
    assert textin.submissions == 2


def test_the_log_says_why_the_submit_waits(
    connect: Connect, textin: TextInServer, document: str, pauses: Pauses, logs: Callable[[], str]
) -> None:
    hook = connect({"max_concurrent_jobs": 1})
    textin.script(JobScript(states=["in_progress", "in_progress", "completed"]))
    hook.submit_xparse_job(document)
    hook.submit_xparse_job(document)
    assert "1 jobs of this process are in work, as many as TextIn takes" in logs()
    assert "TextIn let the request in after" in logs()
