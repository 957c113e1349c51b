"""The command ``python -m textin_provider.testing``, and errors without the extra."""

from __future__ import annotations

import json
import shlex
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import requests

from textin_provider.testing import TextInServer, extra

if TYPE_CHECKING:
    from collections.abc import Iterator

COMMAND = [sys.executable, "-m", "textin_provider.testing"]
# Simulates an environment without the extra.
WITHOUT_UVICORN = """
import importlib.util, runpy, sys
real = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name == "uvicorn" else real(name, *rest)
sys.argv = ["textin_provider.testing", *sys.argv[1:]]
runpy.run_module("textin_provider.testing", run_name="__main__")
"""


@pytest.fixture
def running() -> Iterator[subprocess.Popen[str]]:
    options = ["--port", "0", "--app-id", "me", "--secret-code", "it's secret"]
    options += ["--pending-seconds", "0", "--processing-seconds", "0", "--workspace-id", "mine"]
    process = subprocess.Popen(
        [*COMMAND, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    yield process
    process.kill()
    process.communicate()


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_the_command_prints_a_connection_serves_and_ends_cleanly(
    running: subprocess.Popen[str], end: int
) -> None:
    assert running.stdout is not None
    assert running.stderr is not None
    address = running.stdout.readline()
    export, assignment = shlex.split(running.stdout.readline())
    name, _, value = assignment.partition("=")
    connection = json.loads(value)
    assert (export, name) == ("export", "AIRFLOW_CONN_TEXTIN_DEFAULT")
    assert connection["host"] in address
    assert (connection["login"], connection["password"]) == ("me", "it's secret")
    assert connection["extra"] == {
        "docflow_host": connection["host"],
        "workspace_id": "mine",
        "max_requests_per_second": 0,
    }
    headers = {"x-ti-app-id": "me", "x-ti-secret-code": "it's secret"}
    files = {"file": ("hello.md", b"# Hello")}
    response = requests.post(
        f"{connection['host']}/api/v1/xparse/parse/async", headers=headers, files=files, timeout=30
    )
    job_id = response.json()["data"]["job_id"]
    submitted, finished = running.stderr.readline(), running.stderr.readline()
    assert f"job {job_id} submitted: hello.md" in submitted
    assert f"job {job_id} completed" in finished
    running.send_signal(end)
    out, err = running.communicate(timeout=10)
    assert (running.returncode, out, err) == (0, "", "")


def test_the_command_serves_the_account_of_a_plan() -> None:
    command = [*COMMAND, "--port", "0", "--plan", "free", "--over", "queue"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        _, _, value = shlex.split(process.stdout.readline())[1].partition("=")
        process.terminate()
    extra = json.loads(value)["extra"]
    assert (extra["max_requests_per_second"], extra["max_concurrent_jobs"]) == (2, 1)


def test_a_limit_that_is_not_valid_is_a_one_line_error() -> None:
    command = [*COMMAND, "--requests-per-second", "-1"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].endswith("error: requests_per_second: -1.0 is not 0 or above")


def test_a_port_in_use_is_a_one_line_error() -> None:
    with TextInServer() as textin:
        port = textin.url.rpartition(":")[2]
        done = subprocess.run([*COMMAND, "--port", port], capture_output=True, text=True, timeout=30)
    assert done.returncode == 1
    assert done.stderr == f"cannot listen on port {port}: Address already in use\n"


def test_help_explains_the_options() -> None:
    done = subprocess.run([*COMMAND, "--help"], capture_output=True, text=True, timeout=30)
    assert done.returncode == 0
    assert "--processing-seconds" in done.stdout


@pytest.mark.parametrize("options", [[], ["--help"]])
def test_the_command_without_the_extra_says_what_to_install(options: list[str]) -> None:
    command = [sys.executable, "-c", WITHOUT_UVICORN, *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert done.returncode == 1
    assert done.stderr == "The local TextIn needs uvicorn: pip install 'airflow-provider-textin[testing]'\n"


def test_the_class_without_the_extra_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extra, "find_spec", lambda name: None)
    with pytest.raises(extra.MissingExtraError, match=r"pip install 'airflow-provider-textin\[testing\]'"):
        TextInServer()


def test_importing_the_package_loads_nothing_of_the_extra() -> None:
    program = (
        "import sys, textin_provider.testing as t; print([n for n in t.extra.PACKAGES if n in sys.modules])"
    )
    program = program.replace("t.extra", "t.server.extra")
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30)
    assert done.stdout == "[]\n", done.stderr
