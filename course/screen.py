"""The screen of the course: the lessons, one of them open, and what to press.

Save your file, and it is checked: the screen looks at the time of the file twice a second, which
works on every file system. Enter checks, too. Every other key is a letter and Enter, so that any
console will do.

Threads: the keyboard has one of its own (keyboard.py); all else is done in the main one.
"""

from __future__ import annotations

import os

from course import words
from course.desk import HINTS, LETTERS, Desk
from course.files import from_here
from course.keyboard import Ended, Input
from course.shelf import LESSONS, Lesson
from ponte.process.options import UsageError
from ponte.rpc.raised import printable

LOOK_S = 0.5
PAGE = {"en": "lesson.md", "pt": "lesson.pt.md"}
# What a key does: a method of Desk.
KEYS = {"": "check", "p": "predict", "r": "run", "v": "real", "h": "hint", "m": "mutant",
        "f": "measure"}
# As they are named on the screen.
KEY_OF = {verb: key or "Enter" for key, verb in KEYS.items()}


class DeskWithKeys(Desk):
    """A desk that tells keys instead of commands."""

    def how(self, verb: str, lesson: Lesson, more: str = "") -> str:
        """The key of a verb, or what answers a question."""
        return more or KEY_OF[verb]


class CourseScreen:
    """The screen of one student, at a desk.

    Parameter: `lesson`, the one that is open; by default the one of which something was done last.
    """

    def __init__(self, desk: DeskWithKeys, lesson: Lesson | None = None) -> None:
        self._desk = desk
        by_name = {each.name: each for each in LESSONS}
        done = [entry["lesson"] for entry in desk.progress.entries() if entry["lesson"] in by_name]
        self._lesson = lesson or (by_name[done[-1]] if done else LESSONS[0])
        self._stamp = (0, 0)
        # What a letter or a name of a check answers: "predict" or "mutant".
        self._asked = ""
        self._code = 0

    def run(self) -> int:
        """Until q, or the end of the input. Returns the exit code of the last check; 0 without one.
        """
        keys = Input(lambda: False)
        self._open(self._lesson)
        try:
            while True:
                line = keys.line(LOOK_S)
                if line is not None and line.lower() == "q":
                    return self._code
                if line is not None or self._is_saved():
                    self._do((line or "").lower())
        except Ended:
            return self._code

    def _do(self, typed: str) -> None:
        """Does what a line says: a key, the number of a lesson, or an answer."""
        key, _, more = typed.partition(" ")
        numbers = {str(lesson.number): lesson for lesson in LESSONS}
        desk, lesson, saved = self._desk, self._lesson, self._look()
        try:
            if key in numbers or key == "l":
                self._open(numbers.get(key, lesson))
                return
            if self._asked and not more and self._is_answer(key):
                getattr(desk, self._asked)(lesson, key)
                self._asked = ""
            elif key in KEYS:
                verb = KEYS[key]
                takes = verb in ("predict", "mutant")
                code: int = getattr(desk, verb)(lesson, *[more.strip()][:takes])
                self._code = code if verb == "check" else self._code
                # A question stays open while a file is saved and checked.
                if takes:
                    self._asked = "" if more else verb
            else:
                desk.say("no_key", typed=printable(typed))
        except UsageError as error:
            # On the screen a mistake ends nothing.
            desk.screen.line(str(error), style="strong")
        except OSError as error:
            # Without a file, it may be of what we print.
            if error.filename is None:
                raise
            desk.screen.line(words.of_system(error, desk.language), style="strong")
        except KeyboardInterrupt:
            # Nor does Ctrl-C while something runs.
            desk.say("stopped")
        # What is saved while a check runs is checked again. A file that we have just made is not.
        self._stamp = self._look() if saved == (0, 0) else saved
        self._show()

    def _is_answer(self, key: str) -> bool:
        return key in (LETTERS if self._asked == "predict"
                       else self._lesson.part("check").CHECKS)

    def _look(self) -> tuple[int, int]:
        """What tells that the student's file was saved; (0, 0) if it is not there."""
        try:
            found = os.stat(self._desk.path(self._lesson))
        except OSError:
            return 0, 0
        return found.st_mtime_ns, found.st_size

    def _is_saved(self) -> bool:
        """Whether the file was saved since the last look. An editor may replace it: then it is
        missing for a moment.
        """
        stamp = self._look()
        return stamp not in ((0, 0), self._stamp)

    def _open(self, lesson: Lesson) -> None:
        """Opens a lesson, and draws all lessons. From now on its file is watched."""
        desk, done = self._desk, self._desk.done()
        self._lesson, self._asked = lesson, ""
        file = desk.file(lesson)
        self._stamp = self._look()
        desk.screen.rule()
        desk.say("list", "title", done=len(done), total=len(LESSONS))
        for each in LESSONS:
            is_open = each is self._lesson
            mark = ("▶" if is_open else " ") + ("✓" if each.name in done else "·")
            desk.screen.line(f" {mark} {each.number} {each.text('title', desk.language)}",
                             style="strong" if is_open else "")
        desk.say("page_is", page=from_here(lesson.file(PAGE[desk.language])))
        desk.say("file_is", file=file)
        self._show()

    def _show(self) -> None:
        """Draws how far the open lesson is, and the keys."""
        desk, lesson = self._desk, self._lesson
        given = min(desk.next_hint(lesson)[0] - 1, HINTS)
        hints = words.text("hints", desk.language, given=given, total=HINTS)
        title = lesson.text("title", desk.language).split(":")[0]
        desk.screen.rule()
        desk.screen.line(f"▶ {lesson.number} {title}   {' '.join(self._marks(lesson))}   {hints}",
                         style="title")
        desk.say("keys", "predict")

    def _marks(self, lesson: Lesson) -> list[str]:
        """The checks of a lesson, each with what the last run of all said of it."""
        last = next((entry for entry in reversed(self._desk.progress.entries())
                     if entry["lesson"] == lesson.name and entry["what"] in ("failed", "passed")),
                    None)
        marks, mark = [], "·" if last is None else "✓"
        for name in lesson.part("check").CHECKS:
            is_failed = last is not None and last.get("check") == name
            marks.append(("✗" if is_failed else mark) + name)
            if is_failed:
                mark = "·"
        return marks
