"""Text that UTF-8 or a database cannot hold: half of a surrogate pair, as a cut emoji leaves it, and NUL."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.faults.test_properties_of_answers import check_storable
from tests.running import run
from textin_provider.operators.docflow import DocFlowDownloadResultsOperator
from textin_provider.sensors.docflow import DocFlowBatchSensor
from textin_provider.sensors.xparse import XParseJobSensor
from textin_provider.testing import ScriptedFault, TextInServer

if TYPE_CHECKING:
    from pathlib import Path

HALF = "all of it \ud83d\x00"
WAIT: dict[str, Any] = {"task_id": "t", "poke_interval": 0.01, "raise_on_failure": False}
MODES = [pytest.param(False, id="poke"), pytest.param(True, id="deferrable")]


def answer(key: str, data: dict[str, Any]) -> ScriptedFault:
    return ScriptedFault(body=json.dumps({"code": 200, key: data}).encode())


@pytest.mark.parametrize("deferrable", MODES)
def test_the_value_and_the_event_of_a_job_can_be_stored(textin: TextInServer, deferrable: bool) -> None:
    # A triggerer of Airflow 3 that cannot encode one event ends, and all that it waits for with it.
    textin.fault("status", answer("data", {"status": "pending"}))
    textin.fault("status", answer("data", {"status": "failed", "message": HALF, "file_id": HALF}), None)
    outcome = run(lambda: XParseJobSensor(job_id="j1", deferrable=deferrable, **WAIT))
    check_storable(outcome.returned())
    assert outcome.returned()["message"].startswith("all of it ")


@pytest.mark.parametrize("deferrable", MODES)
def test_a_refusal_can_be_told(textin: TextInServer, deferrable: bool) -> None:
    textin.fault("status", answer("data", {"status": "pending"}))
    body = json.dumps({"code": 40004, "message": HALF, "data": {"message": HALF}}).encode()
    textin.fault("status", ScriptedFault(body=body), None)
    error = run(lambda: XParseJobSensor(job_id="j1", deferrable=deferrable, **WAIT)).raised()
    check_storable(str(error))


def failed_file() -> dict[str, Any]:
    file = {"id": "1", "name": HALF, "recognition_status": 2, "failure_causes": HALF}
    return {"total": 1, "files": [file]}


def test_the_value_of_a_batch_can_be_stored(textin: TextInServer) -> None:
    textin.fault("fetch", answer("result", failed_file()), None)
    check_storable(run(lambda: DocFlowBatchSensor(batch_number="b1", **WAIT)).returned())


def test_the_records_of_a_batch_can_be_stored(textin: TextInServer, tmp_path: Path) -> None:
    data = {"fields": [{"value": HALF}]}
    file = {"id": "1", "name": "a.pdf", "recognition_status": 1, "data": data}
    textin.fault("fetch", answer("result", {"total": 1, "files": [file]}), None)
    path = tmp_path / "out.jsonl"
    run(
        lambda: DocFlowDownloadResultsOperator(task_id="t", batch_number="b1", output_path=str(path))
    ).returned()
    # The lines are strict JSON, which UTF-8 cannot hold the half in.
    whole = HALF.replace("\ud83d", "\ufffd")
    assert json.loads(path.read_bytes())["data"] == {"fields": [{"value": whole}]}
