"""Responses that do not come in time: late ones, and bodies that stall."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.faults.cases import SHORT, judge
from tests.faults.meanings import Meaning
from tests.faults.operations import LONG, OPERATIONS, Manner, Operation
from tests.faults.rules import Expected, when_it_passes, when_it_stays
from textin_provider.testing import ScriptedFault

if TYPE_CHECKING:
    from pathlib import Path

    from tests.faults.conftest import Connect
    from textin_provider.testing import TextInServer

ALL = [op for op in OPERATIONS if op.by not in ("document", "urls")]
READS = [op for op in ALL if op.manner is not Manner.POST]
#: A good response comes in time even where the machine is slow, or there is another try.
TIMEOUT = 0.15
#: A request is sent within this time even where the machine is slow: some waits end after a single one.
TIMEOUT_OF_ONE = 0.5
SLOW = {
    "late": ScriptedFault(delay=600.0),
    "late and accepted": ScriptedFault(bytes_per_second=0.5),
    "a stalled page": ScriptedFault(http_status=502, body=b"<html>" * 9, bytes_per_second=0.5),
}
slow = pytest.mark.parametrize("fault", SLOW.values(), ids=SLOW)


@slow
@pytest.mark.parametrize("op", ALL, ids=str)
def test_a_response_that_never_comes_in_time_ends_as_the_rules_say(
    textin: TextInServer, connect: Connect, tmp_path: Path, op: Operation, fault: ScriptedFault
) -> None:
    connect({"timeout": TIMEOUT_OF_ONE})
    attempt = op.begin(textin, tmp_path)
    textin.fault(op.endpoint, fault, times=None)
    judge(op, when_it_stays(op, Meaning.DAMAGED), textin, lambda: attempt.run(SHORT))


@slow
@pytest.mark.parametrize("op", READS, ids=str)
def test_a_response_that_comes_in_time_at_last_is_taken(
    textin: TextInServer, connect: Connect, tmp_path: Path, op: Operation, fault: ScriptedFault
) -> None:
    connect({"timeout": TIMEOUT})
    attempt = op.begin(textin, tmp_path)
    textin.fault(op.endpoint, fault)
    usual = when_it_passes(op, Meaning.LOST, faulty=1)
    # A machine that stalls may make a good response late too, which is one request more.
    expected = Expected(usual.ends, least=usual.least, most=10 * usual.most)
    judge(op, expected, textin, lambda: attempt.run(LONG))
