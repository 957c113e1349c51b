"""Operators within the account: each document is accepted once, and requests wait for their turn."""

from __future__ import annotations

import inspect
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.operators.document import new_operator
from tests.operators.uploads import accepted, attempt, invoices, once
from tests.running import new_context, point_airflow_at, run
from textin_provider.exceptions import TextInRateLimitError, TextInRequestError
from textin_provider.operators.xparse import XParseSubmitOperator
from textin_provider.testing import Account, ScriptedFault

if TYPE_CHECKING:
    from pathlib import Path

    from textin_provider.testing import TextInServer

REFUSED = ScriptedFault(code=40306)


@pytest.fixture(params=["the ceiling is right", "the ceiling is unknown"])
def account(request: pytest.FixtureRequest, textin: TextInServer, monkeypatch: pytest.MonkeyPatch) -> Account:
    """Let the local TextIn allow 20 requests a second and two jobs, with or without the right ceiling."""
    textin.account = Account(20, 2)
    ceiling = 20 if request.param == "the ceiling is right" else 0
    point_airflow_at(textin, monkeypatch, extra={"max_requests_per_second": ceiling})
    return textin.account


def test_submits_of_one_task_are_accepted_once_each(
    textin: TextInServer, account: Account, document: str
) -> None:
    jobs = [run(lambda: XParseSubmitOperator(task_id="submit", file=document)).returned() for _ in range(20)]
    assert len(set(jobs)) == 20
    assert textin.submissions == 20
    assert textin.usage.most_jobs_in_work <= 2


def test_documents_that_are_parsed_side_by_side_are_accepted_once_each(
    textin: TextInServer, account: Account, document: str, tmp_path: Path
) -> None:
    def parse(number: int) -> Any:
        operator = new_operator(file=document, output_path=str(tmp_path / f"{number}.json"))()
        # Airflow 2 checks who calls execute, by the thread.
        return inspect.unwrap(type(operator).execute)(operator, new_context())

    with ThreadPoolExecutor(8) as pool:
        manifests = list(pool.map(parse, range(24)))
    assert len({manifest["job_id"] for manifest in manifests}) == 24
    assert textin.submissions == 24
    assert len(list(tmp_path.glob("*.json"))) == 24


def test_an_upload_is_accepted_once(textin: TextInServer, account: Account, tmp_path: Path) -> None:
    files = invoices(tmp_path, 45)
    value = attempt(files=files).returned()
    assert len(value["files"]) == 45
    assert accepted(textin) == once(files)


@pytest.mark.parametrize("timeout", [0, timedelta(0)], ids=str)
def test_a_task_that_may_not_wait_fails_for_its_retries(
    textin: TextInServer, document: str, tmp_path: Path, timeout: Any
) -> None:
    textin.fault("submit", REFUSED, times=2)
    textin.fault("upload", REFUSED)
    submit = run(lambda: XParseSubmitOperator(task_id="s", file=document, rate_limit_timeout=timeout))
    parse = run(new_operator(file=document, output_path=str(tmp_path / "a.json"), rate_limit_timeout=timeout))
    upload = attempt(files=invoices(tmp_path, 1), rate_limit_timeout=timeout)
    for outcome in (submit, parse, upload):
        assert isinstance(outcome.raised(), TextInRateLimitError)
    assert (textin.submissions, textin.uploads_accepted) == (0, 0)


def test_an_impossible_timeout_is_refused(textin: TextInServer, document: str, tmp_path: Path) -> None:
    submit = run(lambda: XParseSubmitOperator(task_id="s", file=document, rate_limit_timeout=-1))
    parse = run(new_operator(file=document, output_path=str(tmp_path / "a.json"), rate_limit_timeout=-1))
    upload = attempt(files=invoices(tmp_path, 1), rate_limit_timeout=-1)
    for outcome in (submit, parse, upload):
        assert isinstance(outcome.raised(), TextInRequestError)
        assert "rate_limit_timeout=-1: it is not a valid number of seconds" in str(outcome.raised())
    assert textin.count("*") == 0
