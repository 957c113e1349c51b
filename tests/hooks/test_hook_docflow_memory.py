"""Memory stays flat while large files go up: measured in a process of its own, which shows its own peak."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from textin_provider.testing import TextInServer

pytestmark = pytest.mark.slow

BYTES = 90 * 1024 * 1024
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

small, big = sys.argv[1:]
hook = TextInHook()
hook.upload_docflow_files(small)
before = peak()
upload = hook.upload_docflow_files([small, big])
print(json.dumps({"files": upload.files, "growth": peak() - before}))
"""


def test_90_megabytes_go_up_in_little_memory(textin: TextInServer, tmp_path: Path) -> None:
    small, big = tmp_path / "small.txt", tmp_path / "big.png"
    small.write_text("Total: 1\n")
    with big.open("wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n")
        file.truncate(BYTES)

    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(small), str(big)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr

    report = json.loads(done.stdout.splitlines()[-1])
    assert [textin.files[receipt["file_id"]].size for receipt in report["files"]] == [9, BYTES]
    assert report["growth"] < MOST_GROWTH
