"""
Every fault of every operation: how the task ends, how many requests it sends, and what TextIn can bill.

Each case is a test: ``-k "status-triggerer-trigger and 40306"``.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from tests.faults.cases import Case, check, passing, staying
from tests.faults.meanings import PARTIAL, PUBLISHED, Meaning
from tests.faults.operations import OPERATIONS
from textin_provider.api.docflow.upload import upload_files
from textin_provider.api.errors import CODES
from textin_provider.api.xparse.endpoints import submit_job
from textin_provider.hooks.textin_async import TextInAsyncHook

if TYPE_CHECKING:
    from pathlib import Path

    from textin_provider.api.protocol import Flow, Request
    from textin_provider.testing import TextInServer


STAYING = [case for op in OPERATIONS for case in staying(op)]
PASSING = [case for op in OPERATIONS for case in passing(op)]


@pytest.mark.parametrize("case", STAYING, ids=str)
def test_a_fault_that_stays(textin: TextInServer, folder: Path, case: Case) -> None:
    check(case, textin, folder)


@pytest.mark.parametrize("case", PASSING, ids=str)
def test_a_fault_that_passes(textin: TextInServer, folder: Path, case: Case) -> None:
    check(case, textin, folder)


@pytest.mark.parametrize("cases", [STAYING, PASSING], ids=["staying", "passing"])
def test_each_case_has_its_own_id(cases: list[Case]) -> None:
    assert [name for name, times in Counter(map(str, cases)).items() if times > 1] == []


def test_the_table_of_codes_has_every_published_code_and_judges_no_other() -> None:
    assert {*CODES, PARTIAL} == PUBLISHED


def test_every_operation_and_side_meets_every_kind_of_fault() -> None:
    met = {(case.op.name, case.fault.meaning) for case in STAYING}
    everywhere = set(Meaning) - {
        Meaning.UNSENT,
        Meaning.HOLLOW,
        Meaning.NO_RESULT,
        Meaning.ODD,
        Meaning.LOCKED,
    }
    names = {op.name for op in OPERATIONS}
    assert names == {"submit", "status", "fetch", "upload", "download"}
    assert {(name, meaning) for name in names for meaning in everywhere} <= met


def test_a_trigger_can_carry_no_submit_and_no_upload(textin: TextInServer) -> None:
    def flow(call: Request[Any]) -> Flow[Any]:
        response: object = yield call
        return response

    async def send(call: Request[Any]) -> None:
        async with TextInAsyncHook() as hook:
            with pytest.raises(RuntimeError, match="only read"):
                await hook.run(flow(call))
            await hook.send(call)

    asked = textin.count("*")
    for call in (submit_job(file_url=textin.url), upload_files("w", urls=[textin.url])):
        with pytest.raises(RuntimeError, match="only read"):
            asyncio.run(send(call))
    assert textin.count("*") == asked
