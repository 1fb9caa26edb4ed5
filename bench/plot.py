"""A plot of calls per second over connections, drawn as SVG. Pure.

It has no background. Where the page of the reader is dark, its text and lines are light.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape

# The area of one panel.
WIDTH, HEIGHT = 420, 260
LEFT, TOP, BELOW, GAP = 70, 50, 50, 90
LEGEND_STEP = 165
# The colours and dashes of lines. Colour-blind readers can tell them apart, on white and on black.
LOOKS = (("#888888", "2 3"), ("#0072b2", ""), ("#d55e00", ""), ("#009e73", "7 4"),
         ("#cc79a7", "7 4"))

STYLE = """
    text { font: 13px sans-serif; fill: #222222 }
    .title { font-weight: bold }
    .grid { stroke: #cccccc }
    @media (prefers-color-scheme: dark) { text { fill: #dddddd } .grid { stroke: #444444 } }
"""

# Way -> connections -> calls/s.
Lines = Mapping[str, Mapping[int, float]]


def draw(panels: Mapping[str, Lines]) -> str:
    """The SVG: the panels side by side, and one legend below."""
    ways: list[str] = []
    for lines in panels.values():
        ways += [way for way in lines if way not in ways]
    looks = {way: LOOKS[number % len(LOOKS)] for number, way in enumerate(ways)}
    parts = [_panel(title, lines, looks, LEFT + number * (WIDTH + GAP))
             for number, (title, lines) in enumerate(panels.items())]
    width = max(LEFT + len(panels) * (WIDTH + GAP), LEFT + len(ways) * LEGEND_STEP)
    height = TOP + HEIGHT + BELOW + 40
    legend = [_legend(way, looks[way], LEFT + number * LEGEND_STEP, height - 20)
              for number, way in enumerate(ways)]
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}">',
        f"<style>{STYLE}</style>", *parts, *legend, "</svg>", ""])


def ticks(highest: float) -> list[float]:
    """Four to eight round numbers, from 0 to at least `highest`."""
    rough = max(highest, 1e-9) / 5
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough)
    return [step * number for number in range(math.ceil(highest / step) + 1)]


def _panel(title: str, lines: Lines, looks: dict[str, tuple[str, str]], left: float) -> str:
    counts = sorted({count for line in lines.values() for count in line})
    heights = ticks(max(value for line in lines.values() for value in line.values()))

    def x(count: int) -> float:
        span = math.log(counts[-1]) - math.log(counts[0])
        return left + WIDTH * ((math.log(count) - math.log(counts[0])) / span if span else 0.5)

    def y(value: float) -> float:
        return TOP + HEIGHT * (1 - value / heights[-1])

    parts = [_text(left + WIDTH / 2, TOP - 22, title, "middle", "title"),
             _text(left - 60, TOP - 18, "calls/s", "start")]
    for value in heights:
        parts.append(f'<line class="grid" x1="{left}" x2="{left + WIDTH}" '
                     f'y1="{y(value):.1f}" y2="{y(value):.1f}"/>')
        parts.append(_text(left - 8, y(value) + 4, f"{value:,.0f}", "end"))
    parts += [_text(x(count), TOP + HEIGHT + 18, str(count), "middle") for count in counts]
    parts.append(_text(left + WIDTH / 2, TOP + HEIGHT + 36, "connections (logarithmic)", "middle"))
    for way, line in lines.items():
        parts += _line([(x(count), y(value)) for count, value in sorted(line.items())], looks[way])
    return "\n".join(parts)


def _line(points: Sequence[tuple[float, float]], look: tuple[str, str]) -> list[str]:
    colour, dashes = look
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return [f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2.5" '
            f'stroke-dasharray="{dashes}"/>',
            *(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{colour}"/>' for x, y in points)]


def _legend(way: str, look: tuple[str, str], x: float, y: float) -> str:
    return "\n".join([*_line([(x, y - 4), (x + 30, y - 4)], look), _text(x + 40, y, way, "start")])


def _text(x: float, y: float, text: str, anchor: str, kind: str = "") -> str:
    return (f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">'
            f'{escape(text)}</text>')
