"""Runs one check of a lesson on a student's file, in a process of its own.

The problem: a student's file may loop for ever, end the process, or print what looks like a result.
The idea: whoever grades starts this program, gives it a word that nobody else knows, and believes
only a line that begins with it. No such line means that the file has ended the process.

    course.worker FILE LESSON CHECK SECONDS      on its standard input: the word
    course.worker FILE LESSON real SECONDS N     the file inside Ponte itself; N is the student's
                                                 personal number

It says "ready" before it loads the file, so that a broken installation is not blamed on a student.
The end of what the file prints is kept, and shown apart. After so many SECONDS it writes to
standard error where the file is, and ends. Inside Ponte there is much that takes time and is not
the file's: there it ends also when one call of a function of the file takes LIMIT_S (`watch`).

The file and what judges it are in one process. So who knows Python well can find the word, or
change what writes the result. That is no accident, and nothing here prevents it: likeness.py names
the ways that it knows (docs/teaching.md).
"""

from __future__ import annotations

import contextlib
import faulthandler
import importlib
import io
import json
import os
import random
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from types import FrameType, ModuleType
from typing import Any, Callable, TextIO

from course.explore import Found
from course.theirs import Solution, Theirs
from ponte.process.characters import write_any

if sys.platform != "win32":
    import resource

# Seconds that a check may take, or one call of a student's function inside Ponte. The slowest check
# takes a tenth of it. Seconds more where one step of Python lasts; and between two looks at the
# calls.
LIMIT_S, C_S, LOOK_S = 5.0, 1.0, 0.25
# How the error begins of a value that cannot be written: lists in lists, or thousands of digits.
UNWRITABLE = ("RecursionError", "ValueError: Exceeds the limit")
# How the dump begins that tells where a file was; faulthandler's own one does.
TOO_LONG = "Timeout ("
MAX_PRINTED_CHARS = 2000
# Lines of the story that are told with an error of the file: what came just before it.
LAST_LINES = 6
# What a check may take of memory, where the system can limit it: a solution needs a tenth. Inside
# Ponte there are threads, each of which reserves much of it and uses little: there that counts
# which can be written to.
MAX_MEMORY_BYTES = 1_000_000_000
MAX_DATA_BYTES = 2_000_000_000


def load(file: str) -> ModuleType:
    """The student's file as a module. Raises Theirs."""
    module = Solution("solution")
    module.__file__ = file
    try:
        # Some editors of Windows put a mark before it (utf-8-sig).
        with open(file, encoding="utf-8-sig") as source:
            text = source.read()
    except UnicodeDecodeError:
        raise Theirs("the file is not in UTF-8: save it so") from None
    except OSError as error:
        raise Theirs(str(error)) from None
    if not text.strip():
        raise Theirs("the file is empty: reset brings the start back")
    # A dataclass looks its module up there.
    sys.modules[module.__name__] = module
    try:
        exec(compile(text, file, "exec", dont_inherit=True), module.__dict__)
    except SyntaxError as error:
        raise Theirs(f"SyntaxError: {error.msg}", error.lineno or 0) from None
    except BaseException as error:
        raise Theirs(*_told(error, file)) from None
    return module


def _told(error: BaseException, file: str) -> tuple[str, int]:
    """An error in words, and the last line of the student's file on its way."""
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno or 0 for frame in frames if frame.filename == file]
    text = str(error)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__, \
        lines[-1] if lines else 0


def check(file: str, run: Callable[[ModuleType], Found]) -> dict[str, Any]:
    """Runs a check on a student's file: what came of it, for JSON."""
    return _guarded(file, lambda solution: _shown(run(solution), file))


def real(file: str, run: Callable[[ModuleType], Any]) -> dict[str, Any]:
    """Runs a student's file inside Ponte: what was seen, for JSON."""
    result = _guarded(file, lambda solution: {"what": "seen", "values": run(solution)._asdict()})
    # A caller may have given up on a call that still runs: it ends, or `watch` ends this process.
    while any(_calls_of(file)):
        time.sleep(LOOK_S)
    return result


def _guarded(file: str, run: Callable[[ModuleType], dict[str, Any]]) -> dict[str, Any]:
    try:
        return run(load(file))
    except Theirs as error:
        return {"what": "error", "why": str(error), "line": error.line}
    except BaseException as error:
        why, line = _told(error, file)
        # Ours, where no line of theirs is on the way, and no value of theirs.
        is_theirs = line or why.startswith(UNWRITABLE)
        return {"what": "error" if is_theirs else "ours", "why": why, "line": line,
                "trace": "" if is_theirs else traceback.format_exc(),
                "story": getattr(error, "story", [])[-LAST_LINES:]}


def _shown(found: Found, file: str) -> dict[str, Any]:
    if found.wrong is not None:
        # An error of the file may be what it must not do.
        cause = found.wrong.__cause__
        return {"what": "wrong", "key": found.wrong.key, "values": found.wrong.values,
                "story": found.wrong.story, "runs": found.runs,
                "line": _told(cause, file)[1] if cause else 0}
    return {"what": "passed", "runs": found.runs, "exercised": found.exercised}


class Printed(io.TextIOBase):
    """The end of what was printed: who prints without an end fills no memory."""

    def __init__(self) -> None:
        self.text = ""

    def write(self, text: str) -> int:
        self.text = (self.text + text)[-MAX_PRINTED_CHARS:]
        return len(text)


@contextlib.contextmanager
def ended_after(limit_s: float) -> Iterator[None]:
    """Ends this process after so many seconds, and writes to standard error where it is.

    That is done by a thread, since only a stack that stands still is told whole. What lets no other
    thread run, such as a huge power, is ended C_S later.
    """
    timer = threading.Timer(limit_s, _end, (f"{limit_s:g} s", sys.stderr))
    timer.daemon = True
    timer.start()
    faulthandler.dump_traceback_later(limit_s + C_S, exit=True)
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()
        timer.cancel()


def _end(what: str, told_to: TextIO) -> None:
    """`what` has taken too long."""
    print(f"{TOO_LONG}{what})!", file=told_to, flush=True)
    faulthandler.dump_traceback(told_to)
    os._exit(1)


def watch(file: str) -> None:
    """Ends this process when one call of a function of this file takes LIMIT_S, on any thread, and
    writes to standard error where it is.
    """
    threading.Thread(target=_watch, args=(file, sys.stderr), daemon=True).start()


def _watch(file: str, told_to: TextIO) -> None:
    # In how many looks each call was seen: looks, not seconds, for this process may be frozen.
    looks: dict[FrameType, int] = {}
    while True:
        time.sleep(LOOK_S)
        looks = {call: looks.get(call, 0) + 1 for call in _calls_of(file)}
        if max(looks.values(), default=0) > LIMIT_S / LOOK_S:
            _end("a call", told_to)


def _calls_of(file: str) -> Iterator[FrameType]:
    """The calls of functions of a file that run now."""
    for innermost in sys._current_frames().values():
        for frame, _ in traceback.walk_stack(innermost):
            if frame.f_code.co_filename == file:
                yield frame


def main(arguments: list[str]) -> int:
    file, lesson, name, limit_s, *more = arguments
    file = os.path.abspath(file)
    word = sys.stdin.readline().strip()
    # The file may close or replace sys.stdout: this copy of it is ours.
    ours = os.fdopen(os.dup(1), "w", encoding="utf-8")
    part = importlib.import_module(f"course.lessons.{lesson}."
                                   + ("real" if name == "real" else "check"))
    # A file that the student's one writes or deletes by its name alone is not one of the course.
    with contextlib.suppress(OSError):
        os.chdir(os.path.dirname(file))
    if name == "real":
        watch(file)
        limit_memory("RLIMIT_DATA", MAX_DATA_BYTES)
    else:
        limit_memory("RLIMIT_AS", MAX_MEMORY_BYTES)
        # A file that draws at random draws the same in each run: it gets the same verdict.
        random.seed(0)
    print(f"{word} ready", file=ours, flush=True)
    printed = Printed()
    # Inside Ponte, standard error has Ponte's own warnings.
    errors = printed if name != "real" else sys.stderr
    with ended_after(float(limit_s)), contextlib.redirect_stdout(printed), \
            contextlib.redirect_stderr(errors):
        result = (real(file, lambda solution: part.see(solution, *map(int, more)))
                  if name == "real" else check(file, part.CHECKS[name].run))
    result["printed"] = printed.text
    # The file may have begun a line there.
    print(f"\n{word} {json.dumps(result)}", file=ours, flush=True)
    return 0


def limit_memory(kind: str, most_bytes: int) -> None:
    """From now on this process gets so much memory at most. Not on Windows; macOS ignores it."""
    if sys.platform != "win32":
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(getattr(resource, kind), (most_bytes, most_bytes))


if __name__ == "__main__":
    write_any(sys.stdout, sys.stderr)
    code = main(sys.argv[1:])
    # Threads of the student's file do not keep this process.
    os._exit(code)
