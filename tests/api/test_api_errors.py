"""The table of errors: from a code to its kind, from a kind to its public class, and on their travels."""

from __future__ import annotations

import copy
import json
import pickle
from typing import TYPE_CHECKING

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from textin_provider import exceptions
from textin_provider.api.errors import (
    CODES,
    ApiError,
    ErrorKind,
    meaning_of_code,
    meaning_of_http,
    meaning_without_envelope,
)
from textin_provider.exceptions import TextInError

if TYPE_CHECKING:
    from collections.abc import Callable

CLASSES = {
    ErrorKind.AUTHENTICATION: exceptions.TextInAuthenticationError,
    ErrorKind.CONFIGURATION: exceptions.TextInConfigurationError,
    ErrorKind.QUOTA: exceptions.TextInQuotaError,
    ErrorKind.REQUEST: exceptions.TextInRequestError,
    ErrorKind.RATE_LIMIT: exceptions.TextInRateLimitError,
    ErrorKind.SERVER: exceptions.TextInServerError,
    ErrorKind.TRANSPORT: exceptions.TextInTransportError,
    ErrorKind.STORAGE: exceptions.TextInStorageError,
    ErrorKind.RESULT: exceptions.TextInBadResultError,
    ErrorKind.UNCERTAIN: exceptions.TextInUncertainSubmitError,
    ErrorKind.JOB_FAILED: exceptions.TextInJobFailedError,
    ErrorKind.TIMEOUT: exceptions.TextInTimeoutError,
}
TRANSIENT = {
    ErrorKind.RATE_LIMIT,
    ErrorKind.SERVER,
    ErrorKind.TRANSPORT,
    ErrorKind.STORAGE,
    ErrorKind.RESULT,
    ErrorKind.TIMEOUT,
}


def fault(kind: ErrorKind = ErrorKind.SERVER) -> ApiError:
    return ApiError(
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
def test_a_kind_is_known_by_its_public_class(kind: ErrorKind) -> None:
    assert type(fault(kind)) is CLASSES[kind]


def test_each_kind_has_a_class_of_its_own() -> None:
    classes = {type(fault(kind)) for kind in ErrorKind}

    assert len(classes) == len(ErrorKind)
    assert all(issubclass(one, TextInError) and one is not TextInError for one in classes)


@pytest.mark.parametrize("kind", ErrorKind)
def test_an_error_fails_the_task_at_once_exactly_when_it_is_permanent(kind: ErrorKind) -> None:
    assert kind.is_transient is (kind in TRANSIENT)
    assert isinstance(fault(kind), AirflowFailException) is not kind.is_transient


@pytest.mark.parametrize(
    ("kind", "codes"),
    [
        (ErrorKind.AUTHENTICATION, {401, 403, 40101, 40102, 40103}),
        (ErrorKind.QUOTA, {40003, 40307}),
        (ErrorKind.RATE_LIMIT, {423, 429, 900, 40306}),
        (ErrorKind.SERVER, {500, 30203, 40428, 50011, 50012}),
    ],
)
def test_the_codes_that_are_not_the_requests_own_are_these(kind: ErrorKind, codes: set[int]) -> None:
    assert {code for code, row in CODES.items() if row.kind is kind} == codes


@pytest.mark.parametrize(
    "code",
    [400, 404, 40004, 40007, 40008, *range(40301, 40306), 40400, *range(40422, 40428), 40429, 40600],
)
def test_a_bad_request_or_document_is_the_requests_own(code: int) -> None:
    assert meaning_of_code(code).kind is ErrorKind.REQUEST


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        *((code, ErrorKind.REQUEST) for code in (-500, -4, -1, 0, 1, 14, 201, 402, 499, 600, 777)),
        *(
            (code, ErrorKind.REQUEST)
            for code in (30999, 41234, 49999, 50099, 59999, 1005999999, 2_000_000_000)
        ),
        *((code, ErrorKind.SERVER) for code in (501, 502, 503, 504, 599)),
    ],
)
def test_a_code_that_nobody_has_listed_is_a_refusal_except_500_to_599(code: int, kind: ErrorKind) -> None:
    assert meaning_of_code(code).kind is kind


@pytest.mark.parametrize("row", CODES.values(), ids=map(str, CODES))
def test_each_row_says_what_it_means_and_what_to_do(row: tuple[ErrorKind, str, str]) -> None:
    _, meaning, fix = row
    assert meaning.strip()
    assert fix.strip()
    assert not fix.endswith(".")


@pytest.mark.parametrize("code", [1005006000, 1005016000, 1005025000, 1005025103])
def test_a_business_refusal_of_docflow_is_listed(code: int) -> None:
    assert code in CODES
    assert meaning_of_code(code).kind is ErrorKind.REQUEST


def test_the_fix_for_too_many_requests_names_both_causes() -> None:
    fix = meaning_of_code(40306).fix
    assert "max_requests_per_second" in fix
    assert "page_range" in fix


@pytest.mark.parametrize("status", range(200, 600))
def test_without_an_envelope_no_http_status_is_permanent(status: int) -> None:
    known = meaning_without_envelope(status)
    is_limit = status in (423, 429)
    assert known.kind is (ErrorKind.RATE_LIMIT if is_limit else ErrorKind.SERVER)
    assert all(word in known.fix for word in ("not TextIn", "host", "proxy", "gateway"))
    assert ("redirected" in known.meaning) is (300 <= status < 400)
    assert meaning_of_http(status).kind.is_transient


@pytest.mark.parametrize("kind", ErrorKind)
@pytest.mark.parametrize(
    "travel",
    [lambda error: pickle.loads(pickle.dumps(error)), copy.copy, copy.deepcopy],
    ids=["pickle", "copy", "deepcopy"],
)
def test_an_error_arrives_as_it_left(kind: ErrorKind, travel: Callable[[ApiError], ApiError]) -> None:
    error = fault(kind)

    arrived = travel(error)

    assert type(arrived) is type(error)
    assert (str(arrived), arrived.to_dict()) == (str(error), error.to_dict())


@pytest.mark.parametrize("kind", ErrorKind)
def test_a_fault_becomes_plain_json_and_back(kind: ErrorKind) -> None:
    original = fault(kind)

    back = ApiError.from_dict(json.loads(json.dumps(original.to_dict())))

    assert back.kind is kind
    assert (str(back), back.to_dict()) == (str(original), original.to_dict())


def test_the_bare_minimum_becomes_plain_json_and_back() -> None:
    original = ApiError(ErrorKind.RESULT, about="it", message="broke")

    assert ApiError.from_dict(original.to_dict()).to_dict() == original.to_dict()
    assert str(original) == "it: broke."


def test_an_error_says_what_failed_why_and_what_to_do() -> None:
    assert str(fault()) == (
        "xParse job 1: status: Parameter error (File not uploaded) [code 40004, request id r1]. Correct it."
    )


def test_an_error_carries_what_retry_rules_ask_for() -> None:
    error = fault()

    assert (error.code, error.message, error.detail) == (40004, "Parameter error", "File not uploaded")
    assert (error.request_id, error.retry_after) == ("r1", 2.5)
