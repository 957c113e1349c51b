"""How a wait for a batch ends badly: failed files, refusals, bad input, and events of no known shape."""

from __future__ import annotations

import json
import pickle
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, AirflowSkipException

from tests.running import new_context
from tests.sensors.conftest import MODES
from tests.sensors.test_docflow_sensor import SAMPLE, new_sensor, wait_for
from textin_provider.exceptions import (
    TextInAuthenticationError,
    TextInConfigurationError,
    TextInError,
    TextInFilesFailedError,
    TextInRequestError,
)
from textin_provider.testing import FileScript, ScriptedFault, TextInServer

NO_FAULT = ScriptedFault()
SLOW_SAMPLE = [FileScript(name="good.pdf", statuses=[4, 1]), SAMPLE[1]]


def _failed(textin: TextInServer) -> Any:
    [file] = [file for file in textin.files.values() if file.script.failure_causes]
    return file


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("files", [SAMPLE, SLOW_SAMPLE], ids=["at the first look", "later"])
def test_a_failed_file_fails_the_task_without_retry_and_is_named_with_its_cause(
    textin: TextInServer, files: list[FileScript], mode: str
) -> None:
    batch = textin.add_batch(files=files)

    error = wait_for(batch, **MODES[mode]).raised()

    assert isinstance(error, TextInFilesFailedError)
    assert isinstance(error, AirflowFailException)
    assert f"发票.pdf (file_id {_failed(textin).file_id}): 文件格式不支持" in str(error)
    assert f"batch_number={batch!r}" in str(error)
    assert "1 of 2 failed" in str(error)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("files", [SAMPLE, SLOW_SAMPLE], ids=["at the first look", "later"])
def test_the_value_is_pushed_before_the_error(
    textin: TextInServer, files: list[FileScript], mode: str
) -> None:
    batch = textin.add_batch(files=files)
    pushed = wait_for(batch, **MODES[mode]).xcoms
    assert pushed == {"return_value": wait_for(batch, raise_on_failure=False).returned()}


@pytest.mark.parametrize("mode", MODES)
def test_nothing_is_pushed_where_the_task_shall_push_nothing(textin: TextInServer, mode: str) -> None:
    outcome = wait_for(textin.add_batch(files=SLOW_SAMPLE), do_xcom_push=False, **MODES[mode])
    assert isinstance(outcome.raised(), TextInFilesFailedError)
    assert outcome.xcoms == {}


@pytest.mark.parametrize("mode", MODES)
def test_a_failed_file_is_not_told_before_the_others_have_ended(textin: TextInServer, mode: str) -> None:
    batch = textin.add_batch(files=SLOW_SAMPLE)
    outcome = wait_for(batch, **MODES[mode])
    assert outcome.xcoms["return_value"]["succeeded"] == 1


@pytest.mark.parametrize("mode", MODES)
def test_a_failed_part_of_a_file_that_succeeded_fails_the_task(textin: TextInServer, mode: str) -> None:
    parts = (FileScript(), FileScript(status=2, failure_causes="空白页", file_id="77"))
    error = wait_for(textin.add_batch(files=[FileScript(children=parts)]), **MODES[mode]).raised()
    assert isinstance(error, TextInFilesFailedError)
    assert "(file_id 77): 空白页" in str(error)


def test_twenty_failures_are_named_and_the_rest_counted(textin: TextInServer) -> None:
    scripts = [FileScript(name=f"{number}.pdf", status=2, failure_causes="坏") for number in range(150)]
    outcome = wait_for(textin.add_batch(files=scripts))
    error = outcome.raised()
    assert isinstance(error, TextInFilesFailedError)
    assert "150 of 150 failed" in str(error)
    assert "and 130 more" in str(error)
    assert "19.pdf (file_id" in str(error)
    assert "20.pdf (file_id" not in str(error)
    assert len(outcome.xcoms["return_value"]["failures"]) == 100


def test_the_error_survives_a_process_boundary(textin: TextInServer) -> None:
    error = wait_for(textin.add_batch(files=SAMPLE)).raised()
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again)) == (type(error), str(error))


@pytest.mark.parametrize("mode", MODES)
def test_wrong_credentials_end_the_wait_at_once(
    textin: TextInServer, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_TEXTIN_DEFAULT", json.dumps(textin.connection() | {"password": "wrong"}))
    error = wait_for(textin.add_batch(count=1), **MODES[mode]).raised()
    assert isinstance(error, TextInAuthenticationError)
    assert error.code == 40102
    assert textin.count("fetch") == 1


@pytest.mark.parametrize("good_requests", [4, 5, 8], ids=["while counting", "later", "after reading"])
@pytest.mark.parametrize("mode", MODES)
def test_credentials_that_become_wrong_end_the_wait(
    textin: TextInServer, mode: str, good_requests: int
) -> None:
    textin.fault("fetch", NO_FAULT, times=good_requests)
    textin.fault("fetch", ScriptedFault(code=40102), times=None)
    error = wait_for(textin.add_batch(files=[FileScript(statuses=[4, 1])]), **MODES[mode]).raised()
    assert isinstance(error, TextInAuthenticationError)
    assert isinstance(error, AirflowFailException)
    assert textin.count("fetch") == good_requests + 1


@pytest.mark.parametrize("mode", MODES)
def test_an_unknown_workspace_ends_the_wait_at_once(textin: TextInServer, mode: str) -> None:
    error = wait_for(textin.add_batch(count=1), workspace_id="nobodys", **MODES[mode]).raised()
    assert isinstance(error, TextInRequestError)
    assert "workspace" in str(error)
    assert textin.count("fetch") == 1


@pytest.mark.parametrize("mode", MODES)
def test_no_workspace_anywhere_is_an_error_that_says_where_to_give_one(
    textin: TextInServer, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    connection = textin.connection() | {"extra": {"docflow_host": textin.url}}
    monkeypatch.setenv("AIRFLOW_CONN_TEXTIN_DEFAULT", json.dumps(connection))
    error = wait_for(textin.add_batch(count=1), **MODES[mode]).raised()
    assert isinstance(error, TextInConfigurationError)
    assert "workspace_id" in str(error)
    assert "textin_default" in str(error)
    assert textin.count("*") == 0


@pytest.mark.parametrize(
    ("selectors", "problem"),
    [
        pytest.param({}, "none is given", id="none"),
        pytest.param({"batch_number": "1", "file_id": "2"}, "several are given", id="two"),
        pytest.param(
            {"batch_number": "1", "file_id": "2", "docflow_task_id": "3"}, "several are given", id="three"
        ),
        pytest.param({"batch_number": ""}, "batch_number=''", id="an empty one"),
        pytest.param({"batch_number": "None"}, "batch_number='None'", id="a template without a value"),
        pytest.param({"file_id": ["1"]}, "file_id=['1']", id="a list"),
        pytest.param({"docflow_task_id": True}, "task_id=True", id="a truth"),
    ],
)
@pytest.mark.parametrize("mode", MODES)
def test_anything_but_one_selector_is_refused_before_anything_is_asked(
    textin: TextInServer, mode: str, selectors: dict[str, Any], problem: str
) -> None:
    error = wait_for(**selectors, **MODES[mode]).raised()
    assert isinstance(error, TextInRequestError)
    assert problem in str(error)
    assert textin.count("*") == 0


@pytest.mark.parametrize("expected", [0, -1, True, [], "0", "[]", "many", "[1, 2", 2.5, "2.5"], ids=repr)
@pytest.mark.parametrize("mode", MODES)
def test_an_expectation_that_is_no_number_of_files_is_named(
    textin: TextInServer, mode: str, expected: Any
) -> None:
    error = wait_for(textin.add_batch(count=1), expected_files=expected, **MODES[mode]).raised()
    assert isinstance(error, TextInRequestError)
    assert str(error).startswith(f"expected_files={expected!r}: ")
    assert textin.count("*") == 0


MALFORMED = {
    "none": None,
    "empty": {},
    "no ending": {"status": "success"},
    "an ending nobody knows": {"ending": "unheard of"},
    "timeout without a message": {"ending": "timeout"},
    "fault without a fault": {"ending": "fault"},
    "no object": ["terminal"],
}


@pytest.mark.parametrize("event", MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_event_is_never_a_success(textin: TextInServer, event: Any) -> None:
    sensor = new_sensor(textin.add_batch(count=1), deferrable=True)
    with pytest.raises(Exception) as raised:  # noqa: PT011
        sensor.resume_execution("execute_complete", {"event": event}, new_context())
    assert not isinstance(raised.value, AirflowSkipException | TextInError)


@pytest.mark.parametrize("mode", MODES)
def test_neither_value_nor_log_holds_a_secret_or_what_was_extracted(
    textin: TextInServer, mode: str, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    textin.fault("fetch", ScriptedFault(code=500))
    contents = {"fields": [{"key": "Seller", "value": "Example Pumps Ltd"}]}
    batch = textin.add_batch(files=[FileScript(statuses=[4, 1], data=contents)])
    value = wait_for(batch, **MODES[mode]).returned()
    shown = json.dumps(value) + caplog.text + "".join(capfd.readouterr())
    assert [secret for secret in (textin.secret_code, "Example Pumps") if secret in shown] == []
