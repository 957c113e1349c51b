"""No gateway makes the document operator submit again: only TextIn's own word does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from tests.foreign import FOREIGN, SOME_FOREIGN
from tests.operators.document import MODES, Store, crash_while_waiting, modes, parse, submitted
from textin_provider.exceptions import (
    TextInAuthenticationError,
    TextInError,
    TextInRequestError,
    TextInServerError,
    TextInUncertainSubmitError,
)
from textin_provider.testing import JobScript, ScriptedFault, TextInServer

if TYPE_CHECKING:
    from collections.abc import Callable

every_response = pytest.mark.parametrize("foreign", FOREIGN.values(), ids=FOREIGN)


@modes
@every_response
def test_a_gateway_at_the_first_poll_of_a_retry_submits_nothing(
    textin: TextInServer, store: Store, task: dict[str, Any], mode: str, foreign: ScriptedFault
) -> None:
    textin.script(JobScript(states=["pending", "completed"]))
    crash_while_waiting(store, **task, **MODES[mode])
    textin.fault("status", foreign)

    outcome = parse(store, **task, **MODES[mode])

    assert outcome.returned()["job_id"] == store.job["job_id"]
    assert submitted(textin) == (1, 1)


@modes
@pytest.mark.parametrize(
    "refusal",
    [
        ScriptedFault(code=40400),
        ScriptedFault(code=41234),
        ScriptedFault(body=b'{"code": 0, "message": "no"}'),
        ScriptedFault(code=400, http_status=400),
        ScriptedFault(code=1005025103, http_status=400),
    ],
    ids=["address", "unlisted", "zero", "parameter", "ten digits"],
)
def test_an_envelope_that_refuses_something_else_submits_nothing(
    textin: TextInServer, store: Store, task: dict[str, Any], mode: str, refusal: ScriptedFault
) -> None:
    crash_while_waiting(store, **task, **MODES[mode])
    textin.fault("status", refusal)

    assert isinstance(parse(store, **task, **MODES[mode]).raised(), TextInError)
    assert submitted(textin) == (1, 1)


@modes
def test_an_envelope_that_refuses_a_poll_ends_the_wait_without_a_retry(
    textin: TextInServer, task: dict[str, Any], mode: str
) -> None:
    textin.fault("status", ScriptedFault(code=41234))

    error = parse(**task, **MODES[mode]).raised()

    assert type(error) is TextInRequestError
    assert isinstance(error, AirflowFailException)
    assert submitted(textin) == (1, 1)


@modes
@pytest.mark.parametrize("code", [401, 403])
def test_rejected_credentials_in_a_body_submit_nothing(
    textin: TextInServer, store: Store, task: dict[str, Any], mode: str, code: int
) -> None:
    crash_while_waiting(store, **task, **MODES[mode])
    textin.fault("status", ScriptedFault(code=code, http_status=code))

    assert isinstance(parse(store, **task, **MODES[mode]).raised(), TextInAuthenticationError)
    assert submitted(textin) == (1, 1)


@modes
@pytest.mark.parametrize(
    "unknown",
    [
        ScriptedFault(code=40004),
        ScriptedFault(code=404),
        ScriptedFault(body=b'{"code": 404, "message": "no", "x_request_id": "r"}', http_status=404),
    ],
    ids=["40004", "404", "HTTP 404 with an envelope"],
)
def test_an_envelope_that_does_not_know_the_job_submits_again(
    textin: TextInServer,
    store: Store,
    task: dict[str, Any],
    mode: str,
    unknown: ScriptedFault,
    logged: Callable[[], str],
) -> None:
    crash_while_waiting(store, **task, **MODES[mode])
    lost = store.job["job_id"]
    textin.fault("status", unknown)

    assert parse(store, **task, **MODES[mode]).returned()["job_id"] != lost
    assert submitted(textin) == (2, 2)
    assert f"The stored job {lost} is gone (" in logged()


@pytest.mark.parametrize("foreign", SOME_FOREIGN.values(), ids=SOME_FOREIGN)
@pytest.mark.parametrize("accept", [False, True])
def test_a_gateway_after_the_submit_is_uncertain_and_stores_no_job(
    textin: TextInServer, store: Store, task: dict[str, Any], foreign: ScriptedFault, accept: bool
) -> None:
    textin.fault("submit", ScriptedFault(**{**vars(foreign), "accept": accept}))

    assert isinstance(parse(store, **task).raised(), TextInUncertainSubmitError)
    assert submitted(textin) == (1, int(accept))


@pytest.mark.parametrize("code", [500, 503, 30203])
def test_a_failure_in_an_envelope_accepts_nothing_and_is_retried(
    textin: TextInServer, store: Store, task: dict[str, Any], code: int
) -> None:
    textin.fault("submit", ScriptedFault(code=code))

    assert type(parse(store, **task).raised()) is TextInServerError
    assert submitted(textin) == (1, 0)
    parse(store, **task).returned()
    assert submitted(textin) == (2, 1)
