"""What importing the sensors and operators costs: modules are counted, for time differs by the machine."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import cache

import pytest

from tests.running import AIRFLOW_2
from textin_provider.get_provider_info import get_provider_info

#: What every DAG file with a sensor loads, whichever provider the sensor is of.
WITHOUT_US = (
    "from airflow.models import DAG, BaseOperator\nfrom airflow.sensors.base import BaseSensorOperator"
    if AIRFLOW_2
    else "from airflow.sdk import DAG, BaseOperator, BaseSensorOperator"
)
DAG_MODULES = [
    module
    for kind in ("sensors", "operators")
    for entry in get_provider_info()[kind]
    for module in entry["python-modules"]
]
HTTP_LIBRARIES = {"requests", "requests_toolbelt", "urllib3", "aiohttp", "httpx"}
#: Only needed where a task runs.
AT_RUN_TIME = {
    "textin_provider.hooks.requests_transport",
    "textin_provider.hooks.aiohttp_transport",
    "textin_provider.hooks.pace_postgres",
    "textin_provider.hooks.pace_redis",
    "textin_provider.hooks.pace_store",
    "textin_provider.hooks.textin",
    "textin_provider.triggers.xparse",
    "textin_provider.triggers.poller",
    "textin_provider.testing",
}


def _run(program: str, *options: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR"}
    return subprocess.run(
        [sys.executable, *options, "-c", program],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )


@cache
def _loaded_by(*modules: str) -> frozenset[str]:
    imports = "".join(f"import {module}\n" for module in modules)
    done = _run(f"{WITHOUT_US}\n{imports}import sys\nprint('loaded:', *sys.modules)")
    return frozenset(done.stdout.rpartition("loaded:")[2].split())


def test_a_dag_file_loads_no_http_library_that_airflow_has_not_loaded() -> None:
    added = _loaded_by(*DAG_MODULES) - _loaded_by()
    assert set(DAG_MODULES) | {"textin_provider.exceptions"} <= added
    assert {name.partition(".")[0] for name in added} & HTTP_LIBRARIES == set()


@pytest.mark.parametrize("module", [*DAG_MODULES, "textin_provider.hooks.textin"])
def test_each_module_for_dag_authors_registers_the_public_exceptions(module: str) -> None:
    program = f"""
import {module}
from textin_provider.api.errors import ApiError, ErrorKind
print("class:", type(ApiError(ErrorKind.REQUEST, about="a", message="m")).__name__)
"""
    assert _run(program).stdout.splitlines()[-1] == "class: TextInRequestError"


def test_a_dag_file_loads_nothing_that_only_a_running_task_needs() -> None:
    assert _loaded_by(*DAG_MODULES) & AT_RUN_TIME == set()


def test_a_dag_file_loads_no_package_beyond_airflow() -> None:
    added = _loaded_by(*DAG_MODULES) - _loaded_by()
    packages = {name.partition(".")[0] for name in added} - set(sys.stdlib_module_names)
    assert packages <= {"textin_provider", "airflow"}


def test_provider_info_is_read_without_the_rest_of_the_package() -> None:
    program = "import sys, textin_provider.get_provider_info\nprint(*sys.modules)"
    loaded = _run(program).stdout.split()
    assert [name for name in loaded if name.startswith("textin_provider.")] == [
        "textin_provider.get_provider_info"
    ]
    assert "airflow" not in loaded


def test_the_package_gives_no_cause_for_deprecation_warnings() -> None:
    program = """
import warnings
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    import textin_provider.operators.xparse as operators, textin_provider.sensors.xparse as sensors
    import textin_provider.hooks.textin, textin_provider.triggers.xparse, textin_provider.exceptions
    sensors.XParseJobSensor(task_id="wait", job_id="a", deferrable=True)._trigger().serialize()
    operators.XParseSubmitOperator(task_id="submit", file="a")
    operators.XParseDownloadResultOperator(task_id="download", job_id="a", output_path="a/")
    operators.XParseDocumentOperator(task_id="parse", file="a", output_path="a/")
for warning in caught:
    if "Deprecat" in warning.category.__name__ or "Removed" in warning.category.__name__:
        print("warned:", warning.filename, warning.message)
"""
    warned = [line for line in _run(program).stdout.splitlines() if line.startswith("warned:")]
    assert [line for line in warned if "textin_provider" in line] == []
