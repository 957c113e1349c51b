"""
Run the mutation tests with mutmut and check their score (`make mutants`).

The folders under test and the tests are in ``[tool.mutmut]`` of pyproject.toml. A mutant that no test covers
counts as a survivor. The exit code is 0 only if each folder has the required score and every survivor is
listed, with a reason, in tests/mutants/survivors.md.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections import Counter
from pathlib import Path
from typing import NamedTuple

REPO = Path(__file__).resolve().parent.parent
WORK = REPO / "mutants"
SURVIVORS = REPO / "tests" / "mutants" / "survivors.md"
MUTMUT = str(Path(sys.executable).with_name("mutmut"))
REQUIRED_PERCENT = 90
#: The states in which mutmut has proved that a test notices the mutant. A mutant that loops is stopped.
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
    """Run mutmut on the given files, or on all folders, and return the exit code."""
    files = sys.argv[1:]
    shutil.rmtree(WORK, ignore_errors=True)
    WORK.mkdir()
    try:
        run_mutmut([f"{_module(file)}.x*" for file in files])
    except subprocess.CalledProcessError as error:
        print(f"{error}\n{_log_tail()}", file=sys.stderr)
        return 1
    mutants = [mutant for mutant in read_results() if not files or mutant.module in map(_module, files)]
    enough = print_scores(mutants)
    explained = print_survivors(
        [mutant for mutant in mutants if mutant.state not in NOTICED], complete=not files
    )
    return 0 if enough and explained else 1


def run_mutmut(patterns: list[str]) -> None:
    """Test the mutants whose names match one of the patterns, or all, one on each core at a time."""
    command = [MUTMUT, "run", "--max-children", str(os.cpu_count()), *patterns]
    if sys.stdout.isatty():
        subprocess.run(command, cwd=REPO, check=True)
        return
    # The progress is one line that is written anew ten times a second.
    with (WORK / "mutmut.log").open("w") as log:
        subprocess.run(command, cwd=REPO, check=True, stdout=log, stderr=subprocess.STDOUT)


def read_results() -> list[Mutant]:
    """Return all mutants of the last run."""
    command = [MUTMUT, "results", "--all", "true"]
    output = subprocess.run(command, cwd=REPO, check=True, capture_output=True, text=True).stdout
    return [Mutant(found["name"], found["state"]) for found in RESULT.finditer(output)]


def print_scores(mutants: list[Mutant]) -> bool:
    """Print the number of mutants by folder and state; return whether each folder has the required score."""
    columns = ("killed", "timeout", "survived", "total")
    print(f"{'folder':<28}{''.join(f'{column:>10}' for column in columns)}{'score':>10}")
    enough = bool(mutants)
    for folder in folders():
        prefix = folder.replace("/", ".") + "."
        states = Counter(mutant.state for mutant in mutants if mutant.name.startswith(prefix))
        if not (total := states.total()):
            continue
        noticed = sum(states[state] for state in NOTICED)
        numbers = (states["killed"], states["timeout"], total - noticed, total)
        percent = 100 * noticed / total
        print(f"{folder:<28}{''.join(f'{number:>10,}' for number in numbers)}{percent:>9.1f}%")
        if percent < REQUIRED_PERCENT:
            print(f"  The score of {folder} is below {REQUIRED_PERCENT} %.")
            enough = False
    return enough


def print_survivors(survivors: list[Mutant], *, complete: bool) -> bool:
    """Print survivors without a reason and, if all files were run, reasons without a survivor."""
    reasons = read_reasons()
    mutations = {_mutation(mutant): mutant for mutant in survivors}
    unexplained = [mutation for mutation in mutations if not reasons.get(mutation)]
    obsolete = [reason for reason in reasons if reason not in mutations] if complete else []
    print(
        f"\n{len(survivors)} survivors, {len(unexplained)} without a reason in {SURVIVORS.relative_to(REPO)}"
    )
    for mutation in unexplained:
        print(f"{mutation}\n    {mutations[mutation].state}: mutmut show {mutations[mutation].name}")
    for mutation in obsolete:
        print(f"Obsolete, no such survivor: {mutation}")
    return not unexplained and not obsolete


def folders() -> list[str]:
    """Return the folders under test."""
    settings = tomllib.loads((REPO / "pyproject.toml").read_text())["tool"]["mutmut"]
    return [pattern.removesuffix("/*") for pattern in settings["only_mutate"]]


def read_reasons() -> dict[Mutation, str]:
    """Return the listed survivors with their reasons."""
    entries = ENTRY.finditer(SURVIVORS.read_text())
    return {Mutation(found["function"], found["old"], found["new"]): found["reason"] for found in entries}


def _mutation(mutant: Mutant) -> Mutation:
    output = subprocess.run(
        [MUTMUT, "show", mutant.name], cwd=REPO, check=True, capture_output=True, text=True
    ).stdout
    lines = [line for line in output.splitlines() if not line.startswith(("---", "+++"))]
    old, new = (" ".join(line[1:].strip() for line in lines if line.startswith(sign)) for sign in "-+")
    # mutmut writes x_name for a function and xǁClassǁname for a method.
    function = re.sub(r"__mutmut_\d+$", "", mutant.name.rpartition(".")[2])
    function = (
        function.removeprefix("x").removeprefix("_")
        if "ǁ" not in function
        else ".".join(function.split("ǁ")[1:])
    )
    return Mutation(f"{mutant.module}.{function}", old, new)


def _module(file: str) -> str:
    return file.removesuffix(".py").replace("/", ".").removesuffix(".__init__")


def _log_tail() -> str:
    log = WORK / "mutmut.log"
    return "\n".join(log.read_text(errors="replace").splitlines()[-60:]) if log.exists() else ""


if __name__ == "__main__":
    sys.exit(main())
