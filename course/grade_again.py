"""Runs the solutions in a file that was handed in: all checks of all lessons, anew.

What a progress says of checks is not believed. Each check has a process of its own (grade.py). One
solution that loops, ends its process or cannot be read has its trouble, and the others run.

Threads: any.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
import shutil
import tempfile
import threading
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from course import bounded
from course.grade import Outcome, run_check
from course.inbox import Handed, bytes_of
from course.likeness import Print, print_of
from course.pack import Trouble, unpack
from course.shelf import LESSONS, Lesson

# After so many checks of a lesson that had to be stopped, its others are not run.
MAX_STOPPED = 2
# Seconds for comparing the solutions of a student.
LIKENESS_S = 20.0
# Characters of an error, and words that no solution needs, that a trouble shows.
MAX_WHY, MAX_UNUSUAL = 150, 5


class Solved(NamedTuple):
    """What came of the solution of one lesson."""

    passed: int
    checks: int
    likeness: Print


class Graded(NamedTuple):
    """What came of running the solutions in a file: by the names of lessons, and what was wrong."""

    solved: Mapping[str, Solved]
    troubles: Sequence[Trouble]


NOT_GRADED = Graded({}, [Trouble("not_graded")])


def grade(folder: str, handed: Handed, stop: threading.Event) -> Graded:
    """Runs the solutions in a file. Whatever happens is told in the result."""
    if stop.is_set():
        return NOT_GRADED
    place = ""
    try:
        place = tempfile.mkdtemp(prefix="ponte-")
        data, _ = bytes_of(folder, handed.file)
        if hashlib.sha256(data).hexdigest() != handed.digest:
            return Graded({}, [Trouble("changed_meanwhile")])
        return _solve(place, unpack(data).files, handed.lessons, stop)
    except Exception as error:
        why = f"{type(error).__name__}: {error}"[:MAX_WHY]
        return Graded({}, [Trouble("grading", {"why": why})])
    finally:
        # A solution may have written there.
        if place:
            shutil.rmtree(place, ignore_errors=True)


def _solve(place: str, files: Mapping[str, bytes], names: Sequence[str],
           stop: threading.Event) -> Graded:
    lessons = [lesson for lesson in LESSONS if lesson.name in names]
    paths = [os.path.join(place, f"{lesson.name}.py") for lesson in lessons]
    for path in paths:
        with open(path, "wb") as file:
            file.write(files[os.path.basename(path)])
    solved, troubles = {}, []
    prints = _prints(paths)
    for lesson, path in zip(lessons, paths):
        found = prints.get(path)
        if found and found.unusual:
            troubles.append(Trouble("unusual", {"lesson": lesson.number,
                                                "what": ", ".join(found.unusual[:MAX_UNUSUAL])}))
        # Where it is no Python, its bytes are compared.
        raw = f"bytes {hashlib.sha256(files[os.path.basename(path)]).hexdigest()}"
        likeness = found if found and found.code else Print(raw, raw, [])
        passed, more = _checked(lesson, path, likeness, stop)
        if found is None or (passed and not found.code):
            # It ends the parser, or is too deep to be read here, and yet Python runs it.
            troubles.append(Trouble("unlike", {"lesson": lesson.number}))
        solved[lesson.name] = Solved(passed, len(lesson.part("check").CHECKS), likeness)
        troubles += more
    return Graded(solved, troubles)


def _prints(paths: Sequence[str]) -> dict[str, Print]:
    """The prints of files, as far as they can be read."""
    if not paths:
        return {}
    ended = bounded.run(["-m", "course.likeness", *paths], "", LIKENESS_S)
    found = {}
    for path, line in zip(paths, ended.out.splitlines()):
        with contextlib.suppress(ValueError, TypeError):
            found[path] = Print(**json.loads(line))
    return found


def _checked(lesson: Lesson, path: str, likeness: Print,
             stop: threading.Event) -> tuple[int, list[Trouble]]:
    """How many checks of a lesson a solution passes, and what was wrong with it."""
    passed, stopped = 0, 0
    troubles: list[Trouble] = []
    if likeness.code == own_print(lesson, "start.py").code:
        # Nothing was written: what the start passes by itself is nobody's merit.
        return 0, []
    for name in lesson.part("check").CHECKS:
        if stop.is_set():
            return passed, [*troubles, Trouble("not_graded")]
        if stopped >= MAX_STOPPED:
            troubles.append(Trouble("given_up", {"lesson": lesson.number, "most": MAX_STOPPED}))
            break
        outcome = run_check(lesson.name, path, name)
        passed += outcome.what == "passed"
        stopped += outcome.what in ("too long", "ended")
        trouble = _trouble_of(lesson, name, outcome)
        # The same error comes in all checks.
        if trouble and not any(each.key == trouble.key for each in troubles):
            troubles.append(trouble)
    return passed, troubles


def _trouble_of(lesson: Lesson, check: str, outcome: Outcome) -> Trouble | None:
    """An outcome that is more than wrong."""
    if outcome.what in ("passed", "wrong"):
        return None
    why = outcome.why.strip()
    where = {"lesson": lesson.number, "check": check, "line": outcome.line}
    if outcome.what == "error":
        return Trouble("error", {**where, "why": why[:MAX_WHY]})
    if outcome.what in ("too long", "ended"):
        return Trouble(outcome.key_of_what(), where)
    return Trouble("ours", {**where, "why": why[-MAX_WHY:]})


@functools.lru_cache(maxsize=100)
def own_print(lesson: Lesson, name: str) -> Print:
    """The print of a file of the course itself."""
    with open(lesson.file(name), "rb") as file:
        return print_of(file.read())
