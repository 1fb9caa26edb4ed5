"""The course checks itself: the right solution of each lesson passes all checks, its start fails at
the first one, and each wrong solution is rejected by the check and with the words that it names.
"""

from __future__ import annotations

import os
import tempfile
import time

from course import words
from course.grade import Outcome
from course.shelf import LESSONS, Lesson
from course.worker import check


def verdict(lesson: Lesson, file: str) -> tuple[str, str]:
    """The first check that a file fails, and the key of the message; ("", "") if it passes all.

    In this process: the files of the course itself are trusted.
    """
    for name, each in lesson.part("check").CHECKS.items():
        result = check(file, each.run)
        if result["what"] != "passed":
            return name, result.get("key") or Outcome(result["what"], why=result["why"]).why
    return "", ""


def selftest(language: str) -> int:
    """Prints what is not as it should be; returns the exit code."""
    began, mutants, failed = time.perf_counter(), 0, 0
    for lesson in LESSONS:
        with open(lesson.file("reference.py"), encoding="utf-8") as source:
            reference = source.read()
        wanted = [("reference", reference, ("", ""))]
        with open(lesson.file("start.py"), encoding="utf-8") as source:
            text = source.read()
        found = verdict_of(lesson, text)
        if found[0] != "c1":
            print(f"✗ {lesson.name}: start.py: {found}")
            failed += 1
        for mutant in lesson.part("mutants").MUTANTS:
            wanted.append((mutant.name, mutant.text(reference), (mutant.caught_by, mutant.says)))
            mutants += 1
        for name, text, expected in wanted:
            found = verdict_of(lesson, text)
            if found != expected:
                print(f"✗ {lesson.name}: {name}: {found} instead of {expected}")
                failed += 1
    print(words.text("selftest", language, lessons=len(LESSONS), mutants=mutants,
                     took_s=time.perf_counter() - began))
    return 1 if failed else 0


def verdict_of(lesson: Lesson, text: str) -> tuple[str, str]:
    """The verdict of a solution that is a text."""
    with tempfile.TemporaryDirectory() as folder:
        file = os.path.join(folder, "solution.py")
        with open(file, "w", encoding="utf-8") as opened:
            opened.write(text)
        return verdict(lesson, file)
