"""What importing the sensors and operators adds to parsing a DAG."""

from __future__ import annotations

import time
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.harness import Budget, Line, Section, ask_child, in_turns

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

TITLE = "Import"
HOW = """\
CPU of importing on top of `airflow.sdk` with `BaseOperator` and `BaseSensorOperator`, which every DAG
file has imported already: all sensors and operators of this provider, `FileSensor`, `HttpSensor`. Each
time in a fresh interpreter; a first run that writes the bytecode is not counted."""
REPEATS = 5


def measure() -> Section:
    """Import the three in turns."""
    sides = {
        "ours": _our_modules(),
        "FileSensor": ["airflow.providers.standard.sensors.filesystem"],
        "HttpSensor": ["airflow.providers.http.sensors.http"],
    }
    for modules in sides.values():
        ask_child(_import, modules)
    found = in_turns(
        REPEATS, **{name: lambda m=modules: ask_child(_import, m) for name, modules in sides.items()}
    )
    lines = [
        Line("all sensors and operators of ours", found["ours"], "ms", Budget(25)),
        Line("FileSensor", found["FileSensor"], "ms"),
        Line("HttpSensor", found["HttpSensor"], "ms"),
    ]
    return Section(TITLE, HOW, lines)


def _our_modules() -> list[str]:
    package = Path(__file__).parent.parent / "textin_provider"
    files = [file for kind in ("sensors", "operators") for file in sorted((package / kind).glob("*.py"))]
    return [f"textin_provider.{file.parent.name}.{file.stem}" for file in files if file.stem != "__init__"]


def _import(pipe: Connection, modules: list[str]) -> None:
    from airflow.providers.common.compat.sdk import BaseOperator, BaseSensorOperator  # noqa: F401

    cpu = time.process_time()
    for module in modules:
        import_module(module)
    pipe.send(1000 * (time.process_time() - cpu))
