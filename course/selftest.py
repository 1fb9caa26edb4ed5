"""The course checks itself: the right solution of each lesson passes all checks, its start fails at
the first one, and each wrong solution is rejected by the check and with the words that it names.
What is told of it can be told in both languages.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from course import words
from course.grade import Outcome
from course.shelf import Lesson
from course.worker import check


def verdict(lesson: Lesson, file: str) -> tuple[str, str]:
    """The first check that a file fails, and the key of the message; ("", "") if it passes all.

    In this process: the files of the course itself are trusted.
    """
    for name, each in lesson.part("check").CHECKS.items():
        result = check(file, each.run)
        if result["what"] == "wrong":
            for language in ("en", "pt"):
                lesson.text(f"wrong.{result['key']}", language, **result["values"])
                lesson.story(result["story"], language)
        if result["what"] != "passed":
            return name, result.get("key") or Outcome(result["what"], why=result["why"]).why
    return "", ""


def verdict_of(lesson: Lesson, text: str) -> tuple[str, str]:
    """The verdict of a solution that is a text."""
    with tempfile.TemporaryDirectory() as folder:
        file = os.path.join(folder, "solution.py")
        Path(file).write_text(text, encoding="utf-8")
        return verdict(lesson, file)


def selftest(lessons: Sequence[Lesson], language: str) -> int:
    """Prints what is not as it should be; returns the exit code."""
    began, failed = time.perf_counter(), 0
    for lesson in lessons:
        for trouble in _troubles(lesson):
            print(f"✗ {lesson.name}: {trouble}")
            failed += 1
    print(words.text("selftest_failed" if failed else "selftest", language, failed=failed,
                     lessons=len(lessons),
                     mutants=sum(len(lesson.part("mutants").MUTANTS) for lesson in lessons),
                     took_s=time.perf_counter() - began))
    return 1 if failed else 0


def _troubles(lesson: Lesson) -> Iterator[str]:
    reference = Path(lesson.file("reference.py")).read_text(encoding="utf-8")
    found = verdict(lesson, lesson.file("start.py"))
    if found[0] != "c1":
        yield f"start.py: {found}"
    wanted = [("reference", reference, ("", ""))]
    wanted += [(mutant.name, mutant.text(reference), (mutant.caught_by, mutant.says))
               for mutant in lesson.part("mutants").MUTANTS]
    for name, text, expected in wanted:
        found = verdict_of(lesson, text)
        if found != expected:
            yield f"{name}: {found} instead of {expected}"
