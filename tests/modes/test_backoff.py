"""How often a sensor polls while TextIn is down, at the real pauses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import AirflowSensorTimeout

from tests.running import run
from tests.sensors.conftest import MODES
from textin_provider.sensors.docflow import DocFlowBatchSensor
from textin_provider.sensors.xparse import XParseJobSensor
from textin_provider.testing import ScriptedFault

if TYPE_CHECKING:
    from collections.abc import Callable

    from textin_provider.testing import TextInServer

SENSORS: dict[str, Callable[..., Any]] = {
    "job": lambda **options: XParseJobSensor(job_id="f" * 32, **options),
    "batch": lambda **options: DocFlowBatchSensor(batch_number="b1", **options),
}
TIMEOUT = 4.0
INTERVAL = 0.2
#: A poll each interval makes 20. Full jitter under a ceiling that doubles from 2 s exceeds this about once in
#: a million waits; the mean is 4.
MOST_REQUESTS = 12


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("sensor", SENSORS)
def test_an_outage_is_polled_with_backoff(textin: TextInServer, mode: str, sensor: str) -> None:
    textin.fault("*", ScriptedFault(http_status=502, body=b""), times=None)
    options = {"task_id": "wait", "poke_interval": INTERVAL, "timeout": TIMEOUT, **MODES[mode]}

    error = run(lambda: SENSORS[sensor](**options)).raised()

    assert isinstance(error, AirflowSensorTimeout)
    assert 2 <= textin.count("*") <= MOST_REQUESTS
