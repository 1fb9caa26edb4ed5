"""What a student may do, one method for each word of the command line. The screen (screen.py) has
the same methods behind keys.

A method returns its exit code: 0 if all went well, 1 if a check failed or something stays to be
done first.

Threads: one.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from classroom.screen import Screen
from course import personal, words
from course.files import WORK, write
from course.grade import Outcome, run_checks, run_real
from course.progress import Progress
from course.shelf import LESSONS, Lesson
from course.wrong import without_docstrings
from ponte.process.options import PYTHON, UsageError

# What a student's file is at first, by language: the same code, other docstrings.
START = {"en": "start.py", "pt": "start_pt.py"}
LETTERS = ("a", "b", "c", "d")
# A hint after the first opens with so many failed checks, or so many seconds after the one before.
FAILS, WAIT_S = 2, 300.0
HINTS = 3


class Desk:
    """The place of one student: a folder, a language, and what was done.

    Parameters: `language`, "en" or "pt"; `folder`, of the student's files and progress.jsonl.
    """

    def __init__(self, language: str, folder: str = WORK) -> None:
        self.language, self.folder = language, folder
        self.progress = Progress(folder)
        self.screen = Screen(sys.stdout)

    def path(self, lesson: Lesson) -> str:
        """Where the student's file of a lesson is, or will be."""
        return os.path.join(self.folder, f"{lesson.name}.py")

    def file(self, lesson: Lesson) -> str:
        """The student's file of a lesson; it is made from the start where it is missing."""
        path = self.path(lesson)
        if not os.path.exists(path):
            os.makedirs(self.folder, exist_ok=True)
            # Whole, or not at all: also on a full disk.
            write(path, self._start_of(lesson))
        return path

    def _start_of(self, lesson: Lesson) -> bytes:
        return Path(lesson.file(START[self.language])).read_bytes()

    # What a student may do.

    def list(self) -> int:
        """Shows the lessons, and which are done."""
        done = self.done()
        self.say("list", "title", done=len(done), total=len(LESSONS))
        for lesson in LESSONS:
            mark = "✓" if lesson.name in done else "·"
            self.screen.line(f"  {mark} {lesson.number}  {lesson.text('title', self.language)}")
        return 0

    def done(self) -> set[str]:
        """The names of the lessons of which all checks have passed."""
        return {entry["lesson"] for entry in self.progress.entries() if entry["what"] == "passed"}

    def predict(self, lesson: Lesson, answer: str = "") -> int:
        """Asks the question of a lesson, or keeps the answer to it."""
        if not answer:
            self.screen.line(lesson.text("question", self.language))
            for letter in LETTERS:
                self.screen.line(lesson.text(f"answer.{letter}", self.language),
                                 lead=f"  {letter}  ")
            self.tell_command("ask", "predict", lesson, "a|b|c|d")
            return 0
        if answer.lower() not in LETTERS:
            raise UsageError(words.text("letter", self.language))
        before = self.progress.last("predict", lesson.name)
        if before and self.progress.last("run", lesson.name):
            # Whoever has seen it run predicts no more.
            self.say("has_predicted", answer=before["answer"])
            return 0
        self.progress.add("predict", lesson.name, answer=answer.lower())
        self.say("predicted", answer=answer.lower())
        self.tell_command("see_it", "run", lesson)
        return 0

    def run(self, lesson: Lesson) -> int:
        """Runs the naive file inside Ponte, and compares with the prediction."""
        predicted = self.progress.last("predict", lesson.name)
        if predicted is None:
            raise UsageError(words.text("predict_first", self.language,
                                        command=self.how("predict", lesson)))
        seen = self._seen(lesson, lesson.file("start.py"))
        if seen is None:
            return 1
        self._tell(lesson, "naive", **seen)
        right = lesson.text("right", self.language)
        is_right = predicted["answer"] == right
        self.say("right" if is_right else "not_right", "passed" if is_right else "strong",
                 answer=predicted["answer"], right=right)
        self.progress.add("run", lesson.name)
        self.say("work", file=self.file(lesson))
        self.tell_command("then", "check", lesson)
        return 0

    def check(self, lesson: Lesson) -> int:
        """Runs the checks on the student's file, up to the first that fails."""
        file = self.file(lesson)
        for name, outcome in run_checks(lesson.name, file, lesson.part("check").CHECKS):
            about = lesson.text(f"check.{name}", self.language)
            if outcome.what != "passed":
                self.say("failed", "failed", name=name, about=about)
                self.show(lesson, outcome, file)
                self.progress.add("failed", lesson.name, check=name, how=outcome.what,
                                  key=outcome.key)
                return 1
            self.say("passed", "passed", name=name, about=about, runs=outcome.runs)
        self.progress.add("passed", lesson.name)
        self.say("all_passed", "title")
        self.tell_command("see_real", "real", lesson)
        return 0

    def real(self, lesson: Lesson) -> int:
        """Runs the student's file inside Ponte."""
        seen = self._seen(lesson, self.file(lesson))
        if seen is None:
            return 1
        self._tell(lesson, "real", **seen)
        is_right: bool = lesson.part("real").is_right(seen)
        self.progress.add("real", lesson.name, right=is_right)
        if not is_right:
            self.tell_command("not_real_yet", "check", lesson)
            return 1
        self.screen.line(lesson.text("discuss", self.language))
        return 0

    def measure(self, lesson: Lesson) -> int:
        """Measures a figure of this computer, with the student's own number."""
        number = personal.number(self.progress, lesson.name)
        seen = self._seen(lesson, self.file(lesson), number)
        if seen is None:
            return 1
        if not lesson.part("real").is_right(seen):
            self.tell_command("not_real_yet", "check", lesson)
            return 1
        took_ms = seen["took_s"] * 1000
        self._tell(lesson, "measure", **seen, took_ms=took_ms)
        self.progress.add("measure", lesson.name, took_ms=round(took_ms, 2), personal=number)
        if personal.who(self.progress) is None:
            self.say("no_name_yet")
            self.screen.command(personal.command(self.language), lead="  ")
        return 0

    def hint(self, lesson: Lesson) -> int:
        """Shows the next hint; if there is none, or it is not open yet, those from before again."""
        number, opens = self.next_hint(lesson)
        if opens and number <= HINTS:
            self._show_hint(lesson, number)
            self.progress.add("hint", lesson.name, number=number)
            return 0
        for each in range(1, number):
            self._show_hint(lesson, each)
        if opens:
            return 0
        self.say("no_hint" if number > 1 else "no_story", "faint")
        return 1

    def next_hint(self, lesson: Lesson) -> tuple[int, bool]:
        """The number of the next hint, and whether it is open."""
        entries = [entry for entry in self.progress.entries() if entry["lesson"] == lesson.name]
        hints = [place for place, entry in enumerate(entries) if entry["what"] == "hint"]
        if not hints:
            # The first one is a question about a story.
            return 1, any(entry["what"] == "failed" for entry in entries)
        if len(hints) >= HINTS:
            return HINTS + 1, True
        since = entries[hints[-1]:]
        fails = sum(entry["what"] == "failed" for entry in since)
        waited_s = time.time() - since[0]["at"]
        return len(hints) + 1, fails >= FAILS or waited_s >= WAIT_S

    def mutant(self, lesson: Lesson, answer: str = "") -> int:
        """Shows a wrong solution, or grades by running it which check the student thinks fails.

        A wrong solution is nearly a right one. So it opens when the student's own has passed.
        """
        if lesson.name not in self.done():
            self.tell_command("not_passed", "check", lesson)
            return 1
        mutants = lesson.part("mutants").MUTANTS
        tried = sum(entry["what"] == "mutant" and entry["lesson"] == lesson.name
                    for entry in self.progress.entries())
        number = personal.number(self.progress, lesson.name)
        mutant = mutants[(number + tried) % len(mutants)]
        text = mutant.text(Path(lesson.file("reference.py")).read_text(encoding="utf-8"))
        checks = lesson.part("check").CHECKS
        if not answer:
            self._show_mutant(lesson, text)
            self.progress.add("mutant_shown", lesson.name, name=mutant.name)
            return 0
        if answer not in checks:
            raise UsageError(words.text("no_check", self.language, answer=answer,
                                        checks=", ".join(checks)))
        shown = self.progress.last("mutant_shown", lesson.name)
        if shown is None or shown["name"] != mutant.name:
            self.tell_command("see_first", "mutant", lesson)
            return 1
        name, outcome = self._first_failure(lesson, text)
        is_right = answer == name
        self.say("mutant_right" if is_right else "mutant_not_right",
                 "passed" if is_right else "strong", check=name, name=mutant.name)
        self.show(lesson, outcome, "")
        self.progress.add("mutant", lesson.name, name=mutant.name, answer=answer, right=is_right,
                          personal=number)
        return 0 if is_right else 1

    def _show_mutant(self, lesson: Lesson, text: str) -> None:
        print(without_docstrings(text))
        checks = lesson.part("check").CHECKS
        for name in checks:
            self.screen.line(f"  {name}  {lesson.text(f'check.{name}', self.language)}")
        self.say("mutant")
        self.tell_command("ask", "mutant", lesson, "|".join(checks))

    def _first_failure(self, lesson: Lesson, text: str) -> tuple[str, Outcome]:
        """Runs the checks on a wrong solution: which one fails first, and how."""
        with tempfile.TemporaryDirectory() as folder:
            file = os.path.join(folder, f"{lesson.name}.py")
            Path(file).write_text(text, encoding="utf-8")
            *_, last = run_checks(lesson.name, file, lesson.part("check").CHECKS)
            return last

    def reset(self, lesson: Lesson) -> int:
        """The student's file is as at the start; the old one is kept."""
        file = self.file(lesson)
        # In this order a full disk changes nothing, and two terminals at once lose nothing.
        before = Path(file).read_bytes()
        stamp = int(time.time())
        while os.path.exists(f"{file}.{stamp}"):
            stamp += 1
        kept = f"{file}.{stamp}"
        write(kept, before)
        write(file, self._start_of(lesson))
        self.say("reset", file=file, kept=kept)
        return 0

    # What is shown.

    def say(self, key: str, style: str = "", **values: object) -> None:
        """Prints a sentence of the course."""
        self.screen.line(words.text(key, self.language, **values), style=style)

    def tell_command(self, key: str, verb: str, lesson: Lesson, more: str = "") -> None:
        """Prints what to type next, after a sentence."""
        self.screen.command(self.how(verb, lesson, more),
                            lead=f"{words.text(key, self.language)} ")

    def how(self, verb: str, lesson: Lesson, more: str = "") -> str:
        """What to type, such as "python3 -m course check 5"."""
        typed = f"{PYTHON} -m course {verb} {lesson.number} {more}".rstrip()
        return words.typed_next(typed, self.language)

    def show(self, lesson: Lesson, outcome: Outcome, file: str) -> None:
        """Prints what came of a file that did not pass."""
        if outcome.what == "wrong":
            self.screen.line(lesson.text(f"wrong.{outcome.key}", self.language, **outcome.values),
                             style="strong")
        else:
            self.say(outcome.key_of_what(), "strong", file=file, line=outcome.line,
                     why=words.reason(outcome.why, self.language))
        if outcome.line and file:
            self.screen.line(line_of(file, outcome.line), lead="    ")
        for line in lesson.story(outcome.story, self.language):
            self.screen.line(line)
        if outcome.printed:
            self.say("printed", "faint")
            for line in outcome.printed.splitlines():
                self.screen.line(line, lead="    ")

    def _show_hint(self, lesson: Lesson, number: int) -> None:
        self.screen.line(lesson.text(f"hint.{number}", self.language), lead=f"{number}/{HINTS}  ",
                         lead_style="predict")

    def _seen(self, lesson: Lesson, file: str, number: int = 0) -> Mapping[str, Any] | None:
        """Runs a file inside Ponte; what was seen, or None if it could not be run, which is shown.
        """
        outcome = run_real(lesson.name, file, number)
        if outcome.what == "seen":
            return outcome.values
        self.show(lesson, outcome, file)
        return None

    def _tell(self, lesson: Lesson, key: str, **values: Any) -> None:
        """Prints a text of the lesson, which may have several lines."""
        for line in lesson.text(key, self.language, **values).splitlines():
            self.screen.line(line)


def line_of(file: str, number: int) -> str:
    """A line of a file, without the spaces around it; "" if there is none."""
    try:
        return Path(file).read_text(encoding="utf-8-sig").split("\n")[number - 1].strip()
    except (OSError, UnicodeDecodeError, IndexError):
        return ""
