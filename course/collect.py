"""Grades all that a class has handed in: one row of marks for each file.

    python3 -m course collect FOLDER

**It runs the solutions**, which are programs of strangers, as the user who runs it. Each check has
a process of its own, with limits of time, output and memory (bounded.py, worker.py). That is enough
against mistakes. It is not against malice: a program can read and delete what its user can, and can
reach the network. So: as a user who owns nothing, or in a container (docs/teaching.md).

The marks are written again whenever somebody is graded, so that Ctrl-C, and a solution that
ends this process, lose nothing of what is done.

Threads: WORKERS grade a student each; the one of `run` reads, prints and writes.
"""

from __future__ import annotations

import collections
import itertools
import os
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait

from course.files import write
from course.grade_again import NOT_GRADED, Graded, grade, own_print
from course.handed_in import text
from course.inbox import MAX_FILES, Handed, files_in, read
from course.marks import Cell, Column, as_csv
from course.pack import Trouble
from course.shelf import LESSONS
from ponte.process.options import UsageError

MARKS = "marks.csv"
# Students that are graded at the same time.
WORKERS = 2
# Seconds between two looks for Ctrl-C, which a wait without a timeout may ignore on Windows.
WAKE_S = 0.25
# Names of files that a trouble shows.
MAX_OTHERS = 5


def run(folder: str, language: str) -> int:
    """Grades the files in a folder, and writes the marks into it; returns the exit code, 1 if there
    was any trouble. Raises UsageError.
    """
    began = time.monotonic()
    files, left_out = files_in(folder, language)
    _keep_old_marks(folder, language)
    print(text("careful", language, count=len(files)), flush=True)
    marks = _Marks(folder, [read(folder, file) for file in files], left_out, language)
    marks.write()
    try:
        _grade_all(folder, marks, language)
    finally:
        marks.write()
        print(text("summary", language, graded=marks.graded(), count=len(files),
                   troubled=marks.troubled(), took_s=time.monotonic() - began, marks=marks.path))
    return int(marks.troubled() > 0 or left_out > 0)


def _grade_all(folder: str, marks: _Marks, language: str) -> None:
    """Grades the files, and prints what came of each as soon as it is known: one that takes long
    keeps no other one's marks back.
    """
    stop = threading.Event()
    with ThreadPoolExecutor(WORKERS) as pool:
        try:
            places = {pool.submit(grade, folder, each, stop): place
                      for place, each in enumerate(marks.handed)}
            waiting = set(places)
            while waiting:
                ended, waiting = wait(waiting, WAKE_S, FIRST_COMPLETED)
                for future in sorted(ended, key=places.__getitem__):
                    marks.add(places[future], future.result())
                    print(marks.line(places[future]), flush=True)
        finally:
            # Those that run end after their check, and those that wait do not begin.
            stop.set()


def _keep_old_marks(folder: str, language: str) -> None:
    """Marks of before are kept under another name. Raises UsageError if they cannot be."""
    path = os.path.join(folder, MARKS)
    if not os.path.lexists(path):
        return
    kept = next(name for number in itertools.count(1) if not os.path.lexists(
        name := os.path.join(folder, f"marks.{number}.csv")))
    try:
        os.rename(path, kept)
    except OSError as error:
        # On Windows, while a spreadsheet shows them.
        raise UsageError(text("not_written", language, file=path,
                              why=error.strerror or error)) from None
    print(text("kept_marks", language, file=kept))


class _Marks:
    """The marks of a class, as far as it is graded."""

    def __init__(self, folder: str, handed: Sequence[Handed], left_out: int, language: str) -> None:
        self.path = os.path.join(folder, MARKS)
        self.handed = handed
        self._left_out, self._language = left_out, language
        # By the places of their files.
        self._graded: dict[int, Graded] = {}

    def add(self, place: int, graded: Graded) -> None:
        """The file at this place is graded."""
        self._graded[place] = graded
        self.write()

    def line(self, place: int) -> str:
        """What came of the file at this place."""
        handed, graded = self.handed[place], self._graded[place]
        troubles = len(handed.troubles) + len(graded.troubles)
        return text(
            "graded", self._language, at=len(self._graded), count=len(self.handed),
            file=printable(handed.file), name=handed.student.name if handed.student else "?",
            passed=sum(each.passed for each in graded.solved.values()),
            checks=sum(each.checks for each in graded.solved.values()),
            trouble=text("with_troubles", self._language, count=troubles) if troubles else "")

    def graded(self) -> int:
        """How many files were graded."""
        return sum(graded is not NOT_GRADED and self.handed[place].student is not None
                   for place, graded in self._graded.items())

    def troubled(self) -> int:
        """How many files have a trouble."""
        return sum(bool(troubles) for _, troubles in self._all())

    def write(self) -> None:
        """Writes the marks, at another place if they cannot be written where they belong. Raises
        UsageError if they cannot be written there, either.
        """
        rows = [_row(handed, graded, troubles, self._language)
                for handed, (graded, troubles) in zip(self.handed, self._all())]
        if self._left_out:
            trouble = Trouble("left_out", {"count": self._left_out, "most": MAX_FILES})
            rows.append({("troubles", ""): trouble.text(self._language)})
        data = as_csv(rows, [lesson.number for lesson in LESSONS], self._language)
        try:
            try:
                write(self.path, data)
            except PermissionError:
                # On Windows, somebody looks at them in a spreadsheet.
                self.path = os.path.join(os.path.dirname(self.path),
                                         f"marks.{int(time.time())}.csv")
                write(self.path, data)
        except OSError as error:
            raise UsageError(text("not_written", self._language, file=self.path,
                                  why=error.strerror or error)) from None

    def _all(self) -> Iterator[tuple[Graded, list[Trouble]]]:
        """For each file what came of it, and all that is wrong with it."""
        graded = [self._graded.get(place, NOT_GRADED) for place in range(len(self.handed))]
        for handed, each, more in zip(self.handed, graded, likenesses(self.handed, graded)):
            yield each, [*handed.troubles, *each.troubles, *more]


def _row(handed: Handed, graded: Graded, troubles: Sequence[Trouble],
         language: str) -> Mapping[Column, Cell]:
    row: dict[Column, Cell] = {
        ("file", ""): printable(handed.file),
        ("passed_all", ""): sum(each.passed for each in graded.solved.values()),
        ("troubles", ""): " | ".join(each.text(language) for each in troubles)}
    if handed.student:
        row["class", ""], row["name", ""] = handed.student
    for lesson in LESSONS:
        number = str(lesson.number)
        solved, told = graded.solved.get(lesson.name), handed.report.lessons.get(lesson.name)
        if solved:
            row["passed", number], row["checks", number] = solved.passed, solved.checks
        if told:
            row.update({(key, number): value for key, value in told._asdict().items()})
    incidents = handed.report.incidents
    if incidents:
        row["incidents", ""] = ", ".join(f"{name} {points:g}" for name, points in incidents.items())
        row["points", ""] = sum(incidents.values())
    return row


def printable(name: str) -> str:
    """The name of a file, which may have any characters, as it can be shown."""
    return "".join(each if each.isprintable() else "?" for each in name)[:200]


# ---- who has the same ----------------------------------------------------------------------------

def likenesses(handed: Sequence[Handed], graded: Sequence[Graded]) -> list[list[Trouble]]:
    """For each file, with which others it shares its bytes, its name or its code."""
    groups = _groups(handed, graded)
    return [list(_likeness(at, handed, graded, groups)) for at in range(len(handed))]


# What some files have in common -> their places.
_Groups = Mapping[tuple[object, ...], Sequence[int]]


def _groups(handed: Sequence[Handed], graded: Sequence[Graded]) -> _Groups:
    found: dict[tuple[object, ...], list[int]] = collections.defaultdict(list)
    for at, (each, own) in enumerate(zip(handed, graded)):
        if each.student:
            found["bytes", each.digest].append(at)
            found["student", each.student.key()].append(at)
        for name, solved in own.solved.items():
            found["code", name, solved.likeness.code].append(at)
            found["shape", name, solved.likeness.shape].append(at)
    return found


def _likeness(at: int, handed: Sequence[Handed], graded: Sequence[Graded],
              groups: _Groups) -> Iterator[Trouble]:
    """With which others one file shares something, and what."""
    student = handed[at].student
    if student is None:
        return

    def trouble(key: str, others: Sequence[int], **values: object) -> Iterator[Trouble]:
        if others:
            more = [f"+{len(others) - MAX_OTHERS}"] if len(others) > MAX_OTHERS else []
            shown = [printable(handed[other].file) for other in others[:MAX_OTHERS]]
            yield Trouble(key, {**values, "others": ", ".join(shown + more)})

    same_file = [other for other in groups["bytes", handed[at].digest] if other != at]
    own = groups["student", student.key()]
    yield from trouble("same_file", same_file)
    yield from trouble("same_name", [other for other in own if other not in (at, *same_file)])
    for lesson in LESSONS:
        solved = graded[at].solved.get(lesson.name)
        if solved is None or solved.likeness.code == own_print(lesson, "start.py").code:
            continue
        if solved.likeness.shape == own_print(lesson, "reference.py").shape:
            yield Trouble("reference", {"lesson": lesson.number})
            continue
        code, shape = ([other for other in groups[kind, lesson.name, print_] if other not in own]
                       for kind, print_ in (("code", solved.likeness.code),
                                            ("shape", solved.likeness.shape)))
        yield from trouble("copied", code, lesson=lesson.number)
        yield from trouble("renamed_code", sorted({*shape} - {*code}), lesson=lesson.number)
