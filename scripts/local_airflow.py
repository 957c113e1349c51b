"""Configure, run and stop a private Airflow, for `make demo`, `make airflow` and the end-to-end tests."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

HOST = "127.0.0.1"
IS_AIRFLOW_2 = version("apache-airflow").startswith("2.")
REPO = Path(__file__).resolve().parent.parent
EXAMPLE_DAGS = REPO / "example_dags"
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
CONN_IDS = ("TEXTIN_DEFAULT", "TEXTIN_CN", "TEXTIN_INTL")
#: Seconds that Airflow gets to end after each signal.
GRACE = 8.0


class AirflowFailedError(Exception):
    """An Airflow command failed; the message is printed to the terminal."""


def environment(home: Path, connection: Mapping[str, Any], results: Path) -> dict[str, str]:
    """
    Return the environment for an Airflow of its own in ``home``.

    The user's own ``AIRFLOW_*`` settings are left out: they may point to a production database.

    :param connection: stands for each account that the example DAGs know.
    """
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW_")}
    return inherited | {
        # `airflow standalone` starts its parts by name.
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), inherited.get("PATH", os.defpath)]),
        "PYTHONUNBUFFERED": "1",
        "AIRFLOW_HOME": str(home),
        **{f"AIRFLOW_CONN_{conn_id}": json.dumps(connection) for conn_id in CONN_IDS},
        "TEXTIN_RESULTS": str(results),
        "AIRFLOW__CORE__DAGS_FOLDER": str(EXAMPLE_DAGS),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
    }


def listening(port: int) -> dict[str, str]:
    """Return the settings that make Airflow listen on one local port; each version reads its own names."""
    address = f"http://{HOST}:{port}"
    return {
        "AIRFLOW__API__HOST": HOST,
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__BASE_URL": address,
        # The local executor starts this number of workers at once.
        "AIRFLOW__CORE__PARALLELISM": "8",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
        # Off by default: it lets whoever may edit connections send requests from the server.
        "AIRFLOW__CORE__TEST_CONNECTION": "Enabled",
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "10",
        "AIRFLOW__WEBSERVER__WEB_SERVER_HOST": HOST,
        "AIRFLOW__WEBSERVER__WEB_SERVER_PORT": str(port),
        "AIRFLOW__WEBSERVER__BASE_URL": address,
        "AIRFLOW__SCHEDULER__DAG_DIR_LIST_INTERVAL": "10",
        # Another Airflow on this machine has the usual ones.
        "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(free_port()),
        "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(free_port()),
    }


def is_free(port: int) -> bool:
    """Whether a port of this machine can be listened on."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except (OSError, OverflowError):
            return False
        return True


def free_port() -> int:
    """Return a free port."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def running(arguments: Sequence[str], env: Mapping[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run ``airflow ...`` with its output appended to ``log``, and end all its processes after the block."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "airflow", *arguments],
            env=dict(env),
            cwd=REPO,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            # Ctrl-C must reach this program alone, which then stops Airflow in order.
            start_new_session=True,
        )
        try:
            yield process
        finally:
            _stop(process)


def run(arguments: Sequence[str], env: Mapping[str, str], log: Path) -> None:
    """Run ``airflow ...`` and raise AirflowFailedError unless it succeeds."""
    with running(arguments, env, log) as process:
        if process.wait() != 0:
            command = " ".join(["airflow", *arguments])
            raise AirflowFailedError(f"`{command}` ended with exit code {process.returncode}.")


def stop_on_signals() -> None:
    """
    Make SIGTERM and SIGHUP raise KeyboardInterrupt as Ctrl-C does, so that every ``finally`` runs.

    SIGINT is set too: a shell starts background jobs with SIGINT ignored, and Airflow would inherit that.
    """
    for number in SIGNALS:
        signal.signal(number, signal.default_int_handler)


def tail(log: Path, lines: int = 40) -> str:
    """Return the last lines of a log and its path, or an empty string if there is no log."""
    if not log.exists():
        return ""
    last = log.read_text(errors="replace").splitlines()[-lines:]
    return "\n".join([*last, "", f"The whole log: {log}", ""])


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Interrupt the process, wait, then terminate and at last kill the rest of its session."""
    with _undisturbed():
        processes = _processes(process.pid)
        if process.poll() is None:
            # `airflow standalone` stops its parts one by one on SIGINT.
            process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(GRACE)
        for end in (psutil.Process.terminate, psutil.Process.kill):
            _, processes = psutil.wait_procs(processes, timeout=0)
            for one in processes:
                with contextlib.suppress(psutil.NoSuchProcess):
                    end(one)
            _, processes = psutil.wait_procs(processes, timeout=GRACE)
        process.wait()


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Ignore further signals during the cleanup."""
    handlers = {number: signal.signal(number, signal.SIG_IGN) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def _processes(leader: int) -> list[psutil.Process]:
    """Return the processes of the leader's session and their descendants, in whatever session."""
    processes: dict[int, psutil.Process] = {}
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied, ProcessLookupError):
            if os.getsid(process.pid) == leader:
                processes |= {one.pid: one for one in (process, *process.children(recursive=True))}
    return list(processes.values())
