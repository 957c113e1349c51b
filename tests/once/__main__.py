"""
Run the matrix and print the table of RELIABILITY.md: ``python -m tests.once``.

``--processes`` adds the cells that need real Airflow processes, and PostgreSQL with the group ``e2e``.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections import defaultdict
from itertools import product
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pytest


class Table:
    """Collects from the tests how many documents each cell was billed for."""

    def __init__(self) -> None:
        self.billed: defaultdict[tuple[str, str], set[int]] = defaultdict(set)
        self.cells = 0

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Collect the cells of a test that has ended."""
        for name, value in report.user_properties if report.when == "call" else ():
            if name == "once":
                _, moment, strike, accepted = _cell(value)
                self.billed[moment, strike].add(accepted)
                self.cells += 1

    def show(self) -> None:
        """Print the table, and the impossible cells with their reasons."""
        from tests.once.matrix import TASKS, Cell, reason_against
        from tests.once.moments import Moment, Strike

        print(f"\n| moment | {' | '.join(Strike)} |")
        print(f"|---|{'---:|' * len(Strike)}")
        for moment in Moment:
            row = (sorted(self.billed[moment.value, strike.value]) for strike in Strike)
            print(f"| {moment} | {' | '.join(' or '.join(map(str, found)) or '-' for found in row)} |")
        twice = sum(max(found, default=0) > 1 for found in self.billed.values())
        print(f"\n{self.cells} cells; documents accepted twice: {twice}. Impossible cells:\n")
        reasons: defaultdict[str, set[str]] = defaultdict(set)
        for cell in (Cell(*place) for place in product(TASKS, Moment, Strike)):
            if reason := reason_against(cell):
                who = f"{cell.strike}, " if cell.strike is Strike.SIGKILL else ""
                reasons[reason].add(f"{cell.task.name} ({who}{cell.moment})")
        for reason, places in reasons.items():
            print(f"- {'; '.join(sorted(places))}: {reason}.")


def _cell(value: Any) -> tuple[str, str, str, int]:
    task, moment, strike, accepted = value
    return str(task), str(moment), str(strike), int(accepted)


def main() -> int:
    """Run the tests in a temporary Airflow home and print what they found."""
    with tempfile.TemporaryDirectory() as home:
        os.environ |= {
            "AIRFLOW_HOME": home,
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        }
        import pytest

        table = Table()
        processes = ["tests/e2e/test_once.py", "-m", "e2e or not e2e"] if "--processes" in sys.argv else []
        code = pytest.main(["-q", "-n0", "--show-capture=no", "tests/once", *processes], plugins=[table])
        table.show()
    return int(code)


if __name__ == "__main__":
    sys.exit(main())
