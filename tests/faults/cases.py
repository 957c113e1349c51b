"""Cases, one fault of one operation each: how they are named, run and judged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from unittest import mock

from airflow.providers.common.compat.sdk import AirflowSensorTimeout

from tests.faults.fault import DOCUMENT_TEXT, Fault
from tests.faults.matrix import faults_of
from tests.faults.operations import LONG, Manner, Operation
from tests.faults.rules import Expected, end_of, may_pass, when_it_passes, when_it_stays
from textin_provider.api.text import MAX_MESSAGE
from textin_provider.exceptions import TextInError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.faults.meanings import Meaning
    from tests.running import Outcome
    from textin_provider.testing import TextInServer

#: Requests that a fault applies to when it passes.
FAULTY = 2
_FEW = 3
#: Seconds that a wait lasts which is to end with its deadline: it always polls once before.
SHORT = 0.02
MOST_TEXT = MAX_MESSAGE + 2000


@dataclass(frozen=True)
class Case:
    """One fault of one operation, which applies to every request or to the first two only."""

    op: Operation
    fault: Fault
    stays: bool

    def __str__(self) -> str:
        return f"{self.op.name}-{self.op.side}-{self.op.by}: {self.fault}"

    @property
    def expected(self) -> Expected:
        if self.stays:
            return when_it_stays(self.op, self.fault.meaning)
        return when_it_passes(self.op, self.fault.meaning, FAULTY)

    @property
    def is_repeated(self) -> bool:
        """Whether the operation sends the request again after this fault."""
        return may_pass(self.op, self.fault.meaning)

    @property
    def max_wait(self) -> float:
        """The seconds that a wait may last: very few where it can only end with its deadline."""
        return SHORT if self.stays and self.is_repeated else LONG


def staying(op: Operation) -> list[Case]:
    """Return the cases of faults that stay: all of them if the operation sends one request, or reads."""
    cases = [Case(op, fault, stays=True) for fault in faults_of(op)]
    repeated = [case for case in cases if case.is_repeated]
    if op.by == "document":
        return _few(cases)
    return cases if op.manner is Manner.READ else _few(repeated) + [c for c in cases if not c.is_repeated]


def passing(op: Operation) -> list[Case]:
    """Return the cases of faults that the operation retries: all of them if it waits, or downloads."""
    cases = [Case(op, fault, stays=False) for fault in faults_of(op) if may_pass(op, fault.meaning)]
    return cases if op.manner is not Manner.READ and op.by != "document" else _few(cases)


def _few(cases: list[Case]) -> list[Case]:
    """Return three cases of each group and meaning: another operation or test has all of these faults."""
    alike: dict[tuple[str, Meaning], list[Case]] = {}
    for case in cases:
        alike.setdefault((case.fault.group, case.fault.meaning), []).append(case)
    return [case for few in alike.values() for case in few[:_FEW]]


def check(case: Case, textin: TextInServer, folder: Path) -> None:
    """Run a case on the local TextIn and compare its outcome with the rules."""
    attempt = case.op.begin(textin, folder)
    textin.fault(case.op.endpoint, case.fault.make(attempt.good), times=None if case.stays else FAULTY)
    # Reads have no parameter for how long they wait for their turn.
    with mock.patch("textin_provider.hooks.sender.RATE_LIMIT_TIMEOUT", case.max_wait):
        judge(case.op, case.expected, textin, lambda: attempt.run(case.max_wait))


def judge(op: Operation, expected: Expected, textin: TextInServer, work: Callable[[], Outcome]) -> None:
    """Do the work; compare its end, its requests and the accepted documents with what is expected."""
    requests, billed = textin.count(op.endpoint), textin.submissions + textin.uploads_accepted
    error = work().error
    requests = textin.count(op.endpoint) - requests
    billed = textin.submissions + textin.uploads_accepted - billed
    assert end_of(error) in expected.ends, f"it ended with {error!r}, and not {sorted(expected.ends)}"
    if error is not None:
        assert isinstance(error, expected.errors), f"{error!r} is none of {expected.errors}"
        check_text(error)
    assert expected.least <= requests <= expected.most, f"{requests} requests, after all: {error!r}"
    assert billed <= 1, f"{billed} documents were accepted"


def check_text(error: Exception) -> None:
    """Expect an error of this provider whose text is one line without secrets."""
    assert isinstance(error, TextInError | AirflowSensorTimeout)
    text = str(error)
    assert len(text.splitlines()) == 1
    assert len(text) <= MOST_TEXT
    assert DOCUMENT_TEXT not in text
    text.encode()
