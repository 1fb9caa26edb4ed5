"""How an answer to an incident is graded. Pure.

    who 25, kind 25, each figure 10, command 15, remedy 15: 100 points
    each hint costs 10, and each further try 20, also those of earlier runs
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from course.incidents.incident import Figure, Incident

POINTS = {"who": 25, "kind": 25, "figure1": 10, "figure2": 10, "command": 15, "remedy": 15}
HINT_POINTS, TRY_POINTS = 10, 20
HINTS = 3
# After so many answers, in all runs of an incident, it is told. From then on it is practice.
MOST_TRIES = 3


class Answer(NamedTuple):
    """What a student says; `command` and `remedy` by their keys."""

    who: str
    kind: str
    figure1: float
    figure2: float
    command: str
    remedy: str


class Grade(NamedTuple):
    """Which parts are right, and the points."""

    right: dict[str, bool]
    points: int

    @property
    def is_all(self) -> bool:
        return all(self.right.values())


def grade(answer: Answer, incident: Incident, figures: Sequence[Figure], hints: int,
          earlier: int) -> Grade:
    """Grades an answer, after so many hints and so many earlier answers."""
    right = {"who": answer.who == incident.who, "kind": answer.kind == incident.kind,
             "figure1": figures[0].fits(answer.figure1), "figure2": figures[1].fits(answer.figure2),
             "command": answer.command in incident.proves,
             "remedy": answer.remedy == incident.remedy}
    points = sum(POINTS[part] for part, is_right in right.items() if is_right)
    return Grade(right, max(points - HINT_POINTS * hints - TRY_POINTS * earlier, 0))
