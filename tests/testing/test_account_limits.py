"""Accounts and their limits without HTTP and without time: the rate's window, the log, the queue, options."""

from __future__ import annotations

import argparse
import logging
from typing import Any

import pytest

from textin_provider.testing import PLANS, Account, JobScript, Usage
from textin_provider.testing.account_options import account_of, add_account_options
from textin_provider.testing.limits import AccountLimits, RateWindow
from textin_provider.testing.responses import Refusal
from textin_provider.testing.xparse.jobs import Job


@pytest.mark.parametrize(
    ("rate", "let_in", "refused"),
    [
        (1, [0, 1, 2.5, 3.5], [0, 0.999, 1.9, 3.4]),
        (2, [0, 0.5, 1, 1.5], [0.5, 0.9, 1, 1.4]),
        (2.5, [0, 0, 0.8, 0.8], [0, 0.79, 0.8, 1.59]),
        (0.5, [0, 2, 5], [0, 1.99, 3.99, 5]),
        (1e-3, [0, 1000], [0, 999, 1999]),
        (1e300, [0] * 1000, []),
    ],
)
def test_the_window_of_a_rate(rate: float, let_in: list[float], refused: list[float]) -> None:
    window = RateWindow(rate)
    moments = sorted([(now, 0) for now in let_in] + [(now, 1) for now in refused])
    assert [now for now, _ in moments if window.admit(now)] == let_in


def test_no_window_has_more_than_the_rate() -> None:
    window = RateWindow(7)
    let_in = [now / 1000 for now in range(0, 10_000, 13) if window.admit(now / 1000)]
    most = max(sum(start <= now < start + 1 for now in let_in) for start in let_in)
    assert (most, len(let_in)) == (7, 70)


def test_refusals_are_logged_at_most_once_a_second(caplog: pytest.LogCaptureFixture) -> None:
    now = 100.0
    limits = AccountLimits(Account(1, 1), lambda: now)
    with caplog.at_level(logging.INFO, "textin_provider.testing"):
        for tenth in range(25):
            now = 100 + tenth / 10
            try:
                limits.admit_request()
            except Refusal:
                assert str(limits.job_refusal()).startswith("concurrent job limit exceeded")
    assert limits.usage == Usage(3, 22, 22)
    assert caplog.messages == [
        "qps limit exceeded: the account's limit of requests per second is 1; 1 refused so far",
        "concurrent job limit exceeded: the account's limit of jobs in work is 1; 1 refused so far",
        "qps limit exceeded: the account's limit of requests per second is 1; 10 refused so far",
        "concurrent job limit exceeded: the account's limit of jobs in work is 1; 10 refused so far",
        "qps limit exceeded: the account's limit of requests per second is 1; 19 refused so far",
        "concurrent job limit exceeded: the account's limit of jobs in work is 1; 19 refused so far",
    ]


def test_a_new_account_begins_with_an_empty_window() -> None:
    limits = AccountLimits(Account(requests_per_second=1), lambda: 0.0)
    limits.admit_request()
    with pytest.raises(Refusal, match="qps limit exceeded"):
        limits.admit_request()
    limits.replace(Account(requests_per_second=1))
    limits.admit_request()
    assert limits.usage == Usage(2, 1)


def test_the_times_of_a_queued_job_begin_when_it_leaves_the_queue() -> None:
    job = Job("1", JobScript())
    job.schedule(0.0, 1.0, 2.0)
    job.hold(0.5)
    assert job.state(99.0) == "pending"
    job.release(100.5)
    assert [job.state(now) for now in (100.9, 101.1)] == ["pending", "in_progress"]
    assert (job.pending_until, job.ready_at) == (101.0, 103.0)


@pytest.mark.parametrize(
    "values",
    [
        {"requests_per_second": -1},
        {"requests_per_second": float("nan")},
        {"requests_per_second": float("inf")},
        {"concurrent_jobs": -1},
        {"concurrent_jobs": 1.5},
        {"over": "wait"},
    ],
)
def test_an_account_names_a_value_that_is_not_valid(values: dict[str, Any]) -> None:
    [name] = values
    with pytest.raises(ValueError, match=f"^{name}: "):
        Account(**values)


@pytest.mark.parametrize(
    ("arguments", "account"),
    [
        ([], Account()),
        (["--plan", "free"], Account(2, 1, "reject")),
        (["--plan", "paid"], Account(5, 5, "reject")),
        (["--plan", "enterprise"], Account(10, 10, "reject")),
        (["--plan", "paid", "--over", "queue"], Account(5, 5, "queue")),
        (["--plan", "paid", "--requests-per-second", "0"], Account(0, 5)),
        (["--requests-per-second", "0.5", "--concurrent-jobs", "2"], Account(0.5, 2)),
    ],
)
def test_options_define_the_account(arguments: list[str], account: Account) -> None:
    parser = argparse.ArgumentParser()
    add_account_options(parser)
    assert account_of(parser, parser.parse_args(arguments)) == account


def test_the_default_plan_of_a_program_can_be_lifted() -> None:
    parser = argparse.ArgumentParser()
    add_account_options(parser, plan="paid")
    assert account_of(parser, parser.parse_args([])) == PLANS["paid"]
    arguments = ["--requests-per-second", "0", "--concurrent-jobs", "0"]
    assert account_of(parser, parser.parse_args(arguments)) == Account()


@pytest.mark.parametrize(
    ("account", "text"),
    [
        (Account(), "requests per second: no limit; jobs in work: no limit"),
        (PLANS["paid"], "requests per second: 5; jobs in work: 5, further ones are refused"),
        (Account(0.5, 2, "queue"), "requests per second: 0.5; jobs in work: 2, further ones are queued"),
    ],
)
def test_an_account_reads_as_text(account: Account, text: str) -> None:
    assert str(account) == text
