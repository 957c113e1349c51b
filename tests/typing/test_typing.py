"""The types of the public API: right uses have no error, and each wrong use has the error that is listed."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.version import Version

#: The annotations of Airflow itself differ between its releases; `make lint` checks against the newest one.
pytestmark = pytest.mark.skipif(
    Version(version("apache-airflow")) < Version("3.3"),
    reason="the types of Airflow before 3.3 are incomplete: paths of object storage have none in Airflow 2",
)
FOLDER = Path(__file__).parent
REPO = FOLDER.parent.parent


def errors_of(module: str, folder: Path = FOLDER) -> list[tuple[int, str]]:
    """Return the line and code of each error that mypy reports in a module."""
    command = [sys.executable, "-m", "mypy", "--follow-imports=silent", "--no-pretty", str(folder / module)]
    checked = subprocess.run(command, cwd=REPO, capture_output=True, text=True, check=False)
    assert checked.returncode in (0, 1), checked.stdout + checked.stderr
    found = re.findall(r"^\S+\.py:(\d+): error: .*\[([a-z-]+)\]$", checked.stdout, re.MULTILINE)
    assert len(found) == checked.stdout.count(": error: "), checked.stdout
    return [(int(line), code) for line, code in found]


def listed_errors(module: str) -> list[tuple[int, str]]:
    """Return the line and code of each comment ``# error: code`` of a module."""
    lines = enumerate((FOLDER / module).read_text().splitlines(), start=1)
    return [(number, line.rpartition("# error: ")[2]) for number, line in lines if "# error: " in line]


def test_right_uses_have_no_error() -> None:
    assert errors_of("public_api.py") == []


def test_each_wrong_use_has_the_error_that_is_listed() -> None:
    assert errors_of("wrong_uses.py") == listed_errors("wrong_uses.py")


@pytest.mark.parametrize("exported", ["str", "int"])
def test_an_assert_type_of_another_type_is_an_error(tmp_path: Path, exported: str) -> None:
    (tmp_path / "use.py").write_text(
        "from typing import assert_type\n"
        "from textin_provider.hooks.textin import TextInHook\n"
        f"assert_type(TextInHook().workspace(), {exported})\n"
    )
    expected = [] if exported == "str" else [(3, "assert-type")]
    assert errors_of("use.py", tmp_path) == expected
