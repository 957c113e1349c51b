"""Count the cases of the fault matrix: ``python -m tests.faults`` prints the table of RELIABILITY.md."""

from __future__ import annotations

from collections import Counter

from tests.faults.cases import passing, staying
from tests.faults.matrix import faults_of
from tests.faults.operations import OPERATIONS


def main() -> None:
    counts: Counter[str] = Counter()
    print("| operation | side | carried out by | faults | cases that stay | cases that pass |")
    print("|---|---|---|---:|---:|---:|")
    for op in OPERATIONS:
        faults, stay, passed = len(faults_of(op)), len(staying(op)), len(passing(op))
        counts.update(stay=stay, passed=passed)
        print(f"| {op.name} | {op.side} | {op.by} | {faults} | {stay} | {passed} |")
    total, stay, passed = counts.total(), counts["stay"], counts["passed"]
    print(f"\n{total} cases over HTTP: {stay} of faults that stay, {passed} of faults that pass after two.")


if __name__ == "__main__":
    main()
