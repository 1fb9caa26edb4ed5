"""python3 -m course: predict, run, see it go wrong, fix one file, check, see it work.

    list             the lessons, and how far you are
    predict N [a-d]  a question; answer it before anything runs
    run N            the naive version, on real sockets
    check N          your file, in every schedule of a small world
    real N           your file inside Ponte itself
    hint N           a question, then more
    mutant N [cK]    a wrong solution: which check will find it?
    measure N        a figure of this computer
    reset N          your file as at the start; the old one is kept
    selftest         the course checks itself: right solutions pass, each wrong one is rejected

Your files and progress.jsonl stand in the folder course-work. The exit code is 0 only if all went
well: 1 for a check that failed, 2 for a mistake in the command.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

from classroom.command import take_language
from course import words
from course.grade import Outcome, run_check, run_real
from course.progress import Progress, Spoilt
from course.selftest import selftest
from course.shelf import LESSONS, Lesson
from ponte.process.characters import write_any
from ponte.process.options import PYTHON, UsageError
from ponte.process.running import run
from ponte.process.typed import here

WORK = "course-work"
LETTERS = ("a", "b", "c", "d")
# A hint after the first opens with so many failed checks, or so many seconds after the one before.
FAILS, WAIT_S = 2, 300.0


class Desk:
    """The place of one student: a folder, a language, and what was done."""

    def __init__(self, language: str) -> None:
        self.language = language
        self.progress = Progress(WORK)

    def say(self, key: str, **values: object) -> None:
        print(words.text(key, self.language, **values))

    def file(self, lesson: Lesson) -> str:
        """The student's file of a lesson; it is made from the start where it is missing."""
        path = os.path.join(WORK, f"{lesson.name}.py")
        if not os.path.exists(path):
            os.makedirs(WORK, exist_ok=True)
            shutil.copyfile(lesson.file("start.py"), path)
        return path

    def command(self, verb: str, lesson: Lesson, more: str = "") -> str:
        return f"{PYTHON} -m course {verb} {lesson.number}{more}"

    # What a student may do.

    def list(self) -> int:
        done = [lesson for lesson in LESSONS if self.progress.last("passed", lesson.name)]
        self.say("list", done=len(done), total=len(LESSONS))
        for lesson in LESSONS:
            mark = "✓" if lesson in done else "·"
            print(f"  {mark} {lesson.number}  {lesson.text('title', self.language)}")
        return 0

    def predict(self, lesson: Lesson, answer: str = "") -> int:
        if not answer:
            print(lesson.text("question", self.language))
            for letter in LETTERS:
                print(f"  {letter}  {lesson.text(f'answer.{letter}', self.language)}")
            self.say("ask", command=self.command("predict", lesson, " a|b|c|d"))
            return 0
        if answer.lower() not in LETTERS:
            raise UsageError(words.text("letter", self.language))
        self.progress.add("predict", lesson.name, answer=answer.lower())
        self.say("predicted", answer=answer.lower(), command=self.command("run", lesson))
        return 0

    def run(self, lesson: Lesson) -> int:
        predicted = self.progress.last("predict", lesson.name)
        if predicted is None:
            raise UsageError(words.text("predict_first", self.language,
                                        command=self.command("predict", lesson)))
        self._show_real(lesson, "naive", lesson.file("start.py"))
        right = lesson.text("right", self.language)
        self.say("right" if predicted["answer"] == right else "not_right",
                 answer=predicted["answer"], right=right)
        self.progress.add("run", lesson.name)
        self.say("work", file=self.file(lesson), command=self.command("check", lesson))
        return 0

    def check(self, lesson: Lesson) -> int:
        file = self.file(lesson)
        for name in lesson.part("check").CHECKS:
            outcome = run_check(lesson.name, file, name)
            about = lesson.text(f"check.{name}", self.language)
            if outcome.what != "passed":
                self.say("failed", name=name, about=about)
                self._show(lesson, outcome)
                self.progress.add("failed", lesson.name, check=name, how=outcome.what,
                                  key=outcome.key)
                return 1
            self.say("passed", name=name, about=about, runs=outcome.runs)
        self.progress.add("passed", lesson.name)
        self.say("all_passed", command=self.command("real", lesson))
        return 0

    def real(self, lesson: Lesson) -> int:
        seen = self._show_real(lesson, "real", self.file(lesson))
        if seen is None:
            return 1
        print(lesson.text("discuss", self.language))
        self.progress.add("real", lesson.name)
        return 0 if lesson.part("real").is_right(seen) else 1

    def measure(self, lesson: Lesson) -> int:
        outcome = run_real(lesson.name, self.file(lesson))
        if outcome.what != "seen":
            self._show(lesson, outcome)
            return 1
        took_ms = outcome.values["took_s"] * 1000
        print(lesson.text("measure", self.language, **outcome.values, took_ms=took_ms))
        self.progress.add("measure", lesson.name, took_ms=round(took_ms, 2))
        return 0

    def hint(self, lesson: Lesson) -> int:
        entries = [entry for entry in self.progress.entries() if entry["lesson"] == lesson.name]
        hints = [entry for entry in entries if entry["what"] == "hint"]
        number = len(hints) + 1
        if hints and number <= 3:
            since = entries[entries.index(hints[-1]):]
            fails = sum(entry["what"] == "failed" for entry in since)
            if fails < FAILS and time.time() - hints[-1]["at"] < WAIT_S:
                self.say("no_hint")
                return 1
        number = min(number, 3)
        print(lesson.text(f"hint.{number}", self.language))
        self.progress.add("hint", lesson.name, number=number)
        return 0

    def mutant(self, lesson: Lesson, answer: str = "") -> int:
        mutants = lesson.part("mutants").MUTANTS
        tried = sum(entry["what"] == "mutant" and entry["lesson"] == lesson.name
                    for entry in self.progress.entries())
        mutant = mutants[tried % len(mutants)]
        if not answer:
            with open(lesson.file("reference.py"), encoding="utf-8") as file:
                print(mutant.text(file.read()))
            self.say("mutant", name=mutant.name, command=self.command("mutant", lesson, " cK"))
            return 0
        says = lesson.text(f"wrong.{mutant.says}", self.language)
        is_right = answer == mutant.caught_by
        self.say("mutant_right" if is_right else "mutant_not_right", check=mutant.caught_by,
                 says=says)
        self.progress.add("mutant", lesson.name, name=mutant.name, answer=answer)
        return 0 if is_right else 1

    def reset(self, lesson: Lesson) -> int:
        file = self.file(lesson)
        kept = f"{file}.{int(time.time())}"
        os.replace(file, kept)
        self.file(lesson)
        self.say("reset", file=file, kept=kept)
        return 0

    # What is shown.

    def _show_real(self, lesson: Lesson, key: str, file: str) -> Mapping[str, Any] | None:
        """Runs a file inside Ponte, and shows what was seen; None if it could not be run."""
        outcome = run_real(lesson.name, file)
        if outcome.what != "seen":
            self._show(lesson, outcome)
            return None
        print(lesson.text(key, self.language, **outcome.values))
        return outcome.values

    def _show(self, lesson: Lesson, outcome: Outcome) -> None:
        if outcome.what == "wrong":
            print(lesson.text(f"wrong.{outcome.key}", self.language, **outcome.values))
            for line in lesson.story(outcome.story, self.language):
                print(f"  {line}")
        elif outcome.what == "error":
            self.say("error" if outcome.line else "error_nowhere", line=outcome.line,
                     why=outcome.why)
        else:
            self.say(outcome.what.replace(" ", "_"), line=outcome.line, why=outcome.why)
        if outcome.printed:
            self.say("printed", text=outcome.printed.rstrip())


VERBS = ("list", "predict", "run", "check", "real", "hint", "mutant", "measure", "reset",
         "selftest")


def main(arguments: Sequence[str]) -> int:
    """Does what the words say; returns the exit code."""
    language, rest = take_language(list(arguments))
    if rest and rest[0] in ("-h", "--help"):
        print(here(__doc__))
        return 0
    if not rest or rest[0] not in VERBS:
        raise UsageError(words.text("usage", language, verbs=", ".join(VERBS)))
    verb, more = rest[0], rest[1:]
    desk = Desk(language)
    try:
        if verb == "selftest":
            return selftest([_lesson(number, language) for number in more] or LESSONS, language)
        if verb == "list":
            return desk.list()
        lesson = _lesson(more[0] if more else "", language)
        code: int = getattr(desk, verb)(lesson, *more[1:2 if verb in ("predict", "mutant") else 1])
        return code
    except Spoilt as error:
        raise UsageError(str(error)) from None


def _lesson(number: str, language: str) -> Lesson:
    found = [lesson for lesson in LESSONS if str(lesson.number) == number]
    if not found:
        raise UsageError(words.text("no_lesson", language, number=number or "?", numbers=", ".join(
            str(lesson.number) for lesson in LESSONS)))
    return found[0]


if __name__ == "__main__":
    write_any(sys.stdout, sys.stderr)
    run(main)
