"""A whole Airflow with its web pages, and what its database holds about connections and runs."""

from __future__ import annotations

import json
import secrets
import sqlite3
from base64 import urlsafe_b64encode
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, Any, NamedTuple

from cryptography.fernet import Fernet

from scripts.local_airflow import HOST, environment, free_port, listening, run, running
from scripts.standalone import wait_until_healthy

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Self

    from textin_provider.testing import TextInServer


class Stored(NamedTuple):
    """A connection as the database has it, decrypted."""

    conn_type: str
    description: str | None
    host: str | None
    login: str | None
    password: str | None
    port: int | None
    schema: str | None
    extra: dict[str, Any]


class Website:
    """
    An Airflow that runs in a folder of its own, with the example DAGs.

    :ivar url: where its pages are.
    :ivar textin: the local TextIn that its connection ``textin_default`` leads to.
    """

    def __init__(self, home: Path, textin: TextInServer) -> None:
        self.home, self.textin = home, textin
        self._port = free_port()
        self.url = f"http://{HOST}:{self._port}"
        self._key = urlsafe_b64encode(secrets.token_bytes(32)).decode()
        self._stack = ExitStack()
        self._env = environment(home, textin.connection(), home / "results") | listening(self._port)
        self._env |= {
            "AIRFLOW__CORE__FERNET_KEY": self._key,
            "AIRFLOW__DATABASE__LOAD_DEFAULT_CONNECTIONS": "False",
        }

    def __enter__(self) -> Self:
        for command in (["db", "migrate"], ["dags", "reserialize"]):
            run(command, self._env, self.log)
        process = self._stack.enter_context(running(["standalone"], self._env, self.log))
        wait_until_healthy(process, self._port)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def log(self) -> Path:
        """Where Airflow's own words go."""
        return self.home / "standalone.log"

    @property
    def password(self) -> str:
        """The password of the user ``admin``; only Airflow 2 asks for one."""
        return (self.home / "standalone_admin_password.txt").read_text().strip()

    def stored(self, conn_id: str) -> Stored:
        """Read a connection as a hook would, secrets included."""
        query = (
            "SELECT conn_type, description, host, login, password, port, schema, extra, is_encrypted,"
            " is_extra_encrypted FROM connection WHERE conn_id = ?"
        )
        [(*plain, extra, encrypted, extra_encrypted)] = self._query(query, conn_id)
        assert (encrypted, extra_encrypted) == (1, 1)
        row = Stored._make([*plain, json.loads(self._decrypt(extra))])
        assert row.password is not None
        return row._replace(password=self._decrypt(row.password))

    def trigger(self, dag_id: str, run_id: str) -> None:
        """Start a run of a DAG."""
        run(["dags", "trigger", dag_id, "--run-id", run_id], self._env, self.log)

    def _decrypt(self, token: str) -> str:
        return Fernet(self._key).decrypt(token).decode()

    def _query(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        address = f"{(self.home / 'airflow.db').as_uri()}?mode=ro"
        with closing(sqlite3.connect(address, uri=True)) as database:
            return database.execute(sql, parameters).fetchall()
