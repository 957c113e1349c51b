"""A whole Airflow of real processes, each of which can be killed and started again."""

from __future__ import annotations

import contextlib
import json
import secrets
import signal
import time
from base64 import urlsafe_b64encode
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, NamedTuple

import psutil
import pytest
import sqlalchemy

from scripts.local_airflow import (
    HOST,
    IS_AIRFLOW_2,
    REPO,
    environment,
    free_port,
    listening,
    run,
    running,
    tail,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from subprocess import Popen
    from typing import Self

    from textin_provider.testing import TextInServer

#: In Airflow 2 the scheduler parses DAGs, and tasks write to the database themselves.
PARTS = (
    ("scheduler", "triggerer") if IS_AIRFLOW_2 else ("api-server", "scheduler", "dag-processor", "triggerer")
)
GIVE_UP_AFTER = 180.0
#: Where a connection stands for a moment before Airflow imports it.
_CONNECTION = "connection.json"


class TaskState(NamedTuple):
    """Where a task instance stands, as the metadata database has it."""

    state: str | None
    try_number: int


class Fleet:
    """
    An Airflow with its own home, database and local TextIn.

    :ivar results: the folder for what the DAGs store.
    """

    def __init__(self, home: Path, database: str, textin: TextInServer) -> None:
        self.home, self.results, self.textin = home, home / "results", textin
        self._database = sqlalchemy.create_engine(database)
        self._stack = ExitStack()
        self._processes: dict[str, Popen[bytes]] = {}
        port = free_port()
        self._env = environment(home, textin.connection(), self.results) | listening(port)
        self._env |= {
            "AIRFLOW__CORE__DAGS_FOLDER": str(REPO / "tests" / "e2e" / "dags"),
            "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://{HOST}:{port}/execution/",
            "AIRFLOW__CORE__FERNET_KEY": urlsafe_b64encode(secrets.token_bytes(32)).decode(),
            "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_hex(32),
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": database,
            # What died is missed soon.
            "AIRFLOW__SCHEDULER__SCHEDULER_HEARTBEAT_SEC": "1",
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "15",
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "3",
            "AIRFLOW__SCHEDULER__LOCAL_TASK_JOB_HEARTBEAT_SEC": "2",
            "AIRFLOW__SCHEDULER__SCHEDULER_ZOMBIE_TASK_THRESHOLD": "15",
            "AIRFLOW__SCHEDULER__ZOMBIE_DETECTION_INTERVAL": "3",
            "AIRFLOW__TRIGGERER__JOB_HEARTBEAT_SEC": "1",
            "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "5",
        }

    def __enter__(self) -> Self:
        self.results.mkdir(parents=True)
        for command in (["db", "migrate"], ["dags", "reserialize"]):
            run(command, self._env, self._log("setup"))
        for part in PARTS:
            self.start(part)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()
        self._database.dispose()

    def start(self, part: str, name: str | None = None) -> None:
        """Start a part, under another name if there is one already."""
        name = name or part
        self._processes[name] = self._stack.enter_context(running([part], self._env, self._log(name)))

    def kill(self, name: str) -> None:
        """End a part and all that it started with SIGKILL."""
        process = psutil.Process(self._processes.pop(name).pid)
        kill([process, *process.children(recursive=True)])

    def clients_of_textin(self) -> list[psutil.Process]:
        """Return the processes of tasks, which are those that talk to TextIn and are no triggerer's."""
        port = int(self.textin.url.rpartition(":")[2])
        triggerers = {
            member.pid
            for name, process in self._processes.items()
            if name.startswith("triggerer")
            for member in _family(process)
        }
        members = [member for process in self._processes.values() for member in _family(process)]
        return [member for member in members if member.pid not in triggerers and _talks_to(member, port)]

    def trigger(self, dag_id: str, run_id: str) -> None:
        """Start a run of a DAG."""
        run(["dags", "trigger", dag_id, "--run-id", run_id], self._env, self._log("setup"))

    def clear(self, dag_id: str) -> None:
        """Clear the tasks of all runs of a DAG, as a person does."""
        run(["tasks", "clear", "--yes", dag_id], self._env, self._log("setup"))

    def tasks(self, run_id: str) -> dict[tuple[str, int], TaskState]:
        """Return how the task instances of a run stand, by task id and map index."""
        query = sqlalchemy.text(
            "SELECT task_id, map_index, state, try_number FROM task_instance WHERE run_id = :run_id"
        )
        with self._database.connect() as connection:
            rows = connection.execute(query, {"run_id": run_id}).fetchall()
        return {(row[0], row[1]): TaskState(row[2], row[3]) for row in rows}

    def task(self, run_id: str, task_id: str) -> TaskState:
        """Return how a task that is not mapped stands."""
        return self.tasks(run_id).get((task_id, -1), TaskState(None, 0))

    def xcom(self, run_id: str, task_id: str) -> Any:
        """Return what a task that is not mapped has returned."""
        query = sqlalchemy.text(
            "SELECT value FROM xcom WHERE run_id = :run_id AND task_id = :task_id AND key = 'return_value'"
        )
        with self._database.connect() as connection:
            value = connection.execute(query, {"run_id": run_id, "task_id": task_id}).scalar_one()
        value = bytes(value) if isinstance(value, memoryview) else value
        value = json.loads(value) if isinstance(value, str | bytes) else value
        return json.loads(value) if isinstance(value, str) else value

    def has_xcom(self, run_id: str, task_id: str) -> bool:
        """Whether a task has pushed an id or a value."""
        query = sqlalchemy.text(
            "SELECT count(*) FROM xcom WHERE run_id = :run_id AND task_id = :task_id "
            "AND key IN ('job_id', 'return_value')"
        )
        with self._database.connect() as connection:
            count = connection.execute(query, {"run_id": run_id, "task_id": task_id}).scalar_one()
        return bool(count)

    def set_connection(self, conn_id: str, connection: dict[str, Any]) -> None:
        """Create a connection in the database, or change it."""
        file = self.home / _CONNECTION
        file.write_text(json.dumps({conn_id: connection}))
        run(["connections", "import", "--overwrite", str(file)], self._env, self._log("setup"))

    def until(self, condition: Callable[[], Any], what: str, seconds: float = GIVE_UP_AFTER) -> None:
        """Wait until something has happened."""
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                logs = "\n".join(f"--- {path.name}\n{tail(path)}" for path in sorted(self.home.glob("*.log")))
                pytest.fail(f"Not within {seconds:.0f} s: {what}\n{logs}", pytrace=False)
            time.sleep(0.2)

    def log_of(self, run_id: str) -> str:
        """Return what the tasks of a run, and their triggers, have logged."""
        logs = [path for path in (self.home / "logs").rglob("*.log*") if run_id in str(path)]
        return "\n".join(path.read_text(errors="replace") for path in sorted(logs))

    def places_of(self, secret: str) -> list[str]:
        """Return the logs and the tables of the database in which a secret stands."""
        found = [
            str(path.relative_to(self.home))
            for path in self.home.rglob("*")
            if path.is_file() and path.name != _CONNECTION and secret.encode() in path.read_bytes()
        ]
        with self._database.connect() as connection:
            for table in sqlalchemy.inspect(connection).get_table_names():
                query = sqlalchemy.text(f'SELECT count(*) FROM "{table}" t WHERE t::text LIKE :pattern')
                if connection.execute(query, {"pattern": f"%{secret}%"}).scalar_one():
                    found.append(f"table {table}")
        return found

    def _log(self, name: str) -> Path:
        return self.home / f"{name}.log"


def kill(processes: list[psutil.Process]) -> None:
    """End processes with SIGKILL and wait until they are gone."""
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(signal.SIGKILL)
    psutil.wait_procs(processes, timeout=10)


def _family(process: Popen[bytes]) -> list[psutil.Process]:
    with contextlib.suppress(psutil.NoSuchProcess):
        leader = psutil.Process(process.pid)
        return [leader, *leader.children(recursive=True)]
    return []


def _talks_to(process: psutil.Process, port: int) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
        return any(link.raddr and link.raddr.port == port for link in process.net_connections("tcp"))
    return False
