"""The marks of a class: one row for each file that was handed in, as CSV (RFC 4180).

A spreadsheet opens it. Three things would go wrong there: a cell that begins with "=" is run as a
formula, "8/8" becomes a date, and without a mark at the beginning of the file "é" becomes "Ã©". In
a spreadsheet in Portuguese a comma is the decimal point, and ";" stands between two cells.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from typing import Union

from course.handed_in import text

Cell = Union[str, int, float, None]
# A column: its key in the texts, "column.KEY", and the number of its lesson, or "".
Column = tuple[str, str]
MAX_CHARS = 2000
# At the beginning of a cell, also with quotes before it; the wide ones are those of East Asia.
_BEGINS_FORMULA = re.compile("((?:^|[;,])[\"' ]*)(?=[=+\\-@\uff1d\uff0b\uff0d\uff20])")

BEFORE = ("file", "class", "name", "passed_all")
OF_A_LESSON = ("passed", "checks", "prediction", "hints", "mutants_right", "mutants",
               "measured_ms", "fits")
AFTER = ("incidents", "points", "troubles")
# The cells of these are words that have a translation.
WORDS = ("prediction", "fits")


def columns(lessons: Sequence[int]) -> list[Column]:
    """The columns of the marks for lessons of these numbers."""
    return [*((key, "") for key in BEFORE),
            *((key, str(lesson)) for lesson in lessons for key in OF_A_LESSON),
            *((key, "") for key in AFTER)]


def as_csv(rows: Sequence[Mapping[Column, Cell]], lessons: Sequence[int], language: str) -> bytes:
    """The bytes of the file."""
    written = io.StringIO()
    writer = csv.writer(written, delimiter=";" if language == "pt" else ",", lineterminator="\r\n")
    names = columns(lessons)
    writer.writerow([text(f"column.{key}", language, **({"lesson": lesson} if lesson else {}))
                     for key, lesson in names])
    for row in rows:
        writer.writerow([_shown(column, row.get(column), language) for column in names])
    return written.getvalue().encode("utf-8-sig", "replace")


def _shown(column: Column, cell: Cell, language: str) -> str:
    if cell is None:
        return ""
    if isinstance(cell, float):
        shown = f"{cell:g}" if cell == int(cell) else f"{cell:.2f}"
        return shown.replace(".", ",") if language == "pt" else shown
    if isinstance(cell, int):
        return str(cell)
    return text(cell, language) if column[0] in WORDS and cell else harmless(cell)


def harmless(cell: str) -> str:
    """A text that no spreadsheet takes for a formula, in one line. One that takes another character
    for the end of a cell finds none behind it, either.

    >>> harmless("=1+1"), harmless(" @SUM(A1)"), harmless("Ana\\nSouza"), harmless("a;=1")
    ("'=1+1", "'@SUM(A1)", 'Ana Souza', "a;'=1")
    """
    line = re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\s]+", " ", cell).strip()[:MAX_CHARS]
    return _BEGINS_FORMULA.sub(r"\1'", line)
