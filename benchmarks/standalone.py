"""A whole Airflow in a temporary home: its settings, its runs, and the CPU that its parts have used."""

from __future__ import annotations

import json
import re
import socket
import sqlite3
import time
import urllib.request
from collections import defaultdict
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from scripts.local_airflow import environment, run, running, stop_on_signals

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator, Mapping

HOST = "127.0.0.1"
DAGS = Path(__file__).parent / "dags"
GIVE_UP_AFTER = 180.0
#: What the supervisor of a task logs when the process of the task has ended.
ENDED = re.compile(r"(?:Workload|Task) finished.*? duration=([\d.]+)")
PARTS = ("scheduler", "api-server", "triggerer")


class LocalAirflow:
    """An ``airflow standalone`` that runs."""

    def __init__(self, home: Path, port: int, process: subprocess.Popen[bytes]) -> None:
        self._home = home
        self._url = f"http://{HOST}:{port}"
        self._process = process
        self._token = ""

    def await_dags(self, *dag_ids: str) -> None:
        """Return when Airflow is up and has found the DAGs."""
        deadline = time.monotonic() + GIVE_UP_AFTER
        while time.monotonic() < deadline and self._process.poll() is None:
            with suppress(OSError, ValueError, sqlite3.Error):
                self._token = self._call("GET", "/auth/token")["access_token"]
                health = self._call("GET", "/api/v2/monitor/health").values()
                found = {dag_id for (dag_id,) in self._query("SELECT dag_id FROM serialized_dag")}
                if all(part["status"] == "healthy" for part in health) and found >= set(dag_ids):
                    return
            time.sleep(1)
        raise RuntimeError(f"Airflow did not come up with its DAGs:\n{self._log()[-5000:]}")

    def start(self, dag_id: str, **conf: Any) -> str:
        """Start a run of a DAG and return its id."""
        body = {"logical_date": None, "conf": conf}
        run_id: str = self._call("POST", f"/api/v2/dags/{dag_id}/dagRuns", body)["dag_run_id"]
        return run_id

    def await_end(self, dag_id: str, run_id: str) -> float:
        """Return when the last task of a run ended, in epoch seconds."""
        which = "WHERE dag_id = ? AND run_id = ?", dag_id, run_id
        deadline = time.monotonic() + GIVE_UP_AFTER + 420
        state = "queued"
        while state not in ("success", "failed") and time.monotonic() < deadline:
            time.sleep(0.5)
            [(state,)] = self._query(f"SELECT state FROM dag_run {which[0]}", *which[1:])
        if state != "success":
            raise RuntimeError(f"The run of {dag_id} is {state}:\n{self._log()[-5000:]}")
        [(ended,)] = self._query(f"SELECT MAX(end_date) FROM task_instance {which[0]}", *which[1:])
        return datetime.fromisoformat(ended).replace(tzinfo=UTC).timestamp()

    def _query(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Read from Airflow's database, which costs Airflow nothing."""
        uri = f"{(self._home / 'airflow.db').as_uri()}?mode=ro"
        with closing(sqlite3.connect(uri, uri=True, timeout=30)) as database:
            return database.execute(sql, parameters).fetchall()

    def _log(self) -> str:
        """Return what Airflow has logged so far."""
        return (self._home / "airflow.log").read_text(errors="replace")

    def task_runs(self) -> list[float]:
        """Return how many seconds each process of a task took that has ended so far."""
        return [float(seconds) for seconds in ENDED.findall(self._log())]

    def cpu(self) -> dict[str, float]:
        """
        Return the CPU seconds that the parts have used so far; ``workers`` are the processes of tasks.

        Without the DAG processor, whose children come and go while one looks.
        """
        used: dict[str, float] = defaultdict(float)
        for part in psutil.Process(self._process.pid).children():
            title = _title_of(part)
            for name in [name for name in PARTS if name in title]:
                used[name] += _seconds_of(part)
                for child in part.children():
                    family = (child, *child.children(recursive=True))
                    of = "workers" if "airflow worker" in _title_of(child) else name
                    used[of] += sum(map(_seconds_of, family))
        return used

    def _call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self._token}"}
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(self._url + path, data, headers, method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)


def _title_of(process: psutil.Process) -> str:
    return " ".join(process.cmdline()).replace("_", "-")


def _seconds_of(process: psutil.Process) -> float:
    """Return the CPU seconds of a process and of those of its children that have ended."""
    with suppress(psutil.NoSuchProcess):
        return float(sum(process.cpu_times()[:4]))
    return 0.0


@contextmanager
def local_airflow(home: Path, connections: Mapping[str, str]) -> Iterator[LocalAirflow]:
    """Run an Airflow with the DAGs beside this file for the length of the block."""
    stop_on_signals()
    port, log = _free_port(), home / "airflow.log"
    env = environment(home, {}, home) | dict(connections) | _settings(port)
    run(["db", "migrate"], env, log)
    with running(["standalone"], env, log) as process:
        yield LocalAirflow(home, port, process)


def _settings(port: int) -> dict[str, str]:
    return {
        "AIRFLOW__CORE__DAGS_FOLDER": str(DAGS),
        "AIRFLOW__API__HOST": HOST,
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__BASE_URL": f"http://{HOST}:{port}",
        "AIRFLOW__CORE__PARALLELISM": "4",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "10",
        # Another Airflow on this machine has the usual ones.
        "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(_free_port()),
        "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(_free_port()),
    }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
