"""The trigger, the timeout and the event of a deferral."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from textin_provider.polling.policy import PollPolicy
from textin_provider.tasks import deferral
from textin_provider.tasks.deferral import checked_event, exceeded_framework_timeout, trigger_arguments

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
