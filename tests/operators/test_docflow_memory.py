"""Memory stays flat while a batch is read: measured in a process of its own, which shows its peak."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from textin_provider.testing import FileScript, TextInServer

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

BYTES = 100_000
MOST_GROWTH = 64 * 1024 * 1024

PROGRAM = """
import json, resource, sys
from textin_provider.operators.docflow import DocFlowDownloadResultsOperator
from textin_provider.sensors.docflow import DocFlowBatchSensor

action, small, large, target = sys.argv[1:]

class TaskInstance:
    def xcom_push(self, key, value):
        raise AssertionError("nothing failed")

def read(batch_number):
    if action == "wait":
        return DocFlowBatchSensor(task_id="wait", batch_number=batch_number).poke({}).xcom_value
    operator = DocFlowDownloadResultsOperator(
        task_id="download", batch_number=batch_number, output_path=target
    )
    return operator.execute({"ti": TaskInstance()})

def peak():
    # On Linux ru_maxrss begins with the peak of the process that started this one, and hides what is below.
    if sys.platform == "linux":
        [line] = [line for line in open("/proc/self/status") if line.startswith("VmHWM")]
        return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)

read(small)
before = peak()
value = read(large)
print(json.dumps({"value": value, "growth": peak() - before}))
"""


def _report(textin: TextInServer, action: str, files: int, target: Path) -> dict[str, Any]:
    small = textin.add_batch(files=[FileScript()])
    large = textin.add_batch(count=files, data_bytes=BYTES)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, action, small, large, str(target)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    report: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert report["value"]["total"] == files
    return report


def test_2000_files_of_100_kilobytes_are_stored_in_little_memory(
    textin: TextInServer, tmp_path: Path
) -> None:
    target = tmp_path / "results.jsonl"
    report = _report(textin, "download", 2000, target)
    size = target.stat().st_size
    target.unlink()
    assert size == report["value"]["size_bytes"] > 2000 * BYTES
    assert report["growth"] <= MOST_GROWTH


def test_files_of_100_kilobytes_are_waited_for_in_little_memory(textin: TextInServer, tmp_path: Path) -> None:
    assert _report(textin, "wait", 500, tmp_path / "none")["growth"] <= MOST_GROWTH
