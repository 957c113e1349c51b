"""
Start a complete Airflow and a local TextIn with the connection `textin_default` (`make airflow`).

Everything listens on the loopback interface alone, except Airflow's log servers, which have no such setting
and require a token. All data is in one folder. Ctrl-C or SIGTERM stops all processes.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import urllib.request
from importlib.metadata import version
from typing import TYPE_CHECKING

from scripts.local_airflow import (
    HOST,
    IS_AIRFLOW_2,
    REPO,
    AirflowFailedError,
    environment,
    free_port,
    is_free,
    listening,
    run,
    running,
    stop_on_signals,
    tail,
)
from textin_provider.testing import TextInServer
from textin_provider.testing.account_options import account_of, add_account_options

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

USUAL_PORT = 8080
GIVE_UP_AFTER = 180.0
HEALTH = "/health" if IS_AIRFLOW_2 else "/api/v2/monitor/health"
#: In Airflow 2 the scheduler includes the DAG processor.
PARTS = {"metadatabase", "scheduler", "triggerer"} | (set() if IS_AIRFLOW_2 else {"dag_processor"})


def main() -> int:
    """Run Airflow until it is stopped and return the exit code."""
    stop_on_signals()
    parser = _parser()
    options = parser.parse_args()
    account = account_of(parser, options)
    home = (REPO / options.home).resolve()
    home.mkdir(parents=True, exist_ok=True)
    log = home / "standalone.log"
    log.unlink(missing_ok=True)
    try:
        port = _choose_port(options.port)
        with TextInServer(
            options.textin_port,
            pending_seconds=options.pending,
            processing_seconds=options.processing,
            account=account,
        ) as textin:
            env = environment(home, textin.connection(), home / "results") | listening(port)
            print(f"Local TextIn        {textin.url}   (connection textin_default is set)")
            print(f"Account             {account}")
            print(f"Airflow's log       {log}")
            print(f"Starting Airflow {version('apache-airflow')} ...", flush=True)
            run(["db", "migrate"], env, log)
            with running(["standalone"], env, log) as process:
                wait_until_healthy(process, port)
                _greet(port, home)
                try:
                    process.wait()
                except KeyboardInterrupt:
                    print("\nStopping Airflow ...", flush=True)
                    raise
        raise AirflowFailedError(f"Airflow ended with exit code {process.returncode}.")
    except (AirflowFailedError, OSError) as error:
        print(f"{tail(log)}{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped.")
        return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make airflow", description="Open Airflow with a local TextIn.")
    parser.add_argument("--home", default=".airflow", help="folder for database, logs and results")
    parser.add_argument("--port", type=int, help=f"port of Airflow; {USUAL_PORT} or a free one")
    parser.add_argument("--textin-port", type=int, default=0, help="port of the local TextIn; a free one")
    parser.add_argument("--pending", type=float, default=5.0, help="seconds that a job is queued")
    parser.add_argument("--processing", type=float, default=10.0, help="seconds that TextIn works on it")
    add_account_options(parser, plan="paid")
    return parser


def wait_until_healthy(process: subprocess.Popen[bytes], port: int) -> None:
    """Wait until the health endpoint reports every part of ``airflow standalone`` as healthy."""
    deadline = time.monotonic() + GIVE_UP_AFTER
    ailing = PARTS
    while ailing:
        if process.poll() is not None:
            raise AirflowFailedError(f"Airflow ended with exit code {process.returncode} before it was up.")
        if time.monotonic() > deadline:
            missing = ", ".join(sorted(ailing))
            raise AirflowFailedError(f"Not healthy after {GIVE_UP_AFTER:.0f} seconds: {missing}.")
        time.sleep(0.5)
        try:
            with urllib.request.urlopen(f"http://{HOST}:{port}{HEALTH}", timeout=5) as answer:
                health = json.load(answer)
        except (OSError, ValueError):
            continue
        ailing = {part for part in PARTS if health[part]["status"] != "healthy"}


def _greet(port: int, home: Path) -> None:
    password = home / "standalone_admin_password.txt"
    login = f"user admin, password {password.read_text().strip()}" if IS_AIRFLOW_2 else "none needed"
    print(f"\nAirflow is up:      http://{HOST}:{port}")
    print(f"Login               {login}")
    print("Try                 trigger example_xparse; watch `wait` become deferred, then succeed")
    print(f"Results             {home / 'results'}")
    print("Ctrl-C stops everything.", flush=True)


def _choose_port(wanted: int | None) -> int:
    if wanted is None:
        return USUAL_PORT if is_free(USUAL_PORT) else free_port()
    if not is_free(wanted):
        raise AirflowFailedError(f"Port {wanted} is not free; give another with --port, or none.")
    return wanted


if __name__ == "__main__":
    sys.exit(main())
