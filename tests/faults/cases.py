"""Cases, one fault of one operation each: how they are named, run and judged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from airflow.providers.common.compat.sdk import AirflowSensorTimeout

from tests.faults.fault import DOCUMENT_TEXT, Fault
from tests.faults.matrix import faults_of
from tests.faults.operations import LONG, Manner, Operation
from tests.faults.rules import Expected, end_of, may_pass, when_it_passes, when_it_stays
from textin_provider.api.rate_limit import forget_limits
from textin_provider.api.text import MAX_MESSAGE
from textin_provider.exceptions import TextInError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.faults.meanings import Meaning
    from tests.running import Outcome
    from textin_provider.testing import TextInServer

STRIKES = 2
_FEW = 3
#: Seconds that a wait lasts which is to end with its deadline: one look has always gone before.
SHORT = 0.02
MOST_TEXT = MAX_MESSAGE + 2000


@dataclass(frozen=True)
class Case:
    """One fault of one operation, which strikes every request or only the first two."""

    op: Operation
    fault: Fault
    stays: bool

    def __str__(self) -> str:
        return f"{self.op}-{self.fault}"

    @property
    def expected(self) -> Expected:
        if self.stays:
            return when_it_stays(self.op, self.fault.meaning)
        return when_it_passes(self.op, self.fault.meaning, STRIKES)

    @property
    def is_repeated(self) -> bool:
        """Whether the operation asks again after this fault."""
        return may_pass(self.op, self.fault.meaning)

    @property
    def max_wait(self) -> float:
        """The seconds that a wait may last: none to speak of where it can only end with its deadline."""
        return SHORT if self.stays and self.is_repeated else LONG


def staying(op: Operation) -> list[Case]:
    """Return the faults of an operation, to strike every request: all of them if it asks once, or reads."""
    cases = [Case(op, fault, stays=True) for fault in faults_of(op)]
    repeated = [case for case in cases if case.is_repeated]
    if op.by == "document":
        return _few(cases)
    return cases if op.manner is Manner.READ else _few(repeated) + [c for c in cases if not c.is_repeated]


def passing(op: Operation) -> list[Case]:
    """Return the faults that an operation asks again after: all of them if it waits, or downloads."""
    cases = [Case(op, fault, stays=False) for fault in faults_of(op) if may_pass(op, fault.meaning)]
    return cases if op.manner is not Manner.READ and op.by != "document" else _few(cases)


def _few(cases: list[Case]) -> list[Case]:
    """Return three cases of each group and meaning, where each fault is met in another way too."""
    alike: dict[tuple[str, Meaning], list[Case]] = {}
    for case in cases:
        alike.setdefault((case.fault.group, case.fault.meaning), []).append(case)
    return [case for few in alike.values() for case in few[:_FEW]]


def try_all(cases: list[Case], textin: TextInServer, folder: Path) -> None:
    """Run all cases and fail with all that is wrong: a test for each would take longer than the case."""
    failures = []
    for case in cases:
        try:
            check(case, textin, folder)
        except Exception as error:
            failures.append(f"{case}: {type(error).__name__}: {error}")
        finally:
            textin.clear_faults()
            # A pause that one case was asked for is not to hold up the next.
            forget_limits()
    if failures:
        pytest.fail("\n".join([f"{len(failures)} of {len(cases)} cases:", *failures]), pytrace=False)


def check(case: Case, textin: TextInServer, folder: Path) -> None:
    """Run a case on the local TextIn and judge what came of it."""
    attempt = case.op.begin(textin, folder)
    textin.fault(case.op.endpoint, case.fault.make(attempt.good), times=None if case.stays else STRIKES)
    judge(case.op, case.expected, textin, lambda: attempt.run(case.max_wait))


def judge(op: Operation, expected: Expected, textin: TextInServer, work: Callable[[], Outcome]) -> None:
    """Do the work and compare how it ended, how often it asked and what was accepted with what must be."""
    asked, billed = textin.count(op.endpoint), textin.submissions + textin.uploads_accepted
    error = work().error
    asked = textin.count(op.endpoint) - asked
    billed = textin.submissions + textin.uploads_accepted - billed
    assert end_of(error) in expected.ends, f"it ended with {error!r}, and not {sorted(expected.ends)}"
    if error is not None:
        assert isinstance(error, expected.errors), f"{error!r} is none of {expected.errors}"
        check_text(error)
    assert expected.least <= asked <= expected.most, f"{asked} requests, after all: {error!r}"
    assert billed <= 1, f"{billed} documents were accepted"


def check_text(error: Exception) -> None:
    """Expect an error of this provider that says what it says in one line, without what is secret."""
    assert isinstance(error, TextInError | AirflowSensorTimeout)
    said = str(error)
    assert len(said.splitlines()) == 1
    assert len(said) <= MOST_TEXT
    assert DOCUMENT_TEXT not in said
    said.encode()
