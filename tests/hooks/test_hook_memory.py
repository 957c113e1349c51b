"""Memory stays flat, up and down: measured in a process of its own, as only a fresh one shows its peak."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from textin_provider.testing import JobScript, TextInServer

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

BYTES = 200 * 1024 * 1024
MOST_GROWTH = 32 * 1024 * 1024

PROGRAM = """
import json, resource, sys
from textin_provider.hooks.textin import TextInHook

def peak():
    # On Linux ru_maxrss begins with the peak of the process that started this one, and hides what is below.
    if sys.platform == "linux":
        [line] = [line for line in open("/proc/self/status") if line.startswith("VmHWM")]
        return int(line.split()[1]) * 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit

def measured(action):
    before = peak()
    return {"outcome": action(), "growth": peak() - before}

hook = TextInHook()
small, big, small_job_id, job_id, output = sys.argv[1:]
hook.submit_xparse_job(small)
hook.download_xparse_result(small_job_id, output)
report = {
    "up": measured(lambda: hook.submit_xparse_job(big)),
    "down": measured(lambda: hook.download_xparse_result(job_id, output)),
}
print(json.dumps(report))
"""


@pytest.mark.parametrize("wrapped", [False, True], ids=["bare", "wrapped"])
def test_200_megabytes_go_up_and_come_down_in_little_memory(
    textin: TextInServer, tmp_path: Path, wrapped: bool
) -> None:
    small, big = tmp_path / "small.md", tmp_path / "big.png"
    small.write_text("# Hello\n")
    with big.open("wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n")
        file.truncate(BYTES)
    textin.script(JobScript(result={"elements": []}))
    textin.script(JobScript(result={"elements": []}))
    small_job_id = textin.add_job(JobScript(states=["completed"], result={"elements": []}))
    job_id = textin.add_job(JobScript(states=["completed"], result_bytes=BYTES, wrapped=wrapped))

    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(small), str(big), small_job_id, job_id, str(tmp_path / "r.json")],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr

    report = json.loads(done.stdout.splitlines()[-1])
    assert textin.jobs[report["up"]["outcome"]].size == BYTES
    assert report["down"]["outcome"]["size_bytes"] == BYTES
    assert report["up"]["growth"] < MOST_GROWTH
    assert report["down"]["growth"] < MOST_GROWTH
