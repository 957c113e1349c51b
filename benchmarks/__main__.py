"""
Runs all parts and writes RESULTS.md and results.svg, or runs those named and prints what they found.

The long run, `endurance`, is a part of its own that takes options: `endurance --help`.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from importlib import import_module
from pathlib import Path

from benchmarks.harness import Section, say
from benchmarks.report import markdown, section_text

#: In the order of the report.
PARTS = ("polls", "jobs", "stalls", "batch", "imports", "files", "account", "whole", "folder")
HERE = Path(__file__).parent


def main() -> None:
    """Run what the command line names."""
    if sys.argv[1:2] == ["endurance"]:
        from benchmarks.endurance.run import main as endure

        with tempfile.TemporaryDirectory(prefix="textin-bench-") as home:
            _make_private(Path(home))
            sys.exit(endure(sys.argv[2:]))
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="part", help=", ".join(PARTS))
    parts = parser.parse_args().parts
    if unknown := set(parts) - set(PARTS):
        parser.error(f"there is no part {', '.join(sorted(unknown))}")
    begin = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="textin-bench-") as home:
        _make_private(Path(home))
        sections = {part: _measure(part) for part in parts or PARTS}
    if parts:
        print("\n\n".join(section_text(section) for section in sections.values()))
        return
    from benchmarks.plot import draw

    report = markdown(list(sections.values()), time.monotonic() - begin)
    (HERE / "RESULTS.md").write_text(report)
    (HERE / "results.svg").write_text(draw(sections["polls"]))
    print(report)


def _measure(part: str) -> Section:
    say(part)
    section: Section = import_module(f"benchmarks.{part}").measure()
    return section


def _make_private(home: Path) -> None:
    """Give all children an Airflow of their own: a person's settings may point to a database that matters."""
    for name in [name for name in os.environ if name.startswith("AIRFLOW_")]:
        del os.environ[name]
    os.environ |= {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        # Lines are dropped before they are formatted: a present to HttpSensor, which writes one a poll.
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "CRITICAL",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
    }


if __name__ == "__main__":
    main()
