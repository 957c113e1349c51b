"""A PostgreSQL of its own for the time of a test, from the programs that Debian's package installs."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from scripts.local_airflow import HOST, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Who runs the server where root may not.
_USER = "postgres"
_GIVE_UP_AFTER = 60.0


@contextmanager
def postgres() -> Iterator[str]:
    """Run a server on a free port of 127.0.0.1 and yield the SQLAlchemy address of its empty database."""
    programs = max(Path("/usr/lib/postgresql").glob("*/bin"), default=None)
    if programs is None:
        pytest.fail("There is no PostgreSQL here: apt-get install postgresql", pytrace=False)
    folder = Path(tempfile.mkdtemp(prefix="textin-postgres-"))
    port = free_port()
    try:
        if os.geteuid() == 0:
            shutil.chown(folder, _USER, _USER)
        data = folder / "data"
        setup = ["initdb", "--pgdata", data, "--username", "airflow", "--auth", "trust", "--no-sync"]
        subprocess.run(_as_user(programs, setup), check=True, stdout=subprocess.DEVNULL, cwd=folder)
        # It forgets everything when the test ends, so nothing has to reach the disk.
        serve = ["postgres", "-D", data, "-h", HOST, "-p", port, "-k", folder, "-F", "-N", "200"]
        with (folder / "log").open("wb") as log:
            server = subprocess.Popen(_as_user(programs, serve), stdout=log, stderr=log, cwd=folder)
        try:
            ready = _as_user(programs, ["pg_isready", "-h", HOST, "-p", port, "-U", "airflow"])
            _wait_until_ready(ready, folder / "log")
            yield f"postgresql+psycopg2://airflow@{HOST}:{port}/postgres"
        finally:
            server.send_signal(signal.SIGINT)
            server.wait()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _as_user(programs: Path, command: list[object]) -> list[str]:
    name, *arguments = map(str, command)
    become = (
        ["setpriv", f"--reuid={_USER}", f"--regid={_USER}", "--clear-groups"] if os.geteuid() == 0 else []
    )
    return [*become, str(programs / name), *arguments]


def _wait_until_ready(ask: list[str], log: Path) -> None:
    deadline = time.monotonic() + _GIVE_UP_AFTER
    while subprocess.run(ask, stdout=subprocess.DEVNULL, check=False).returncode != 0:
        if time.monotonic() > deadline:
            pytest.fail(f"PostgreSQL did not start: {log.read_text(errors='replace')}", pytrace=False)
        time.sleep(0.1)
