"""A PostgreSQL of its own for the time of a test, from the programs that Debian's package installs."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from pathlib import Path

from scripts.local_airflow import HOST
from tests.local_server import LocalServer

#: Who runs the server where root may not.
_USER = "postgres"


class PostgresServer(LocalServer):
    """A PostgreSQL with an empty database, in which the user ``airflow`` needs no password."""

    package = "postgresql"
    stop_signal = signal.SIGINT
    crash_signal = signal.SIGQUIT

    @property
    def url(self) -> str:
        """The SQLAlchemy address of the database."""
        return f"postgresql+psycopg2://airflow@{HOST}:{self.port}/postgres"

    def prepare(self) -> None:
        data = self.folder / "data"
        setup = self._run("initdb", "--pgdata", data, "--username", "airflow", "--auth", "trust", "--no-sync")
        if os.geteuid() == 0:
            shutil.chown(self.folder, _USER, _USER)
        subprocess.run(setup, check=True, stdout=subprocess.DEVNULL, cwd=self.folder)

    def command(self) -> list[str]:
        # It forgets everything when the test ends, so nothing has to reach the disk.
        return self._run(
            *("postgres", "-D", self.folder / "data", "-h", HOST, "-p", self.port, "-k", self.folder),
            *("-F", "-N", 200),
        )

    def is_ready(self) -> bool:
        ask = self._run("pg_isready", "-h", HOST, "-p", self.port, "-U", "airflow")
        return subprocess.run(ask, stdout=subprocess.DEVNULL, check=False).returncode == 0

    def _run(self, name: str, *arguments: object) -> list[str]:
        as_user = ["setpriv", f"--reuid={_USER}", f"--regid={_USER}", "--clear-groups"]
        become = as_user if os.geteuid() == 0 else []
        return [*become, str(self._programs() / name), *map(str, arguments)]

    def _programs(self) -> Path:
        programs = max(Path("/usr/lib/postgresql").glob("*/bin"), default=None)
        return programs or self.missing()
