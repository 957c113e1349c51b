"""Draws figures as an SVG that needs nothing but a browser and reads in light and in dark."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from benchmarks.harness import Line, Section

WIDTH, LEFT, RIGHT, TOP = 720, 190, 110, 56
BAR, GAP, GROUP_GAP = 20, 4, 18
STYLE = """\
<style>
  text { font: 14px system-ui, sans-serif; fill: #1f2328 }
  .title { font-weight: 600; font-size: 16px }
  .faint { fill: #59636e; font-size: 12px }
  .ours { fill: #1a7f64 }
  .theirs { fill: #9aa4af }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 }
    .faint { fill: #9198a1 }
    .ours { fill: #3fb68b }
    .theirs { fill: #656c76 }
  }
</style>"""


def page(title: str, subtitle: str, height: float, body: Iterable[str]) -> str:
    """Return a drawing with its title and a line below that."""
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
            f"<title>{title}</title>",
            STYLE,
            f'<text class="title" x="12" y="24">{title}</text>',
            f'<text class="faint" x="12" y="43">{subtitle}</text>',
            *body,
            "</svg>\n",
        ]
    )


def draw(polls: Section) -> str:
    """Return a bar for each side and load of the section on polls."""
    lines = {line.what: line for line in polls.lines}
    loads = [what.partition(":")[0] for what in lines if what.endswith(": CPU per poll")]
    scale = (WIDTH - LEFT - RIGHT) / max(line.median for line in lines.values() if line.unit == "ms")
    height = TOP + len(loads) * (2 * BAR + GAP + GROUP_GAP) + 20
    title = "CPU of the triggerer per poll, milliseconds (median)"
    body = [part for number, load in enumerate(loads) for part in _group(number, load, lines, scale)]
    return page(title, "Less is better. Both ask the same local TextIn.", height, body)


def _group(number: int, load: str, lines: dict[str, Line], scale: float) -> Iterator[str]:
    top = TOP + number * (2 * BAR + GAP + GROUP_GAP) + 8
    ours, theirs = lines[f"{load}: CPU per poll"], lines[f"{load}: CPU per poll of HttpSensor"]
    ratio = lines[f"{load}: CPU per poll, against HttpSensor"].median
    yield f'<text x="12" y="{top + BAR + 7}">{load}</text>'
    yield from _bar(top, "XParseJobSensor", ours.median, scale, "ours", f" (1/{1 / ratio:.1f})")
    yield from _bar(top + BAR + GAP, "HttpSensor", theirs.median, scale, "theirs", "")


def _bar(y: int, name: str, value: float, scale: float, kind: str, remark: str) -> Iterator[str]:
    width = value * scale
    yield f'<text class="faint" x="{LEFT - 8}" y="{y + 14}" text-anchor="end">{name}</text>'
    yield f'<rect class="{kind}" x="{LEFT}" y="{y}" width="{width:.1f}" height="{BAR}" rx="3"/>'
    yield f'<text class="faint" x="{LEFT + width + 6:.1f}" y="{y + 14}">{value:.2f}{remark}</text>'
