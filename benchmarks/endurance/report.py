"""What the long run found: a table, and a drawing of what the process held from beginning to end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.endurance.record import PATIENCE, WARM_UP, Record, Sample, rates
from benchmarks.endurance.textin import TIMEOUT
from benchmarks.harness import Section
from benchmarks.plot import LEFT, RIGHT, WIDTH, page
from benchmarks.report import machine, section_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

TITLE = "A triggerer that waits for a thousand things, while TextIn fails"
HOW = f"""\
Airflow's own runner of triggers holds 1,000 of ours at any time in one process: `XParseJobTrigger` for one
job or for up to 30, and `DocFlowBatchTrigger`. What they wait for takes some seconds to more than a minute,
ends well, fails, is forgotten by TextIn or never ends before the deadline. Each wait that ends is followed by
another; some are cleared on the way. Most share a connection, a few have one that is opened and closed for
them.

Meanwhile TextIn, in a process of its own, resets connections, cuts answers short, sends 5xx, HTML, nothing,
or what is no HTTP, answers late or drop by drop or not within the connection's {TIMEOUT:g} s, asks for fewer
requests, is stopped for seconds, and takes a new secret. All of that is drawn from the seed.

A wait must end as TextIn's script for it says, not before, and {PATIENCE:g} s after at the latest. Growth is
the trend of all samples, one each 5 s, after a warm-up of {WARM_UP / 60:g} minutes (a fifth of a short run):
the median of the slopes between any two (Theil and Sen), times the length. When no more waits begin, the
last are waited for, and nothing may be left."""
PANEL, GAP = 74, 34
TOP = 70


def markdown(record: Record) -> str:
    """Return the report of a run."""
    decision = "All limits are kept." if record.is_fine else "**Not all limits are kept.**"
    command = f'make bench ARGS="endurance --minutes {record.seconds / 60:g} --seed {record.seed}"'
    head = f"# {TITLE}\n\nWritten by `{command}`. {decision}"
    seconds = record.samples[-1].at
    section = Section("What was done, and what was found", HOW, list(record.lines()))
    return "\n\n".join([head, "![](endurance.svg)", machine(seconds), section_text(section)]) + "\n"


def drawing(record: Record) -> str:
    """Return what the process held over time, as an SVG."""
    samples = record.samples
    panels: list[tuple[str, Sequence[float]]] = [
        ("resident memory, MiB", [sample.held.memory for sample in samples]),
        ("asyncio tasks", [sample.held.tasks for sample in samples]),
        ("open sockets", [sample.held.sockets for sample in samples]),
        ("waits", [sample.waiting for sample in samples]),
        ("waits ended so far", [sample.ended for sample in samples]),
        ("polls per second", [0.0, *rates(samples, lambda sample: sample.textin["polls"])]),
        ("faults per second", [0.0, *rates(samples, _faults)]),
    ]
    end = samples[-1].at
    body = [part for number, panel in enumerate(panels) for part in _panel(number, *panel, record, end)]
    bottom = TOP + len(panels) * (PANEL + GAP)
    return page(
        TITLE,
        "One process, from its first wait to its last. Grey: TextIn is stopped. Minutes from left to right.",
        bottom,
        [*body, *_stops(record, end, bottom - GAP), *_minutes(end, bottom)],
    )


def _faults(sample: Sample) -> float:
    return float(sum(sample.textin["faults"].values()))


def _x(at: float, end: float) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * at / end


def _panel(number: int, name: str, values: Sequence[float], record: Record, end: float) -> Iterator[str]:
    top, highest = TOP + number * (PANEL + GAP), max(values) or 1.0

    def scale(value: float) -> float:
        return top + PANEL * (1 - value / highest)

    line = " ".join(
        f"{_x(sample.at, end):.1f},{scale(value):.1f}"
        for sample, value in zip(record.samples, values, strict=True)
    )
    bottom = top + PANEL
    yield f'<text x="12" y="{top + PANEL / 2 + 5:.0f}">{name}</text>'
    yield f'<polygon class="ours" points="{LEFT},{bottom} {line} {WIDTH - RIGHT},{bottom}"/>'
    yield f'<rect class="theirs" x="{LEFT}" y="{bottom}" width="{WIDTH - LEFT - RIGHT}" height="1"/>'
    for value in (0.0, highest):
        yield f'<text class="faint" x="{WIDTH - RIGHT + 8}" y="{scale(value) + 4:.0f}">{value:,.0f}</text>'


def _stops(record: Record, end: float, bottom: float) -> Iterator[str]:
    for spell in record.spells:
        if spell.name == "stop":
            x, width, height = _x(spell.at, end), _x(spell.seconds, end) - LEFT, bottom - TOP
            place = f'x="{x:.1f}" y="{TOP}" width="{width:.1f}" height="{height}"'
            yield f'<rect class="theirs" opacity="0.5" {place}/>'


def _minutes(end: float, bottom: float) -> Iterator[str]:
    step = 300 if end >= 900 else 60
    for at in range(0, int(end) + 1, step):
        place = f'x="{_x(at, end):.1f}" y="{bottom - GAP + 18}" text-anchor="middle"'
        yield f'<text class="faint" {place}>{at // 60}</text>'
