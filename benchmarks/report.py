"""Puts figures into words: tables for the terminal, RESULTS.md for readers."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from benchmarks.harness import Line, Section

PACKAGES = (
    "apache-airflow",
    "apache-airflow-providers-http",
    "apache-airflow-providers-standard",
    "aiohttp",
    "requests",
    "uvloop",
)
HEADER = "| what | min | median | max | budget | met |\n|---|---:|---:|---:|---|---|"


def markdown(sections: Sequence[Section], seconds: float) -> str:
    """Return the report of a run."""
    parts = [
        "# What this provider costs\n\nWritten by `make bench`: all figures are of one run, the sides taken "
        "in turns (A B A B).\nBudgets are held against the median. Nothing here passes or fails a build.",
        "![CPU of the triggerer per poll](results.svg)",
        machine(seconds),
        "## Budgets\n\n" + _budgets(sections),
        *(section_text(section) for section in sections),
    ]
    return "\n\n".join(parts) + "\n"


def section_text(section: Section) -> str:
    """Return one section in Markdown."""
    notes = "\n".join(f"- {note}" for note in section.notes)
    return "\n\n".join(filter(None, [f"## {section.title}", section.how, table(section.lines), notes]))


def table(lines: Sequence[Line]) -> str:
    """Return a table of all lines."""
    return "\n".join([HEADER, *map(_row, lines)])


def _row(line: Line) -> str:
    cells = [_number(figure, line.unit) for figure in (min(line.figures), line.median, max(line.figures))]
    met = {True: "yes", False: "**no**", None: ""}[line.is_met]
    return f"| {line.what} | {' | '.join(cells)} | {_budget(line)} | {met} |"


def _budget(line: Line) -> str:
    if line.budget is None:
        return ""
    sign = ">=" if line.budget.is_least else "<="
    return line.budget.words or f"{sign} {_number(line.budget.limit, line.unit)}"


def _number(figure: float, unit: str) -> str:
    digits = 0 if figure >= 100 or figure == int(figure) else 1 if figure >= 10 else 2 if figure >= 0.1 else 3
    text = f"{figure:,.{digits}f}"
    if unit == "x":
        return f"{text}x" if figure >= 0.5 else f"{text}x (1/{1 / figure:,.1f})" if figure else "0x"
    return f"{text} {unit}".strip()


def _budgets(sections: Sequence[Section]) -> str:
    budgeted = [line for section in sections for line in section.lines if line.budget is not None]
    unmet = [line.what for line in budgeted if not line.is_met]
    decision = "All of them are met." if not unmet else f"Not met: {'; '.join(unmet)}."
    return f"{table(budgeted)}\n\n{decision}"


def machine(seconds: float) -> str:
    """Return when and on what a run was made, and how long it took."""
    rows = [
        f"- {datetime.now(UTC):%Y-%m-%d}, {seconds / 60:.0f} minutes",
        f"- {_cpu_model()}, {os.cpu_count()} CPUs, {platform.system()} {platform.release()}",
        f"- Python {platform.python_version()}",
        f"- {', '.join(_versions())}",
    ]
    return "\n".join(rows)


def _versions() -> Iterator[str]:
    for name in PACKAGES:
        try:
            yield f"{name} {version(name)}"
        except PackageNotFoundError:
            yield f"no {name}"


def _cpu_model() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.machine()
    models = [line.partition(":")[2].strip() for line in text.splitlines() if line.startswith("model name")]
    return models[0] if models else platform.machine()
