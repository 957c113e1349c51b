"""The table of errors: from a code to its kind, from a kind to its public class, and on their travels."""

from __future__ import annotations

import copy
import json
import pickle

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from textin_provider import exceptions
from textin_provider.api.faults import CODES, Fault, FaultKind, meaning_of_code, meaning_of_http
from textin_provider.exceptions import TextInError, error_for

CLASSES = {
    FaultKind.AUTHENTICATION: exceptions.TextInAuthenticationError,
    FaultKind.CONFIGURATION: exceptions.TextInConfigurationError,
    FaultKind.QUOTA: exceptions.TextInQuotaError,
    FaultKind.REQUEST: exceptions.TextInRequestError,
    FaultKind.RATE_LIMIT: exceptions.TextInRateLimitError,
    FaultKind.SERVER: exceptions.TextInServerError,
    FaultKind.TRANSPORT: exceptions.TextInTransportError,
    FaultKind.RESULT: exceptions.TextInBadResultError,
    FaultKind.UNCERTAIN: exceptions.TextInUncertainSubmitError,
    FaultKind.JOB_FAILED: exceptions.TextInJobFailedError,
    FaultKind.TIMEOUT: exceptions.TextInTimeoutError,
}
TRANSIENT = {
    FaultKind.RATE_LIMIT,
    FaultKind.SERVER,
    FaultKind.TRANSPORT,
    FaultKind.RESULT,
    FaultKind.TIMEOUT,
}


def fault(kind: FaultKind = FaultKind.SERVER) -> Fault:
    return Fault(
        kind,
        about="xParse job 1: status",
        message="Parameter error",
        fix="Correct it",
        code=40004,
        detail="File not uploaded",
        request_id="r1",
        retry_after=2.5,
    )


@pytest.mark.parametrize("kind", CLASSES)
def test_a_kind_is_known_by_its_public_class(kind: FaultKind) -> None:
    assert type(error_for(fault(kind))) is CLASSES[kind]


def test_each_kind_has_a_class_of_its_own() -> None:
    classes = {type(error_for(fault(kind))) for kind in FaultKind}

    assert len(classes) == len(FaultKind)
    assert all(issubclass(one, TextInError) and one is not TextInError for one in classes)


@pytest.mark.parametrize("kind", FaultKind)
def test_an_error_fails_the_task_at_once_exactly_when_it_is_permanent(kind: FaultKind) -> None:
    assert kind.is_transient is (kind in TRANSIENT)
    assert isinstance(error_for(fault(kind)), AirflowFailException) is not kind.is_transient


@pytest.mark.parametrize(
    ("kind", "codes"),
    [
        (FaultKind.AUTHENTICATION, {40101, 40102, 40103}),
        (FaultKind.QUOTA, {40003, 40307}),
        (FaultKind.RATE_LIMIT, {423, 429, 900, 40306}),
        (FaultKind.SERVER, {500, 30203, 40428, 50011, 50012}),
    ],
)
def test_the_codes_that_are_not_the_requests_own_are_these(kind: FaultKind, codes: set[int]) -> None:
    assert {code for code, row in CODES.items() if row.kind is kind} == codes


@pytest.mark.parametrize(
    "code",
    [400, 404, 40004, 40007, 40008, *range(40301, 40306), 40400, *range(40422, 40428), 40429, 40600],
)
def test_a_bad_request_or_document_is_the_requests_own(code: int) -> None:
    assert meaning_of_code(code).kind is FaultKind.REQUEST


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (41234, FaultKind.REQUEST),
        (499, FaultKind.REQUEST),
        (49999, FaultKind.REQUEST),
        (50099, FaultKind.SERVER),
        (30999, FaultKind.SERVER),
        (0, FaultKind.SERVER),
        (-1, FaultKind.SERVER),
        (-4, FaultKind.SERVER),
        (2_000_000_000, FaultKind.SERVER),
    ],
)
def test_an_unpublished_code_is_judged_by_its_class(code: int, kind: FaultKind) -> None:
    assert meaning_of_code(code).kind is kind


@pytest.mark.parametrize("row", CODES.values(), ids=map(str, CODES))
def test_each_row_says_what_it_means_and_what_to_do(row: tuple[FaultKind, str, str]) -> None:
    _, meaning, fix = row
    assert meaning.strip()
    assert fix.strip()
    assert not fix.endswith(".")


@pytest.mark.parametrize("status", range(300, 600))
def test_every_http_status_has_a_meaning(status: int) -> None:
    assert meaning_of_http(status).kind in FaultKind


@pytest.mark.parametrize("kind", FaultKind)
@pytest.mark.parametrize(
    "travel",
    [lambda error: pickle.loads(pickle.dumps(error)), copy.copy, copy.deepcopy],
    ids=["pickle", "copy", "deepcopy"],
)
def test_an_error_arrives_as_it_left(kind: FaultKind, travel: object) -> None:
    error = error_for(fault(kind))

    arrived = travel(error)

    assert type(arrived) is type(error)
    assert (str(arrived), arrived.to_dict()) == (str(error), error.to_dict())


@pytest.mark.parametrize("kind", FaultKind)
def test_a_fault_becomes_plain_json_and_back(kind: FaultKind) -> None:
    original = fault(kind)

    back = Fault.from_dict(json.loads(json.dumps(original.to_dict())))

    assert back.kind is kind
    assert (str(back), back.to_dict()) == (str(original), original.to_dict())


def test_the_bare_minimum_becomes_plain_json_and_back() -> None:
    original = Fault(FaultKind.RESULT, about="it", message="broke")

    assert Fault.from_dict(original.to_dict()).to_dict() == original.to_dict()
    assert str(original) == "it: broke."


def test_an_error_says_what_failed_why_and_what_to_do() -> None:
    assert str(error_for(fault())) == (
        "xParse job 1: status: Parameter error (File not uploaded) [code 40004, request id r1]. Correct it."
    )


def test_an_error_carries_what_retry_rules_ask_for() -> None:
    error = error_for(fault())

    assert (error.code, error.message, error.detail) == (40004, "Parameter error", "File not uploaded")
    assert (error.request_id, error.retry_after) == ("r1", 2.5)
