"""The vendor's own clients, which run in an environment of their own; `make vendors` runs these tests."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from textin_provider.testing import TextInServer

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
PROGRAMS = Path(__file__).parent / "programs"
# docflow-sdk needs urllib3 1 and Airflow's constraints have urllib3 2, so one environment cannot have both.
PYTHON = Path(os.environ.get("VENDORS_PYTHON", ROOT / ".venv-vendors/bin/python"))
#: docflow-sdk takes digits alone.
WORKSPACE_ID = "1955840505753140508"


class RunProgram(Protocol):
    def __call__(self, program: str, document: Path) -> dict[str, Any]: ...


@pytest.fixture
def textin() -> Iterator[TextInServer]:
    with TextInServer(pending_seconds=0.1, processing_seconds=0.1, workspace_id=WORKSPACE_ID) as server:
        yield server


@pytest.fixture
def run_program(textin: TextInServer) -> RunProgram:
    """Return a function that runs a program with a document, and returns what it prints."""
    assert PYTHON.exists(), f"there is no {PYTHON}: make vendors creates it"

    def run(program: str, document: Path) -> dict[str, Any]:
        account = (textin.url, textin.app_id, textin.secret_code)
        command = [str(PYTHON), str(PROGRAMS / program), *account, str(document)]
        # A proxy of the environment would get the requests.
        environment = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
        ended = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment)
        assert ended.returncode == 0, ended.stderr
        printed: dict[str, Any] = json.loads(ended.stdout)
        return printed

    return run
