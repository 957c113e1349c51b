"""What a wait for a batch waits for: late files, moving files, children, and faults that pass."""

from __future__ import annotations

import time
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowSensorTimeout

from tests.running import new_context, says_in_time
from tests.sensors.conftest import MODES
from tests.sensors.test_docflow_sensor import arguments, new_sensor, wait_for
from textin_provider.testing import FileScript, ScriptedFault, TextInServer

HTML = b"<html>502 Bad Gateway</html>"
NO_FAULT = ScriptedFault()
BLIPS = {
    "a gateway": ScriptedFault(http_status=502, body=HTML, content_type="text/html"),
    "no JSON": ScriptedFault(body=HTML),
    "reset": ScriptedFault(cut="before_answer"),
    "code 423": ScriptedFault(code=423),
    "code 429": ScriptedFault(code=429),
    "code 500": ScriptedFault(code=500),
    "code 900": ScriptedFault(code=900),
}
#: It is counted twice a look, and read once more; so its part moves for three rounds.
PARENT_OF_A_MOVING_PART = FileScript(status=1, children=(FileScript(statuses=[4] * 9 + [1]),))


def _timeout(batch: str, **others: Any) -> str:
    error = wait_for(batch, **{"timeout": 0.25, **others}).raised()
    assert isinstance(error, AirflowSensorTimeout)
    return str(error)


@pytest.mark.parametrize("omit_total", [False, True], ids=["with totals", "without totals"])
@pytest.mark.parametrize("mode", MODES)
def test_an_unknown_batch_is_never_done_and_the_deadline_says_that_no_file_was_visible(
    textin: TextInServer, mode: str, omit_total: bool
) -> None:
    textin.quirks.omit_total = omit_total
    message = _timeout("nobody-uploaded-this", **MODES[mode])
    assert "nobody-uploaded-this" in message
    assert "visible" in message


EXPECTATIONS = {
    "a number": 3,
    "a number in text": "3",
    "a list": ["a.pdf", "b.pdf", "c.pdf"],
    "a tuple": ("a.pdf", "b.pdf", "c.pdf"),
    "a list in text": "[{'file_id': '1', 'format': None}, {'file_id': '2'}, {'file_id': '3'}]",
    "a list in text, as JSON": '[{"file_id": "1", "format": null}, {"file_id": "2"}, {"file_id": "3"}]',
}


@pytest.mark.parametrize("expected", EXPECTATIONS.values(), ids=EXPECTATIONS)
def test_as_many_files_as_expected_are_waited_for(textin: TextInServer, expected: Any) -> None:
    # Two looks ask four times each for it in vain.
    late = FileScript(status=1, visible_after_fetches=8)
    batch = textin.add_batch(files=[FileScript(), FileScript(), late])
    assert wait_for(batch, expected_files=expected).returned()["total"] == 3


@pytest.mark.parametrize("omit_total", [False, True], ids=["with totals", "without totals"])
@pytest.mark.parametrize("mode", MODES)
def test_an_expectation_that_is_never_met_says_how_many_were_seen(
    textin: TextInServer, mode: str, omit_total: bool
) -> None:
    textin.quirks.omit_total = omit_total
    batch = textin.add_batch(count=2)
    message = _timeout(batch, expected_files=5, **MODES[mode])
    assert "2 of 2 (5 expected) done, 0 failed" in message


@pytest.mark.parametrize("mode", MODES)
def test_files_that_are_listed_late_are_waited_for(textin: TextInServer, mode: str) -> None:
    late = FileScript(status=1, visible_after_seconds=0.2)
    batch = textin.add_batch(files=[FileScript(), late])
    assert wait_for(batch, expected_files=2, **MODES[mode]).returned()["total"] == 2


@pytest.mark.parametrize("mode", MODES)
def test_a_list_that_is_empty_for_a_while_is_waited_out(textin: TextInServer, mode: str) -> None:
    batch = textin.add_batch(files=[FileScript(visible_after_seconds=0.2)] * 2)
    assert wait_for(batch, **MODES[mode]).returned()["total"] == 2


@pytest.mark.parametrize("omit_total", [False, True], ids=["with totals", "without totals"])
@pytest.mark.parametrize("mode", MODES)
def test_a_status_that_nobody_published_is_waited_with_until_the_deadline(
    textin: TextInServer, mode: str, omit_total: bool
) -> None:
    textin.quirks.omit_total = omit_total
    batch = textin.add_batch(files=[FileScript(status=1), FileScript(status=99)])
    message = _timeout(batch, **MODES[mode])
    assert batch in message
    assert omit_total or "1 of 2 done, 0 failed" in message


@pytest.mark.parametrize("mode", MODES)
def test_a_status_that_nobody_published_may_pass(textin: TextInServer, mode: str) -> None:
    batch = textin.add_batch(files=[FileScript(statuses=[99, 99, 99, 1])])
    assert wait_for(batch, **MODES[mode]).returned()["succeeded"] == 1


@pytest.mark.parametrize("mode", MODES)
def test_a_part_that_moves_while_its_file_has_ended_is_waited_for(textin: TextInServer, mode: str) -> None:
    batch = textin.add_batch(files=[PARENT_OF_A_MOVING_PART, FileScript()])
    outcome = wait_for(batch, **MODES[mode])
    assert (outcome.returned()["total"], outcome.value["succeeded"]) == (3, 3)
    assert len(outcome.deferrals) == (3 if mode == "deferrable" else 0)


def test_the_deadline_is_kept_when_a_wait_is_deferred_again(textin: TextInServer) -> None:
    batch = textin.add_batch(files=[PARENT_OF_A_MOVING_PART])
    first, *others = wait_for(batch, deferrable=True).deferrals
    assert len(others) == 2
    deadline = arguments(first)["deadline"]
    assert [arguments(other)["deadline"] for other in others] == [deadline] * 2
    assert [(other.kwargs or {})["deadline"] for other in others] == [deadline] * 2


def test_a_wait_that_is_deferred_again_goes_on_at_its_pace(textin: TextInServer) -> None:
    batch = textin.add_batch(files=[PARENT_OF_A_MOVING_PART])
    deferrals = wait_for(batch, deferrable=True).deferrals
    assert [arguments(deferral)["looks"] for deferral in deferrals] == [0, 1, 2]


def test_a_wait_that_resumes_past_its_deadline_ends_there(textin: TextInServer) -> None:
    batch = textin.add_batch(files=[FileScript(status=1, children=(FileScript(status="never"),))])
    resumed = {"event": {"ending": "terminal"}, "deadline": time.time() - 1.0}
    with pytest.raises(AirflowSensorTimeout, match="1 of 2 done, 0 failed"):
        new_sensor(batch, deferrable=True).resume_execution("execute_complete", resumed, new_context())


def test_a_batch_that_has_ended_is_a_success_even_past_the_deadline(textin: TextInServer) -> None:
    resumed = {"event": {"ending": "terminal"}, "deadline": time.time() - 1.0}
    sensor = new_sensor(textin.add_batch(count=2), deferrable=True)
    value = sensor.resume_execution("execute_complete", resumed, new_context())
    assert value["succeeded"] == 2


@pytest.mark.parametrize("mode", MODES)
def test_a_part_that_never_ends_is_waited_for_until_the_deadline(textin: TextInServer, mode: str) -> None:
    batch = textin.add_batch(files=[FileScript(status=1, children=(FileScript(status="never"),))])
    assert "1 of 2 done, 0 failed" in _timeout(batch, **MODES[mode])


@pytest.mark.parametrize("mode", MODES)
def test_files_that_are_deleted_meanwhile_are_not_waited_for(textin: TextInServer, mode: str) -> None:
    doomed = FileScript(status="never", vanish_after_fetches=2)
    batch = textin.add_batch(files=[FileScript(), doomed])
    assert wait_for(batch, **MODES[mode]).returned()["total"] == 1


@pytest.mark.parametrize("mode", MODES)
def test_files_that_are_deleted_are_missed_where_they_were_expected(textin: TextInServer, mode: str) -> None:
    def last_words(timeout: float) -> str:
        doomed = FileScript(status="never", vanish_after_fetches=2)
        batch = textin.add_batch(files=[FileScript(), doomed])
        return _timeout(batch, expected_files=2, timeout=timeout, **MODES[mode])

    says_in_time("1 of 1 (2 expected) done", last_words)


@pytest.mark.parametrize("mode", MODES)
def test_a_batch_that_is_deleted_meanwhile_is_never_done(textin: TextInServer, mode: str) -> None:
    def last_words(timeout: float) -> str:
        batch = textin.add_batch(files=[FileScript(status="never", vanish_after_fetches=2)] * 2)
        return _timeout(batch, timeout=timeout, **MODES[mode])

    says_in_time("no file is visible", last_words)


def test_files_that_are_deleted_between_counting_and_reading_are_waited_for_again(
    textin: TextInServer,
) -> None:
    def last_words(timeout: float) -> str:
        # Two counts of the one look meet them; when they are read they are gone.
        batch = textin.add_batch(files=[FileScript(status=1, vanish_after_fetches=2)] * 2)
        return _timeout(batch, timeout=timeout, deferrable=True)

    says_in_time("no file is visible", last_words)


@pytest.mark.parametrize("mode", MODES)
def test_totals_may_be_missing(textin: TextInServer, mode: str) -> None:
    textin.quirks.omit_total = True
    scripts = [
        FileScript(pending_seconds=0.1, processing_seconds=0.1, status=status) for status in (1, 2, 10)
    ]
    batch = textin.add_batch(files=[*scripts, PARENT_OF_A_MOVING_PART])
    value = wait_for(batch, raise_on_failure=False, **MODES[mode]).returned()
    assert [value[name] for name in ("total", "succeeded", "failed", "classified")] == [5, 3, 1, 1]


def test_totals_may_be_missing_where_pages_are_shorter_than_asked_for(textin: TextInServer) -> None:
    textin.quirks.omit_total, textin.quirks.max_page_size = True, 4
    assert wait_for(textin.add_batch(count=10)).returned()["total"] == 10


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("fault", BLIPS.values(), ids=BLIPS)
def test_a_blip_at_the_first_look_is_waited_out(
    textin: TextInServer, fault: ScriptedFault, mode: str
) -> None:
    textin.fault("fetch", fault)
    assert wait_for(textin.add_batch(count=1), **MODES[mode]).returned()["succeeded"] == 1


@pytest.mark.parametrize("mode", MODES)
def test_a_blip_when_the_files_are_read_is_waited_out(textin: TextInServer, mode: str) -> None:
    textin.fault("fetch", NO_FAULT, times=4)
    # More often than the reading of a page is tried.
    textin.fault("fetch", BLIPS["a gateway"], times=5)
    assert wait_for(textin.add_batch(count=1), **MODES[mode]).returned()["succeeded"] == 1


@pytest.mark.parametrize("mode", MODES)
def test_faults_until_the_deadline_are_a_sensor_timeout(textin: TextInServer, mode: str) -> None:
    textin.fault("fetch", ScriptedFault(code=500), times=None)
    assert "code 500" in _timeout(textin.add_batch(count=1), **MODES[mode])
