"""What the progress of a student tells, for who did not see them work: pure.

The lines of a progress stand in a chain of hashes. A line that is put in later by hand breaks it.
Who writes the whole file anew by a program breaks nothing: the chain shows carelessness and
accidents, and no more is claimed. So what counts most, the checks, is run again (collect.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from course.desk import HINTS
from course.pack import Trouble
from course.personal import NUMBERS, Student, student
from course.progress import chained
from course.shelf import LESSONS, Lesson

Entry = Mapping[str, Any]
# Names of incidents that are listed, and points that one may have.
MAX_INCIDENTS, MAX_POINTS = 20, 1000
# A figure beyond it is none: a day.
MAX_MS = 86_400_000.0


class Told(NamedTuple):
    """What a progress tells of one lesson.

    `prediction`: "right", "not_right", "afterwards" (the lesson ran first), or "" for none; `fits`:
    "yes" or "no", whether the measured figure is that of the student's own number; "" without one.
    """

    prediction: str = ""
    hints: int = 0
    mutants_right: int = 0
    mutants: int = 0
    measured_ms: float | None = None
    fits: str = ""


class Report(NamedTuple):
    """What a progress tells: by the names of lessons; the points of incidents; what is wrong."""

    lessons: Mapping[str, Told]
    incidents: Mapping[str, float]
    troubles: Sequence[Trouble]


def report(data: bytes | None, whose: Student | None) -> Report:
    """Reads the progress of a student; `data` is None where they handed in none."""
    if data is None:
        return Report({}, {}, [Trouble("no_progress")])
    entries, spoilt = chained(data)
    troubles = [*([Trouble("spoilt", {"line": spoilt})] if spoilt else []),
                *_of_names(entries, whose)]
    told = {}
    for lesson in LESSONS:
        own = [entry for entry in entries if entry.get("lesson") == lesson.name]
        told[lesson.name] = _told(lesson, own, whose)
        if told[lesson.name].prediction == "afterwards":
            troubles.append(Trouble("afterwards", {"lesson": lesson.number}))
        troubles += _of_numbers(lesson, own, whose)
    return Report(told, _incidents(entries), troubles)


def _of_names(entries: Sequence[Entry], whose: Student | None) -> Iterable[Trouble]:
    """Whether the progress is that of the student, and was of nobody else before."""
    names = [found for entry in entries if entry.get("what") == "name"
             if (found := student(entry.get("class"), entry.get("name")))]
    by_key = {each.key(): each for each in names}
    if not names:
        yield Trouble("unnamed")
        return
    if whose and names[-1].key() != whose.key():
        yield Trouble("other_name", {"name": names[-1].name})
    if len(by_key) > 1:
        others = [each.name for key, each in by_key.items() if key != names[-1].key()]
        yield Trouble("renamed", {"names": ", ".join(others[:5])})


def _told(lesson: Lesson, own: Sequence[Entry], whose: Student | None) -> Told:
    mutants = _mutants(lesson, own)
    measured = [entry for entry in own if entry.get("what") == "measure"
                and _number(entry.get("took_ms"), MAX_MS) is not None]
    fits = ""
    if measured and "personal" in measured[-1] and whose:
        fits = "yes" if measured[-1]["personal"] == whose.number(lesson.name) else "no"
    return Told(
        _prediction(lesson, own),
        sum(any((entry.get("what"), entry.get("number")) == ("hint", number) for entry in own)
            for number in range(1, HINTS + 1)),
        sum(mutants.values()), len(mutants),
        _number(measured[-1]["took_ms"], MAX_MS) if measured else None, fits)


def _prediction(lesson: Lesson, own: Sequence[Entry]) -> str:
    """The last one before the first run counts."""
    kinds = [entry.get("what") for entry in own]
    ran_at = kinds.index("run") if "run" in kinds else len(own)
    before = [entry for entry in own[:ran_at] if entry.get("what") == "predict"]
    if not before:
        return "afterwards" if "run" in kinds else ""
    return "right" if before[-1].get("answer") == lesson.text("right", "en") else "not_right"


def _mutants(lesson: Lesson, own: Sequence[Entry]) -> dict[str, bool]:
    """Whether the first answer to each wrong solution was right, whatever the progress says."""
    caught_by = {mutant.name: mutant.caught_by for mutant in lesson.part("mutants").MUTANTS}
    found: dict[str, bool] = {}
    for entry in own:
        name = entry.get("name")
        if entry.get("what") == "mutant" and isinstance(name, str) and name in caught_by:
            found.setdefault(name, entry.get("answer") == caught_by[name])
    return found


def _of_numbers(lesson: Lesson, own: Sequence[Entry], whose: Student | None) -> Iterable[Trouble]:
    """The personal numbers that are not those of the student. 0 is that of somebody without a name.
    """
    if whose is None:
        return
    wanted = whose.number(lesson.name)
    found = sorted({_number(entry.get("personal", 0), NUMBERS - 1) or 0 for entry in own}
                   - {wanted, 0})
    if found:
        yield Trouble("unfit", {"lesson": lesson.number, "found": f"{found[0]:g}",
                                "wanted": wanted})


def _incidents(entries: Sequence[Entry]) -> dict[str, float]:
    """The points of each incident, those of the best try: a later one costs some already."""
    found: dict[str, float] = {}
    for entry in entries:
        name = next((entry[key] for key in ("incident", "name", "lesson")
                     if isinstance(entry.get(key), str) and entry[key]), "")
        points = _number(entry.get("points"), MAX_POINTS)
        if entry.get("what") == "incident" and name and points is not None \
                and len(found) < MAX_INCIDENTS:
            found[name[:20]] = max(points, found.get(name[:20], 0))
    return found


def _number(value: object, most: float) -> float | None:
    """A number of JSON from 0 to `most`; None for all else."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return value if 0 <= value <= most else None
