"""The rules: what must come of a fault, by what it means and how the operation asks."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from airflow.providers.common.compat.sdk import AirflowFailException, AirflowSensorTimeout

from tests.faults.meanings import REFUSALS, Meaning
from tests.faults.operations import Manner
from textin_provider.exceptions import (
    TextInAuthenticationError,
    TextInBadResultError,
    TextInQuotaError,
    TextInRateLimitError,
    TextInRequestError,
    TextInServerError,
    TextInTransportError,
    TextInUncertainSubmitError,
)

if TYPE_CHECKING:
    from tests.faults.operations import Operation

#: Requests of a read that is not a wait.
MOST_TRIES = 4
#: Requests of any kind that are refused for their rate until their time is over.
_MOST_TURNS = 1000


class End(StrEnum):
    """The state that Airflow gives a task which has retries left."""

    SUCCESS = "success"
    FAILED = "failed"
    RETRY = "up_for_retry"


def end_of(error: Exception | None) -> End:
    """Return the state that a task ends in with this error, or with none."""
    if error is None:
        return End.SUCCESS
    is_final = isinstance(error, AirflowFailException | AirflowSensorTimeout)
    return End.FAILED if is_final else End.RETRY


@dataclass(frozen=True)
class Expected:
    """The ends and errors that are allowed, and how many requests."""

    ends: frozenset[End]
    errors: tuple[type[Exception], ...] = ()
    least: int = 1
    most: int = 1


_REFUSED = {
    Meaning.AUTHENTICATION: TextInAuthenticationError,
    Meaning.QUOTA: TextInQuotaError,
    Meaning.REQUEST: TextInRequestError,
}
_PASSING: dict[Meaning, tuple[type[Exception], ...]] = {
    Meaning.LIMITED: (TextInRateLimitError,),
    Meaning.LOCKED: (TextInRateLimitError,),
    Meaning.FAILED: (TextInServerError,),
    Meaning.BROKEN: (TextInServerError,),
    Meaning.HOLLOW: (TextInServerError,),
    Meaning.NO_RESULT: (TextInBadResultError,),
    Meaning.DAMAGED: (TextInServerError, TextInTransportError, TextInBadResultError),
    Meaning.ODD: (TextInServerError, TextInTransportError, TextInBadResultError),
    Meaning.LOST: (TextInTransportError, TextInBadResultError),
    Meaning.UNSENT: (TextInTransportError,),
}


def may_pass(op: Operation, meaning: Meaning) -> bool:
    """Whether a operation sends the request again after such a fault."""
    is_answer = meaning in REFUSALS or meaning is Meaning.FINE or _is_nothing(op, meaning)
    return not is_answer and (op.manner is not Manner.POST or meaning is Meaning.LIMITED)


def _is_nothing(op: Operation, meaning: Meaning) -> bool:
    # Success without files is an answer, and says that there is nothing to store yet; a sensor waits on.
    return op.name == "fetch" and op.manner is Manner.READ and meaning is Meaning.HOLLOW


def when_it_stays(op: Operation, meaning: Meaning) -> Expected:
    """Return what must come of a fault of every request."""
    ends = {End.SUCCESS} if meaning is Meaning.ODD else set()
    if meaning is Meaning.FINE:
        return Expected(frozenset({End.SUCCESS}), least=op.least, most=_most_of_one_poll(op))
    if meaning in REFUSALS:  # rule 7
        return Expected(frozenset({End.FAILED}), (_REFUSED[meaning],))
    is_limited = meaning is Meaning.LIMITED or (meaning is Meaning.LOCKED and op.manner is not Manner.POST)
    if is_limited and op.manner is not Manner.WAIT:  # rule 6
        return Expected(frozenset({End.RETRY}), (TextInRateLimitError,), most=_MOST_TURNS)
    if op.manner is Manner.POST:  # rule 5
        return _of_an_upload(meaning) if op.name == "upload" else _of_a_post(meaning, ends)
    if op.manner is Manner.WAIT:  # rule 4
        return Expected(frozenset(ends | {End.FAILED}), (AirflowSensorTimeout,), most=10_000)
    errors = (*_PASSING[meaning], *([TextInBadResultError] if _is_nothing(op, meaning) else []))
    least = 1 if _is_nothing(op, meaning) or ends else 2
    return Expected(frozenset(ends | {End.RETRY}), errors, least=least, most=MOST_TRIES)


def _of_a_post(meaning: Meaning, ends: set[End]) -> Expected:
    if meaning is Meaning.FAILED:
        return Expected(frozenset({End.RETRY}), (TextInServerError,))
    if meaning is Meaning.UNSENT:  # retried as a read is
        return Expected(frozenset({End.RETRY}), (TextInTransportError,), least=2, most=MOST_TRIES)
    return Expected(frozenset(ends | {End.FAILED}), (TextInUncertainSubmitError,))


def _of_an_upload(meaning: Meaning) -> Expected:
    if meaning is Meaning.UNSENT:
        return _of_a_post(meaning, set())
    # The batch is asked. If it has the file, the upload succeeded; if not, it is sent once more.
    ends, errors = {End.SUCCESS, End.RETRY}, (TextInServerError, TextInTransportError)
    if meaning is Meaning.ODD:
        # One of these responses names no file, and another batch than a retry would ask.
        return Expected(frozenset({*ends, End.FAILED}), (*errors, TextInUncertainSubmitError), most=2)
    return Expected(frozenset(ends), errors, most=2)


def when_it_passes(op: Operation, meaning: Meaning, faulty: int) -> Expected:
    """Return what must come of a fault of the first ``faulty`` requests of a read."""
    # A hollow response may be to one count of several, and the others make up for it.
    is_noticed = meaning is not Meaning.ODD and (op.name, meaning) != ("fetch", Meaning.HOLLOW)
    most = faulty + _most_of_one_poll(op) + op.least
    return Expected(frozenset({End.SUCCESS}), least=op.least + is_noticed * faulty, most=most)


def _most_of_one_poll(op: Operation) -> int:
    # Where TextIn does not count its files, ten states are asked for one by one.
    return 16 if op.name == "fetch" else op.least
