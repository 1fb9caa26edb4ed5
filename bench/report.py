"""How a measurement is reported: percentiles, tables and targets. Pure."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from typing import NamedTuple


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest of `values` for which at least that share is not larger (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(math.ceil(share * len(ordered)), 1) - 1]


def figure(value: float | None) -> str:
    """A figure with three significant digits; "-" where nothing was measured."""
    if value is None or math.isnan(value):
        return "-"
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.{max(2 - math.floor(math.log10(abs(value))), 0)}f}"


class Table(NamedTuple):
    """Rows of cells under columns.

    Its text is aligned Markdown, which reads well in a terminal and on a page.
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]

    def text(self) -> str:
        lines = [self.columns, *self.rows]
        widths = [max(len(line[i]) for line in lines) for i in range(len(self.columns))]
        ruler = [("-" * width if not i else "-" * (width - 1) + ":")
                 for i, width in enumerate(widths)]
        grid = [_line(cells, widths) for cells in (self.columns, ruler, *self.rows)]
        return "\n".join([f"**{self.title}**", "", *grid])


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    """The first column is aligned to the left, the figures to the right."""
    padded = [cell.rjust(width) if i else cell.ljust(width)
              for i, (cell, width) in enumerate(zip(cells, widths))]
    return "| " + " | ".join(padded) + " |"


class Report:
    """The results of a section."""

    def __init__(self) -> None:
        self.tables: list[Table] = []
        self.notes: list[str] = []
        # By the names that the targets use (bench/targets.py).
        self.figures: dict[str, float] = {}
        # Panel -> way -> connections -> calls/s.
        self.plots: dict[str, dict[str, dict[int, float]]] = {}

    def note(self, line: str) -> None:
        """Adds what the reader must know, such as what is left out. A line is added only once."""
        if line not in self.notes:
            self.notes.append(line)

    def take(self, other: Report) -> None:
        """Adds the results of another section."""
        self.tables += other.tables
        self.figures.update(other.figures)
        self.plots.update(other.plots)
        for line in other.notes:
            self.note(line)

    def text(self) -> str:
        """The tables, then the notes."""
        return "\n\n".join([table.text() for table in self.tables]
                           + [f"Note: {line}." for line in self.notes])


class Target(NamedTuple):
    """A bound for a figure: the least that it should be, or with `at_most` the greatest."""

    what: str
    figure: str
    bound: float
    at_most: bool = False

    def row(self, figures: dict[str, float]) -> list[str]:
        """The cells: what, measured, target, and whether the target is met."""
        measured = figures.get(self.figure)
        wanted = f"{'≤' if self.at_most else '≥'} {self.bound:,g}"
        if measured is None:
            return [self.what, "-", wanted, "not measured"]
        met = measured <= self.bound if self.at_most else measured >= self.bound
        return [self.what, figure(measured), wanted, "MET" if met else "MISSED"]


def median(values: Sequence[float]) -> float:
    """The median of the results of the rounds."""
    return statistics.median(values)
