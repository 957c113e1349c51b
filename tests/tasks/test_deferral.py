"""The trigger, the timeout and the event of a deferral, and the mixins of tasks."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import Asset

from textin_provider.api.docflow import Selector
from textin_provider.api.errors import ApiError
from textin_provider.polling.decision import Decision
from textin_provider.polling.policy import PollPolicy
from textin_provider.tasks import deferral
from textin_provider.tasks.deferral import checked_event, exceeded_framework_timeout, trigger_arguments
from textin_provider.tasks.mixins import DocFlowTaskMixin, TextInTaskMixin

NOW = 1_800_000_000.0


@pytest.mark.parametrize(("interval", "seconds"), [(60.0, 700.0), (300.0, 700.0), (301.0, 702.0)])
def test_a_task_is_deferred_to_its_trigger_which_may_outlive_its_wait(
    interval: float, seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("textin_provider.tasks.deferral.time.time", lambda: NOW)
    deferred: list[dict[str, Any]] = []
    task: Any = SimpleNamespace(defer=lambda **arguments: deferred.append(arguments))
    trigger: Any = SimpleNamespace(deadline=NOW + 100, poll_interval=interval)
    deferral.defer(task, trigger, first=1, second="2")
    assert deferred == [
        {
            "trigger": trigger,
            "method_name": "execute_complete",
            "kwargs": {"first": 1, "second": "2"},
            "timeout": timedelta(seconds=seconds),
        }
    ]


def test_a_trigger_gets_the_connection_and_the_policy() -> None:
    policy = PollPolicy(10.0, NOW, 60.0, exponential_backoff=True, max_wait=25.0, polls=3)
    assert trigger_arguments("textin_other", policy) == {
        "textin_conn_id": "textin_other",
        "poll_interval": 10.0,
        "deadline": NOW,
        "timeout": 60.0,
        "exponential_backoff": True,
        "max_wait": 25.0,
        "looks": 3,
    }


@pytest.mark.parametrize(
    ("method", "kwargs", "exceeded"),
    [
        ("__fail__", {"error": "Trigger timeout"}, True),
        ("__fail__", {"error": "Trigger/execution timeout"}, True),
        ("__fail__", {"error": "Trigger failure"}, False),
        ("__fail__", {}, False),
        ("__fail__", None, False),
        ("execute_complete", {"error": "Trigger timeout"}, False),
    ],
)
def test_an_exceeded_timeout_is_recognized(
    method: str, kwargs: dict[str, Any] | None, exceeded: bool
) -> None:
    assert exceeded_framework_timeout(method, kwargs) is exceeded


@pytest.mark.parametrize("ending", ["terminal", "timeout", "fault"])
def test_an_event_of_ours_is_returned(ending: str) -> None:
    event = {"ending": ending}
    assert checked_event(event, "wait") is event


@pytest.mark.parametrize("event", [None, {}, {"ending": "done"}], ids=str)
def test_any_other_event_is_an_error_that_names_the_task(event: dict[str, Any] | None) -> None:
    with pytest.raises(RuntimeError) as caught:
        checked_event(event, "wait")
    assert str(caught.value) == f"The trigger of wait ended with an unknown event: {event!r}"


class Task(TextInTaskMixin):
    def __init__(self, *, pushes: bool = True) -> None:
        self.textin_conn_id = "textin_other"
        self.do_xcom_push = pushes
        self.outlets = []
        self.logged: list[tuple[Any, ...]] = []
        self.log = SimpleNamespace(log=lambda *arguments: self.logged.append(arguments))


class Ti:
    def __init__(self) -> None:
        self.pushed: dict[str, Any] = {}

    def xcom_push(self, key: str, value: Any) -> None:
        self.pushed[key] = value


@pytest.mark.parametrize("pushes", [True, False])
def test_the_value_of_a_failing_task_is_pushed_if_it_pushes_at_all(pushes: bool) -> None:
    ti = Ti()
    context: Any = {"ti": ti}
    Task(pushes=pushes).push_value(context, [1])
    assert ti.pushed == ({"return_value": [1]} if pushes else {})


def test_the_hook_is_that_of_the_connection_and_made_once() -> None:
    task = Task()
    assert task.hook.textin_conn_id == "textin_other"
    assert task.hook is task.hook


@pytest.mark.parametrize(("is_warning", "level"), [(False, 20), (True, 30)])
def test_a_decision_is_logged_at_its_level(is_warning: bool, level: int) -> None:
    task = Task()
    task.log_decision(Decision(message="100 % done", is_warning=is_warning))
    assert task.logged == [(level, "%s", "100 % done")]


def test_the_manifest_is_added_to_the_event_of_each_asset() -> None:
    task = Task()
    assets = [Asset("s3://parsed/a"), Asset("s3://parsed/b")]
    task.outlets = [assets[0], "not an asset", assets[1]]
    events = {asset.uri: SimpleNamespace(extra={"own": asset.uri}) for asset in assets}
    context: Any = {"outlet_events": EventsByUri(events)}
    task.describe_outlets(context, {"size_bytes": 3})
    assert [event.extra for event in events.values()] == [
        {"own": "s3://parsed/a", "size_bytes": 3},
        {"own": "s3://parsed/b", "size_bytes": 3},
    ]


class EventsByUri(dict[str, Any]):
    """The events of assets, as Airflow's accessors return them for an asset."""

    def __getitem__(self, asset: Any) -> Any:
        return super().__getitem__(asset.uri)


class DocFlowTask(DocFlowTaskMixin):
    def __init__(self, batch_number: Any = None, file_id: Any = None, docflow_task_id: Any = None) -> None:
        self.batch_number, self.file_id, self.docflow_task_id = batch_number, file_id, docflow_task_id


def test_the_selector_is_the_only_one_given() -> None:
    assert DocFlowTask("1").selector == Selector("batch_number", "1")
    assert DocFlowTask(file_id="2").selector == Selector("file_id", "2")
    assert DocFlowTask(docflow_task_id="3").selector == Selector("task_id", "3")
    with pytest.raises(ApiError, match="several are given"):
        _ = DocFlowTask("1", "2").selector
