"""python3 -m course: predict, run, see it go wrong, fix one file, check, see it work.

    (nothing), or N  the screen of the course: it checks your file whenever you save it
    list             the lessons, and how far you are
    predict N [a-d]  a question; answer it before anything runs
    run N            the naive version, on real sockets
    check N          your file, in every schedule of a small world
    real N           your file inside Ponte itself
    hint N           a question, then more
    mutant N [cK]    a wrong solution: which check will find it?
    measure N        a figure of this computer
    reset N          your file as at the start; the old one is kept
    name CLASS "NAME"    who you are: your figures will be yours alone
    incident a       something is wrong among real processes, a to e: who, and what? (answer, hint)
    tap NAME         each message that passes by a process of the incident
    pack             all your work in one file, for your teacher
    collect FOLDER   for a teacher: runs and grades all packed files, and writes marks.csv
    selftest [N...]  the course checks itself: right solutions pass, each wrong one is rejected

--lang pt tells all of it in Portuguese. Your files and progress.jsonl stand in the folder
course-work. The exit code is 0 only if all went well: 1 for a check that failed, 2 for a mistake in
the command.
"""

from __future__ import annotations

import errno
import signal
import sys
from collections.abc import Sequence
from typing import Callable

if __name__ == "__main__":
    # Until all is imported, Ctrl-C ends the process without a traceback.
    signal.signal(signal.SIGINT, signal.SIG_DFL)

from classroom.language import take_language
from course import collect, pack, personal, tap, words
from course.desk import Desk
from course.incidents import start
from course.progress import Spoilt
from course.screen import CourseScreen, DeskWithKeys
from course.selftest import selftest
from course.shelf import LESSONS, Lesson
from ponte.process.characters import write_any
from ponte.process.options import UsageError
from ponte.process.running import is_of_output, run
from ponte.process.typed import here

# What takes the number of a lesson, and how many words may follow it.
OF_A_LESSON = {"predict": 1, "run": 0, "check": 0, "real": 0, "hint": 0, "mutant": 1, "measure": 0,
               "reset": 0}
# All others, and how many words each takes at most.
OTHERS = {"list": 0, "name": 2, "incident": 8, "tap": 2, "pack": 0, "collect": 1,
          "selftest": 9}
VERBS = (*OF_A_LESSON, *OTHERS)


def main(arguments: Sequence[str]) -> int:
    """Does what the words say; returns the exit code."""
    language, rest = take_language(list(arguments))
    if rest and rest[0] in ("-h", "--help"):
        print(words.HELP if language == "pt" else here(__doc__))
        return 0
    try:
        return _do(rest, language)
    except Spoilt as error:
        raise UsageError(words.text("spoilt_progress", language, file=error.file, line=error.line)
                         ) from None
    except OSError as error:
        # To ask writes a line. That no more processes can be started has nothing to do with it.
        if error.filename is None and error.errno != errno.EAGAIN and is_of_output(error):
            # `run` tells it.
            raise
        raise UsageError(words.of_system(error, language)) from None


def _do(rest: Sequence[str], language: str) -> int:
    if not rest or rest[0].isdigit():
        if len(rest) > 1:
            raise UsageError(words.text("too_many", language, word=rest[1]))
        lesson = _lesson(rest[0], language) if rest else None
        return CourseScreen(DeskWithKeys(language), lesson).run()
    desk = Desk(language)
    verb, *more = rest
    if verb not in VERBS:
        raise UsageError(words.text("usage", language, verb=verb, verbs=", ".join(VERBS)))
    most = OTHERS[verb] if verb in OTHERS else 1 + OF_A_LESSON[verb]
    if len(more) > most:
        raise UsageError(words.text("too_many", language, word=more[most]))
    if verb in OF_A_LESSON:
        code: int = getattr(desk, verb)(_lesson(more[0] if more else "", language), *more[1:])
        return code
    first, second = (*more, "", "")[:2]
    do: dict[str, Callable[[], int]] = {
        "list": desk.list,
        "name": lambda: personal.give(desk.progress, first, second, language),
        "incident": lambda: start.run(first, language, *more[1:]),
        "tap": lambda: tap.run(first, language, second),
        "pack": lambda: pack.run(language),
        "collect": lambda: collect.run(first, language),
        "selftest": lambda: selftest([_lesson(number, language) for number in more] or LESSONS,
                                     language)}
    return do[verb]()


def _lesson(number: str, language: str) -> Lesson:
    found = [lesson for lesson in LESSONS if str(lesson.number) == number]
    if not found:
        raise UsageError(words.text("no_lesson" if number else "which_lesson", language,
                                    number=number, numbers=", ".join(
                                        str(lesson.number) for lesson in LESSONS)))
    return found[0]


if __name__ == "__main__":
    write_any(sys.stdout, sys.stderr)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    run(main)
