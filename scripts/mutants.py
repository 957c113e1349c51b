"""
Run the mutation tests with mutmut and check their score (`make mutants`).

mutmut forks a process for each mutant after Airflow has been imported, and runs only the tests that call the
mutated function, the fastest first, within the limits of scripts/mutant_limits.py. Each folder is a run of
its own, because the tests of all folders together would take minutes for each mutant. The exit code is 0 only
if each folder has the required score and every survivor is listed, with a reason, in
tests/mutants/survivors.md.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from contextlib import chdir
from pathlib import Path
from typing import NamedTuple

REPO = Path(__file__).resolve().parent.parent
WORK = REPO / "mutants"
SURVIVORS = REPO / "tests" / "mutants" / "survivors.md"
MUTMUT = str(Path(sys.executable).with_name("mutmut"))
#: The folders under test, with their tests; a folder within another is not part of that one's run.
TESTS = {
    "textin_provider/api": ["tests/api"],
    "textin_provider/polling": ["tests/polling", "tests/tasks"],
    "textin_provider/tasks": ["tests/tasks"],
    "textin_provider/tasks/folder": ["tests/tasks/folder"],
}
#: What the mutated package and its tests need of the repository.
LINKS = ("textin_provider", "tests", "scripts", "example_dags")
MARKS = "not slow and not database and not e2e and not ui and not vendors"
REQUIRED_PERCENT = 90
#: The states in which the tests have noticed a mutant. A mutant that loops is stopped.
NOTICED = ("killed", "timeout")
RESULT = re.compile(r"^ +(?P<name>\S+__mutmut_\d+): (?P<state>.+)$", re.MULTILINE)
ENTRY = re.compile(
    r"^- `(?P<function>[^`]+)`: `(?P<old>.*?)` -> `(?P<new>.*?)`: *(?P<reason>.*)$", re.MULTILINE
)


class Mutant(NamedTuple):
    """A mutant by mutmut's name for it, and the state after the run."""

    name: str
    state: str

    @property
    def module(self) -> str:
        """Return the dotted name of the mutated module."""
        return self.name.rpartition(".")[0]


class Mutation(NamedTuple):
    """A function and its changed lines, which are stable, unlike the number of a mutant."""

    function: str
    old: str
    new: str

    def __str__(self) -> str:
        return f"- `{self.function}`: `{self.old}` -> `{self.new}`:"


def main() -> int:
    """Test the mutants of the given files, or of all folders, and return the exit code."""
    files = sys.argv[1:]
    shutil.rmtree(WORK, ignore_errors=True)
    survivors: dict[Mutation, str] = {}
    enough = True
    print(f"{'folder':<28}{''.join(f'{column:>10}' for column in (*NOTICED, 'survived', 'total', 'score'))}")
    for folder in TESTS:
        chosen = [file for file in files if folder_of(file) == folder]
        if not (REPO / folder).is_dir() or (files and not chosen):
            continue
        try:
            mutants = run(folder, chosen)
        except subprocess.CalledProcessError as error:
            print(f"{error}\n{_log_tail(folder)}", file=sys.stderr)
            return 1
        enough &= print_score(folder, mutants)
        lost = [mutant for mutant in mutants if mutant.state not in NOTICED]
        survivors |= {_mutation(folder, mutant): f"{mutant.state}, {mutant.name}" for mutant in lost}
    explained = print_survivors(survivors, complete=not files)
    return 0 if enough and explained else 1


def folder_of(file: str) -> str | None:
    """Return the folder under test that a file or folder belongs to, the innermost one."""
    return max(
        (folder for folder in TESTS if Path(folder) in (Path(file), *Path(file).parents)),
        key=len,
        default=None,
    )


def run(folder: str, files: list[str]) -> list[Mutant]:
    """Test the mutants of some files of a folder, or of all, on all cores, and return them."""
    home = WORK / folder
    home.mkdir(parents=True)
    for name in LINKS:
        (home / name).symlink_to(REPO / name)
    (home / "pyproject.toml").write_text((REPO / "pyproject.toml").read_text() + settings(folder, files))
    command = [MUTMUT, "run", "--max-children", str(os.cpu_count())]
    # mutmut prints a progress line ten times a second.
    with _log(folder).open("w") as log:
        subprocess.run(command, cwd=home, check=True, stdout=log, stderr=subprocess.STDOUT)
    output = subprocess.run(
        [MUTMUT, "results", "--all", "true"], cwd=home, check=True, capture_output=True, text=True
    ).stdout
    return [Mutant(found["name"], found["state"]) for found in RESULT.finditer(output)]


def settings(folder: str, files: list[str]) -> str:
    """Return the settings of mutmut for a folder."""
    tests = [test for test in TESTS[folder] if (REPO / test).is_dir()]
    values = {
        "source_paths": ["textin_provider"],
        "only_mutate": [file if file.endswith(".py") else f"{file}/*" for file in files or [folder]],
        "do_not_mutate": [f"{inner}/*" for inner in TESTS if inner.startswith(f"{folder}/")],
        "also_copy": list(LINKS),
        "pytest_add_cli_args_test_selection": tests,
        "pytest_add_cli_args": ["-m", MARKS, "-p", "no:cacheprovider", "-p", "scripts.mutant_limits"],
    }
    lines = [f"{name} = {json.dumps(value)}" for name, value in values.items()]
    return "\n".join(["", "[tool.mutmut]", *lines, ""])


def print_score(folder: str, mutants: list[Mutant]) -> bool:
    """Print the number of mutants by state; return whether the folder has the required score."""
    states = Counter(mutant.state for mutant in mutants)
    noticed = [states[state] for state in NOTICED]
    numbers = (*noticed, len(mutants) - sum(noticed), len(mutants))
    percent = 100 * sum(noticed) / len(mutants) if mutants else 0.0
    print(f"{folder:<28}{''.join(f'{number:>10,}' for number in numbers)}{percent:>9.1f}%", flush=True)
    if percent < REQUIRED_PERCENT:
        print(f"  The score of {folder} is below {REQUIRED_PERCENT} %.")
    return percent >= REQUIRED_PERCENT


def print_survivors(survivors: dict[Mutation, str], *, complete: bool) -> bool:
    """Print survivors without a reason and, if all files were run, reasons without a survivor."""
    reasons = read_reasons()
    unexplained = [mutation for mutation in survivors if not reasons.get(mutation)]
    obsolete = [mutation for mutation in reasons if mutation not in survivors] if complete else []
    print(
        f"\n{len(survivors)} survivors, {len(unexplained)} without a reason in {SURVIVORS.relative_to(REPO)}"
    )
    for mutation in unexplained:
        print(f"{mutation}\n    {survivors[mutation]}")
    for mutation in obsolete:
        print(f"Obsolete, no such survivor: {mutation}")
    return not unexplained and not obsolete


def read_reasons() -> dict[Mutation, str]:
    """Return the listed survivors with their reasons."""
    entries = ENTRY.finditer(SURVIVORS.read_text())
    return {Mutation(found["function"], found["old"], found["new"]): found["reason"] for found in entries}


def _mutation(folder: str, mutant: Mutant) -> Mutation:
    # `mutmut show` would take a second for each mutant.
    from mutmut.mutation.diff_apply import get_diff_for_mutant

    module = WORK / folder / mutant.module.replace(".", "/")
    file = module / "__init__.py" if module.is_dir() else module.with_suffix(".py")
    with chdir(WORK / folder):
        diff = get_diff_for_mutant(mutant.name, path=file.relative_to(WORK / folder))
    lines = [line for line in diff.splitlines() if not line.startswith(("---", "+++"))]
    old, new = (" ".join(line[1:].strip() for line in lines if line.startswith(sign)) for sign in "-+")
    # mutmut writes x_name for a function and xǁClassǁname for a method.
    function = re.sub(r"__mutmut_\d+$", "", mutant.name.rpartition(".")[2])
    function = (
        function.removeprefix("x").removeprefix("_")
        if "ǁ" not in function
        else ".".join(function.split("ǁ")[1:])
    )
    return Mutation(f"{mutant.module}.{function}", old, new)


def _log(folder: str) -> Path:
    return WORK / folder / "mutmut.log"


def _log_tail(folder: str) -> str:
    return "\n".join(_log(folder).read_text(errors="replace").splitlines()[-60:])


if __name__ == "__main__":
    sys.exit(main())
