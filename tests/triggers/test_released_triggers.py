"""
What releases have left in databases must go on after an upgrade.

``released/<version>.json`` holds, as that version stored them, triggers with the arguments of ``serialize``,
what a deferral kept for the task, and the event it was resumed with. A file is written once, when its version
is released; it is never edited.
"""

from __future__ import annotations

import inspect
import json
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from textin_provider import __version__
from textin_provider.sensors.base import TextInSensor
from textin_provider.sensors.docflow import DocFlowBatchSensor
from textin_provider.sensors.xparse import XParseJobSensor

RELEASED = Path(__file__).parent / "released"
CASES = {
    f"{case['what']}, {file.stem}": case
    for file in sorted(RELEASED.glob("*.json"))
    for case in json.loads(file.read_text())
}
every_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


def _load(case: dict[str, Any]) -> Any:
    path, arguments = case["trigger"]
    module, _, name = path.rpartition(".")
    return getattr(import_module(module), name)(**arguments)


def test_this_version_is_among_them() -> None:
    assert (RELEASED / f"{__version__}.json").exists()


@every_case
def test_a_stored_trigger_loads_and_waits_for_the_same(case: dict[str, Any]) -> None:
    path, arguments = _load(case).serialize()
    assert path == case["trigger"][0]
    assert {name: arguments[name] for name in case["trigger"][1]} == case["trigger"][1]


@every_case
def test_what_a_stored_trigger_does_not_name_has_a_default(case: dict[str, Any]) -> None:
    cls: Any = type(_load(case))
    parameters = [
        parameter
        for ancestor in cls.__mro__
        for parameter in inspect.signature(ancestor.__init__).parameters.values()
        if ancestor.__module__.startswith("textin_provider") and parameter.kind is parameter.KEYWORD_ONLY
    ]
    needed = {parameter.name for parameter in parameters if parameter.default is parameter.empty}
    assert needed <= set(case["trigger"][1])


@every_case
def test_a_wait_for_it_can_begin(case: dict[str, Any]) -> None:
    trigger = _load(case)
    wait = trigger._wait()
    assert wait.pending
    assert all(next(trigger._poll(key)).method == "GET" for key in wait.pending)


@every_case
def test_a_task_can_be_resumed_with_what_was_kept(
    case: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    cls: Any = XParseJobSensor
    selector = {"job_id": case["trigger"][1].get("job_id")}
    if selector["job_id"] is None:
        cls, selector = DocFlowBatchSensor, {"batch_number": "1"}
    resumed: list[dict[str, Any]] = []

    def note(sensor: Any, context: Any, *_: Any) -> None:
        resumed.append(dict(vars(sensor)))

    monkeypatch.setattr(TextInSensor, "poke", note)
    monkeypatch.setattr(XParseJobSensor, "_finish", note)
    sensor: Any = cls(task_id="wait", **selector)

    sensor.resume_execution("execute_complete", {**case["kept"], "event": case["event"]}, {})

    [state] = resumed
    assert state["_deadline"] == case["kept"]["deadline"]
    assert state["_deferrals"] == case["kept"]["deferrals"]
