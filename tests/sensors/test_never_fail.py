"""``never_fail`` after a deferral: it skips whatever the exception, as it does for a poke."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import AirflowSkipException

from tests.running import new_context

if TYPE_CHECKING:
    from tests.sensors.conftest import NewSensor

UNKNOWN_EVENTS: dict[str, Any] = {"none": None, "an unknown ending": {"ending": "unheard of"}}


@pytest.mark.parametrize("event", UNKNOWN_EVENTS.values(), ids=UNKNOWN_EVENTS)
def test_an_unknown_event_is_skipped(new_sensor: NewSensor, event: Any) -> None:
    sensor = new_sensor("a", deferrable=True, never_fail=True)()
    with pytest.raises(AirflowSkipException, match="never_fail"):
        sensor.resume_execution("execute_complete", {"event": event}, new_context())
