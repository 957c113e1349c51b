"""The sensor of a DocFlow batch: what it returns, when it defers, and what its trigger is told."""

from __future__ import annotations

import json
import time
from datetime import timedelta
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred

from tests.running import Outcome, new_context, run
from tests.sensors.conftest import MODES
from textin_provider.sensors.docflow import DocFlowBatchSensor
from textin_provider.testing import FileScript, TextInServer

#: The sample of the vendor's page about task states.
SAMPLE = [
    FileScript(name="企业信用报告.pdf", format="pdf", status=1, category="credit_report", duration_ms=15000),
    FileScript(
        name="发票.pdf", status=2, category="invoice", duration_ms=8000, failure_causes="文件格式不支持"
    ),
]


def new_sensor(batch_number: Any = None, **others: Any) -> DocFlowBatchSensor:
    """Make a sensor that looks often and has time, unless a test says otherwise."""
    usual = {"task_id": "wait", "poke_interval": 0.02, "timeout": 20.0, "batch_number": batch_number}
    return DocFlowBatchSensor(**{**usual, **others})


def wait_for(batch_number: Any = None, **others: Any) -> Outcome:
    """Run such a sensor to its end."""
    return run(lambda: new_sensor(batch_number, **others))


def deferral(sensor: DocFlowBatchSensor) -> TaskDeferred:
    """Run a sensor as far as its deferral."""
    with pytest.raises(TaskDeferred) as deferred:
        sensor.execute(new_context())
    return deferred.value


def arguments(deferred: TaskDeferred) -> dict[str, Any]:
    """Return what the trigger of a deferral was told."""
    told: dict[str, Any] = deferred.trigger.serialize()[1]
    return told


@pytest.mark.parametrize("mode", MODES)
def test_the_sample_of_the_vendor_succeeds_where_failures_are_a_value(
    textin: TextInServer, mode: str
) -> None:
    batch = textin.add_batch("202610190001", files=SAMPLE)
    bad = list(textin.files.values())[1]

    outcome = wait_for(batch, raise_on_failure=False, **MODES[mode])

    assert outcome.returned() == {
        "batch_number": "202610190001",
        "total": 2,
        "succeeded": 1,
        "failed": 1,
        "classified": 0,
        "duration_ms": {"total": 23000, "max": 15000},
        "failures": [
            {
                "file_id": bad.file_id,
                "task_id": bad.task_id,
                "name": "发票.pdf",
                "failure_causes": "文件格式不支持",
            }
        ],
    }
    assert outcome.xcoms == {}


@pytest.mark.parametrize("mode", MODES)
def test_it_returns_what_came_of_the_files_whatever_the_mode(textin: TextInServer, mode: str) -> None:
    scripts = [
        FileScript(statuses=[0, 20, 4, 1], duration_ms=300),
        FileScript(statuses=[0, 10], duration_ms=200),
        FileScript(status=1, duration_ms=100),
    ]
    batch = textin.add_batch(files=scripts)

    outcome = wait_for(batch, **MODES[mode])

    assert outcome.returned() == {
        "batch_number": batch,
        "total": 3,
        "succeeded": 2,
        "failed": 0,
        "classified": 1,
        "duration_ms": {"total": 600, "max": 300},
        "failures": [],
    }
    assert (outcome.pauses > 0, len(outcome.deferrals)) == (mode == "reschedule", int(mode == "deferrable"))


@pytest.mark.parametrize(
    "script",
    [
        pytest.param({}, id="succeeded"),
        pytest.param({"statuses": [4, 2], "failure_causes": "坏文件"}, id="failed"),
        pytest.param({"statuses": [4, 2]}, id="failed without a cause"),
        pytest.param({"statuses": [4, 10]}, id="classified"),
        pytest.param({"statuses": [4, 1], "null_fields": ("*",)}, id="a record full of nulls"),
        pytest.param({"statuses": [4, 1], "omit_fields": ("*",)}, id="a record of the least fields"),
        pytest.param({"children": (FileScript(status=2), FileScript())}, id="split, one part failed"),
    ],
)
def test_the_value_is_equal_in_all_modes(textin: TextInServer, script: dict[str, Any]) -> None:
    batch = textin.add_batch(files=[FileScript(**script)])
    [file] = [file for file in textin.files.values() if file.parent is None]
    values = []
    for options in MODES.values():
        file.fetches = 0
        values.append(wait_for(batch, raise_on_failure=False, **options).returned())
    assert values[0]["batch_number"] == batch
    assert values == [values[0]] * 3


@pytest.mark.parametrize("mode", MODES)
def test_a_batch_that_has_ended_is_seen_at_the_first_look(textin: TextInServer, mode: str) -> None:
    outcome = wait_for(textin.add_batch(count=3), **MODES[mode])
    assert outcome.returned()["succeeded"] == 3
    assert (outcome.deferrals, outcome.pauses) == ([], 0)
    # Four counts, and the files themselves.
    assert textin.count("fetch") == 5


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("argument", "attribute"), [("file_id", "file_id"), ("docflow_task_id", "task_id")])
def test_one_file_may_be_waited_for(textin: TextInServer, argument: str, attribute: str, mode: str) -> None:
    batch = textin.add_batch(files=[FileScript(status="never"), FileScript(statuses=[4, 1], duration_ms=70)])
    file = list(textin.files.values())[1]
    value = wait_for(**{argument: getattr(file, attribute)}, **MODES[mode]).returned()
    assert (value["batch_number"], value["total"], value["duration_ms"]["total"]) == (batch, 1, 70)


@pytest.mark.parametrize("mode", MODES)
def test_one_part_of_a_file_may_be_waited_for(textin: TextInServer, mode: str) -> None:
    whole = FileScript(children=(FileScript(file_id="77", status=1),), list_children_at_top_level=True)
    textin.add_batch(files=[whole])
    assert wait_for(file_id="77", timeout=1.0, **MODES[mode]).returned()["succeeded"] == 1


@pytest.mark.parametrize("mode", MODES)
def test_a_workspace_of_its_own_is_asked_for(monkeypatch: pytest.MonkeyPatch, mode: str) -> None:
    with TextInServer(workspace_id=["first", "second"]) as textin:
        monkeypatch.setenv("AIRFLOW_CONN_TEXTIN_DEFAULT", json.dumps(textin.connection()))
        batch = textin.add_batch(files=[FileScript(statuses=[4, 1])])
        assert wait_for(batch, workspace_id="first", **MODES[mode]).returned()["total"] == 1
        other = wait_for(batch, workspace_id="second", timeout=0.2, **MODES[mode]).raised()
        assert "no file is visible" in str(other)


@pytest.mark.parametrize("mode", MODES)
def test_documents_within_a_file_count_and_are_named_where_they_failed(
    textin: TextInServer, mode: str
) -> None:
    parts = (FileScript(status=1), FileScript(status=2, failure_causes="空白页", file_id="77"))
    whole = FileScript(status=1, duration_ms=900, children=parts)
    value = wait_for(textin.add_batch(files=[whole]), raise_on_failure=False, **MODES[mode]).returned()
    assert (value["total"], value["succeeded"], value["failed"]) == (3, 2, 1)
    assert value["duration_ms"] == {"total": 900, "max": 900}
    [failure] = value["failures"]
    assert (failure["file_id"], failure["failure_causes"]) == ("77", "空白页")


@pytest.mark.parametrize("is_listed", [False, True], ids=["only within it", "beside it too"])
def test_documents_within_a_file_count_once(textin: TextInServer, is_listed: bool) -> None:
    whole = FileScript(children=(FileScript(), FileScript()), list_children_at_top_level=is_listed)
    value = wait_for(textin.add_batch(files=[whole, FileScript()]), expected_files=2).returned()
    assert (value["total"], value["succeeded"]) == (4, 4)


def test_a_file_on_two_pages_counts_once(textin: TextInServer) -> None:
    textin.quirks.max_page_size, textin.quirks.duplicate_over_pages = 4, True
    scripts = [FileScript(duration_ms=10)] * 9 + [FileScript(status=2)]
    value = wait_for(textin.add_batch(files=scripts), raise_on_failure=False).returned()
    assert (value["total"], value["failed"], len(value["failures"])) == (10, 1, 1)
    assert value["duration_ms"]["max"] == 10


@pytest.mark.parametrize("mode", MODES)
def test_a_large_batch_makes_a_small_value(textin: TextInServer, mode: str) -> None:
    moving = FileScript(statuses=[4, 1])
    batch = textin.add_batch(files=[moving], count=999, data_bytes=10_000)
    outcome = wait_for(batch, **MODES[mode])
    assert outcome.returned()["total"] == 1000
    assert len(json.dumps(outcome.value)) < 1_000


def test_a_thousand_failures_are_counted_and_the_first_hundred_listed(textin: TextInServer) -> None:
    batch = textin.add_batch(count=1000, script=FileScript(status=2, failure_causes="文件格式不支持"))
    value = wait_for(batch, raise_on_failure=False).returned()
    assert (value["failed"], len(value["failures"])) == (1000, 100)


def test_the_trigger_is_told_what_the_sensor_was_told(textin: TextInServer) -> None:
    batch = textin.add_batch(files=[FileScript(status="never")])
    sensor = new_sensor(
        batch,
        expected_files=["a", "b"],
        deferrable=True,
        poke_interval=timedelta(seconds=30),
        timeout=timedelta(hours=2),
        exponential_backoff=True,
        max_wait=timedelta(minutes=10),
    )
    before = time.time()

    told = arguments(deferral(sensor))

    assert before + 7200 <= told.pop("deadline") <= time.time() + 7200
    assert told == {
        "selector": "batch_number",
        "value": batch,
        "workspace_id": "local-workspace",
        "expected_files": 2,
        "textin_conn_id": "textin_default",
        "poll_interval": 30.0,
        "timeout": 7200.0,
        "exponential_backoff": True,
        "max_wait": 600.0,
        "looks": 0,
    }


def test_the_templates_are_rendered() -> None:
    given: dict[str, Any] = {
        "batch_number": "{{ x }}1",
        "file_id": "{{ x }}2",
        "docflow_task_id": "{{ x }}3",
        "workspace_id": "{{ x }}4",
        "expected_files": "{{ [x, x] }}",
        "textin_conn_id": "textin_{{ x }}",
    }
    sensor = DocFlowBatchSensor(task_id="wait", **given)
    sensor.render_template_fields(new_context(x="a"))
    assert {name: getattr(sensor, name) for name in given} == {
        "batch_number": "a1",
        "file_id": "a2",
        "docflow_task_id": "a3",
        "workspace_id": "a4",
        "expected_files": "['a', 'a']",
        "textin_conn_id": "textin_a",
    }
    assert sensor.hook.textin_conn_id == "textin_a"


def test_it_does_not_defer_unless_told() -> None:
    assert DocFlowBatchSensor(task_id="wait", batch_number="a").deferrable is False
