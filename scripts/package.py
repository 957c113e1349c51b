"""
Build the archives for PyPI, and try the wheel in environments with nothing else but Airflow (`make package`).

The archives are checked and the wheel is installed. Airflow must list the provider and its connection type,
and load the example DAGs of the source archive.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from zipfile import ZipFile

REPO = Path(__file__).resolve().parent.parent
UV = Path(sys.executable).with_name("uv")
#: The newest Airflow, and Airflow 2, which lacks some dependencies of the local TextIn.
VERSIONS = ("3.3.2", "2.11.2")
LOAD_EXAMPLES = """
import sys
try:
    from airflow.dag_processing.dagbag import DagBag
except ImportError:
    from airflow.models.dagbag import DagBag
bag = DagBag(sys.argv[1])
assert bag.import_errors == {}, bag.import_errors
print("loaded:", *sorted(bag.dags))
"""


class PackageError(Exception):
    """The package failed a check."""


def main() -> int:
    """Build the archives, try them with each Airflow and return the exit code."""
    try:
        with tempfile.TemporaryDirectory() as folder:
            wheel, source = build(Path(folder))
            for version in VERSIONS:
                print(f"Trying {wheel.name} with nothing but Airflow {version}", flush=True)
                try_out(version, wheel, source, Path(folder) / version)
    except (PackageError, subprocess.CalledProcessError) as error:
        print(f"{error}\n{getattr(error, 'stdout', '') or ''}", file=sys.stderr)
        return 1
    return 0


def build(folder: Path) -> tuple[Path, Path]:
    """Build wheel and source archive, check them, and return the wheel and the unpacked source."""
    dist = folder / "dist"
    _run(UV, "build", "--quiet", "--out-dir", dist, REPO)
    [wheel], [archive] = dist.glob("*.whl"), dist.glob("*.tar.gz")
    print(_run(sys.executable, "-m", "twine", "check", "--strict", wheel, archive))
    stray = [
        name for name in ZipFile(wheel).namelist() if not name.startswith(("textin_provider/", "airflow_"))
    ]
    if stray:
        raise PackageError(f"The wheel contains other files: {stray}")
    with tarfile.open(archive) as tar:
        tar.extractall(folder / "source", filter="data")
    [source] = (folder / "source").iterdir()
    return wheel, source


def try_out(version: str, wheel: Path, source: Path, home: Path) -> None:
    """Install the wheel beside one Airflow version and use it."""
    environment = home / "venv"
    _run(UV, "venv", "--quiet", "--python", sys.executable, environment)
    python = environment / "bin" / "python"
    install = (UV, "pip", "install", "--quiet", "--python", python)
    pins = ("--constraints", REPO / f"constraints/airflow-{version}.txt")
    _run(*install, *pins, f"apache-airflow=={version}", wheel)
    airflow = environment / "bin" / "airflow"
    # Airflow finds providers through the metadata of installed packages.
    _expect("airflow-provider-textin", _run(airflow, "providers", "list", home=home))
    hooks = _run(airflow, "providers", "hooks", "--output", "plain", home=home)
    _expect("textin_provider.hooks.textin.TextInHook", hooks)
    _run(airflow, "db", "migrate", home=home)
    print(_expect("loaded:", _run(python, "-c", LOAD_EXAMPLES, source / "example_dags", home=home)))
    bare = subprocess.run(
        [python, "-m", "textin_provider.testing", "--help"], capture_output=True, text=True, check=False
    )
    print(_expect("pip install 'airflow-provider-textin[testing]'", bare.stderr))
    _run(*install, *pins, f"{wheel}[testing]")
    _expect("--port", _run(python, "-m", "textin_provider.testing", "--help"))


def _run(*command: object, home: Path | None = None) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
    if home is not None:
        environment |= {"AIRFLOW_HOME": str(home / "airflow"), "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
    return subprocess.run(
        [str(part) for part in command],
        env=environment,
        cwd=tempfile.gettempdir(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=True,
    ).stdout


def _expect(words: str, output: str) -> str:
    """Return the first line of an output that contains some words."""
    for line in output.splitlines():
        if words in line:
            return line
    raise PackageError(f"No line contains {words!r}:\n{output}")


if __name__ == "__main__":
    sys.exit(main())
