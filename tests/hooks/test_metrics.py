"""Counters for Airflow's metrics."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest
from airflow.providers.common.compat.sdk import Stats

from textin_provider.hooks.textin_async import TextInAsyncHook
from textin_provider.testing import JobScript, ScriptedFault, TextInServer

if TYPE_CHECKING:
    from pathlib import Path

    from tests.hooks.support import Pauses
    from textin_provider.hooks.textin import TextInHook


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    found: Counter[str] = Counter()

    def incr(stat: str, number: int) -> None:
        found[stat] += number

    monkeypatch.setattr(Stats, "incr", incr)
    return found


async def test_documents_pages_and_polls_are_counted(
    hook: TextInHook, textin: TextInServer, document: str, tmp_path: Path, counted: Counter[str]
) -> None:
    textin.script(JobScript(page_count=10, failed_pages="2,5-6", pending_seconds=0, processing_seconds=0))
    job_id = hook.submit_xparse_job(document)
    polls = 1
    while not hook.get_xparse_job(job_id).status.is_terminal:
        polls += 1
    hook.download_xparse_result(job_id, tmp_path / "a.json", on_partial="ignore")
    async with TextInAsyncHook() as looking:
        await looking.get_xparse_job(job_id)
    assert counted == {"textin.documents": 1, "textin.pages": 7, "textin.polls": polls + 1}


def test_a_refused_request_is_counted_once_a_pause(
    hook: TextInHook, textin: TextInServer, document: str, pauses: Pauses, counted: Counter[str]
) -> None:
    textin.fault("submit", ScriptedFault(code=40306), times=2)
    hook.submit_xparse_job(document)
    assert counted == {"textin.documents": 1, "textin.rate_limited": 2}


def test_a_metric_that_fails_loses_nothing(
    hook: TextInHook, textin: TextInServer, document: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def incr(*_: object) -> None:
        raise OSError("no statsd")

    monkeypatch.setattr(Stats, "incr", incr)
    assert hook.submit_xparse_job(document) in textin.jobs
