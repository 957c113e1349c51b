"""The lines of a run in the log of its task, and what a deferral keeps of the run."""

from __future__ import annotations

import pytest

from textin_provider.tasks.folder.options import Leg
from textin_provider.tasks.folder.progress import INTERVAL, Progress


class Log:
    """A log with a clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.lines: list[str] = []
        self.progress = Progress(self.lines.append, clock=lambda: self.now)

    def at(self, seconds: float, remaining: int, in_flight: int = 0) -> str | None:
        """Report so many seconds after the begin, and return the line if there is one."""
        self.now = 1000.0 + seconds
        before = len(self.lines)
        self.progress.report(remaining, in_flight, lambda: 77)
        return self.lines[-1] if len(self.lines) > before else None


@pytest.mark.parametrize(
    ("ignored", "line"),
    [
        (0, "Found 9 documents: 5 of them are to be done."),
        (1, "Found 9 documents, 1 other files are left out: 5 of them are to be done."),
        (3, "Found 9 documents, 3 other files are left out: 5 of them are to be done."),
    ],
)
def test_the_first_line_says_what_the_source_holds(ignored: int, line: str) -> None:
    log = Log()
    log.progress.found(9, ignored, 5)
    assert log.lines == [line]


def test_a_line_comes_each_half_minute() -> None:
    log = Log()
    log.progress.found(100, 0, 80)
    assert INTERVAL == 30.0
    assert log.at(29.9, 79) is None
    assert log.at(30.0, 60, 4) == (
        "40 of 100 documents, 77 pages, 40.0 documents a minute, 2 minutes left; "
        "4 jobs are in work at TextIn."
    )
    assert log.at(59.9, 50) is None
    assert log.at(60.5, 79, 3) == (
        "21 of 100 documents, 77 pages, 1.0 documents a minute, 80 minutes left; "
        "3 jobs are in work at TextIn."
    )
    assert log.at(90.4, 50) is None
    assert log.at(90.5, 80) is not None


@pytest.mark.parametrize("remaining", [80, 81])
def test_a_run_without_progress_does_not_say_when_it_ends(remaining: int) -> None:
    log = Log()
    log.progress.found(100, 0, 80)
    line = log.at(60, remaining)
    assert line == (
        f"{100 - remaining} of 100 documents, 77 pages, {80.0 - remaining:.1f} documents a minute; "
        "0 jobs are in work at TextIn."
    )


def test_pages_are_counted_only_for_a_line() -> None:
    log = Log()
    log.progress.report(0, 0, lambda: pytest.fail("no line is due"))
    log.now += 30
    log.progress.report(0, 0, lambda: 5)
    assert log.lines == ["0 of 0 documents, 5 pages, 0.0 documents a minute; 0 jobs are in work at TextIn."]


def test_the_last_line_has_the_counts_and_where_each_document_has_a_line() -> None:
    log = Log()
    log.progress.ended({"found": 2, "left": 0, "manifest_path": "/out/manifest.jsonl"})
    assert log.lines == [
        "The run has ended: 2 found, 0 left. Each document has a line in /out/manifest.jsonl."
    ]


def test_a_deferral_keeps_deadline_window_and_the_error_of_a_run_that_stopped() -> None:
    assert Leg(9.5).to_dict() == {"deadline": 9.5, "window": None, "stopped": None}
    leg = Leg(9.5, 3, {"kind": "quota"})
    assert leg.to_dict() == {"deadline": 9.5, "window": 3, "stopped": {"kind": "quota"}}
    assert Leg(**leg.to_dict()) == leg
