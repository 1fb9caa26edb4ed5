"""Students who work and hand in, for the tests of collecting."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from course.pack import packed
from course.personal import Student
from course.progress import FILE, Progress
from course.shelf import LESSONS, Lesson

# A line of a progress: what, the name of the lesson, and its values.
Line = tuple[str, str, Mapping[str, Any]]


def lesson_of(number: int) -> Lesson:
    return next(lesson for lesson in LESSONS if lesson.number == number)


def name_line(student: Student) -> Line:
    return "name", "", {"class": student.class_code, "name": student.name}


def day_of(student: Student, lesson: Lesson, answer: str = "") -> list[Line]:
    """What a diligent student does in a lesson."""
    number = student.number(lesson.name)
    mutant = lesson.part("mutants").MUTANTS[0]
    return [("predict", lesson.name, {"answer": answer or lesson.text("right", "en")}),
            ("run", lesson.name, {}), ("failed", lesson.name, {"check": "c1", "how": "wrong"}),
            ("hint", lesson.name, {"number": 1}), ("passed", lesson.name, {}),
            ("mutant", lesson.name, {"name": mutant.name, "answer": mutant.caught_by,
                                     "personal": number}),
            ("measure", lesson.name, {"took_ms": 12.5, "personal": number})]


def progress_of(lines: Sequence[Line]) -> bytes:
    """The progress that these lines make."""
    with tempfile.TemporaryDirectory() as folder:
        progress = Progress(folder)
        for what, lesson, values in lines:
            progress.add(what, lesson, **values)
        path = Path(folder, FILE)
        return path.read_bytes() if path.exists() else b""


def handed_in(student: Student, solutions: Mapping[str, str | bytes],
              lines: Sequence[Line] = ()) -> bytes:
    """The packed file of a student with these solutions, by names of lessons, and this progress
    after their name.
    """
    files = {FILE: progress_of([name_line(student), *lines])}
    for name, text in solutions.items():
        files[f"{name}.py"] = text.encode() if isinstance(text, str) else text
    return packed(student, files)


def put(folder: str, name: str, data: bytes) -> str:
    """Writes a file into a folder, and the folders on its way."""
    path = os.path.join(folder, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    Path(path).write_bytes(data)
    return path


def source(lesson: Lesson, name: str) -> str:
    """The text of a file of a lesson."""
    return Path(lesson.file(name)).read_text(encoding="utf-8")
