"""Every fault of every operation: how the task ends, how often TextIn is asked, and what it can bill."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from tests.faults.cases import passing, staying, try_all
from tests.faults.meanings import PARTIAL, PUBLISHED, Meaning
from tests.faults.operations import OPERATIONS, Manner, Operation
from textin_provider.api.docflow.upload import upload_files
from textin_provider.api.errors import CODES
from textin_provider.api.xparse.endpoints import submit_job
from textin_provider.hooks.textin_async import TextInAsyncHook

if TYPE_CHECKING:
    from pathlib import Path

    from textin_provider.api.protocol import Request
    from textin_provider.testing import TextInServer


@pytest.mark.parametrize("op", OPERATIONS, ids=str)
def test_a_fault_that_stays_ends_as_the_rules_say(
    textin: TextInServer, tmp_path: Path, op: Operation
) -> None:
    try_all(staying(op), textin, tmp_path)


@pytest.mark.parametrize("op", [op for op in OPERATIONS if op.manner is not Manner.POST], ids=str)
def test_a_fault_that_passes_is_survived(textin: TextInServer, tmp_path: Path, op: Operation) -> None:
    try_all(passing(op), textin, tmp_path)


def test_the_table_of_codes_has_every_published_code_and_judges_no_other() -> None:
    assert {*CODES, PARTIAL} == PUBLISHED


def test_every_operation_and_side_meets_every_kind_of_fault() -> None:
    met = {(op.name, fault.meaning) for op in OPERATIONS for case in staying(op) for fault in [case.fault]}
    everywhere = set(Meaning) - {Meaning.UNSENT, Meaning.HOLLOW, Meaning.NO_RESULT, Meaning.ODD}
    names = {op.name for op in OPERATIONS}
    assert names == {"submit", "status", "fetch", "upload", "download"}
    assert {(name, meaning) for name in names for meaning in everywhere} <= met


def test_a_trigger_can_carry_no_submit_and_no_upload(textin: TextInServer) -> None:
    async def send(call: Request[Any]) -> None:
        async with TextInAsyncHook() as hook:
            await hook.send(call)

    asked = textin.count("*")
    for call in (submit_job(file_url=textin.url), upload_files("w", urls=[textin.url])):
        with pytest.raises(RuntimeError, match="only read"):
            asyncio.run(send(call))
    assert textin.count("*") == asked
