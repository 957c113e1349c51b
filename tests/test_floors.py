"""The floors of the package: a module imports from its own floor and from those below, never upwards."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import textin_provider

PACKAGE = Path(textin_provider.__file__).parent
#: From the ground up. Modules of one entry share a floor; operators and sensors do not import each other.
FLOORS = (
    ("get_provider_info",),
    ("api",),
    ("exceptions", "polling"),
    ("hooks",),
    ("triggers",),
    ("tasks",),
    ("operators", "sensors"),
)
FLOOR_OF = {name: number for number, names in enumerate(FLOORS) for name in names}
#: What has no I/O imports none of these.
IO_LIBRARIES = {
    "airflow",
    "requests",
    "requests_toolbelt",
    "aiohttp",
    "asyncio",
    "socket",
    "ssl",
    "threading",
    "time",
}
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if "testing" not in path.relative_to(PACKAGE).parts)


def imported_by(path: Path) -> set[str]:
    """Return the names of all modules that a module imports, at its top, in functions and for types alone."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def own_name(path: Path) -> str:
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def parts_of_package(path: Path) -> set[str]:
    modules = {name.split(".")[1] for name in imported_by(path) if name.startswith("textin_provider.")}
    return modules & {*FLOOR_OF, "testing"}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_imports_from_its_own_floor_and_below(path: Path) -> None:
    name = own_name(path)
    if name == "__init__":
        assert parts_of_package(path) == set()
        return
    allowed = {part for part, floor in FLOOR_OF.items() if floor < FLOOR_OF[name]} | {name}
    assert parts_of_package(path) - allowed == set()


@pytest.mark.parametrize("floor", ["api", "polling"])
def test_decisions_are_free_of_io(floor: str) -> None:
    imported = {
        name.partition(".")[0] for path in (PACKAGE / floor).rglob("*.py") for name in imported_by(path)
    }
    # The rate limiter is shared between threads, so it has a lock.
    assert imported & IO_LIBRARIES <= {"threading"}


def test_every_package_has_a_floor() -> None:
    packages = {own_name(path) for path in MODULES} - {"__init__"}
    assert packages == set(FLOOR_OF)
