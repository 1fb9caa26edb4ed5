"""Runs checks on a student's file, each in a process of its own (worker.py), and says what came of
them.

Threads: one.
"""

from __future__ import annotations

import json
import os
import re
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from course import bounded
from course.worker import LIMIT_S, TOO_LONG

# Seconds beyond those of the check, for Python to start on a slow computer.
START_S = 30.0


class Outcome(NamedTuple):
    """What came of one check.

    `what`: "passed"; "seen", with `values`, of the file inside Ponte; "wrong", with the `key` of a
    mistake, its `values` and the `story`, and the `line` if it is an error of the file; "error",
    one of the student's file, in a `line`, with `why`, and the end of the `story`; "too long", and
    where in the file; "ended", the file has ended the process; "ours", a fault of this course.
    """

    what: str
    key: str = ""
    values: Mapping[str, Any] = MappingProxyType({})
    story: Sequence[Sequence[Any]] = ()
    why: str = ""
    line: int = 0
    runs: int = 0
    printed: str = ""

    def key_of_what(self) -> str:
        """The key of a text for `what`, which may have to do without a line."""
        nowhere = "_nowhere" if self.what in ("error", "too long") and not self.line else ""
        return self.what.replace(" ", "_") + nowhere


# Seconds that a file may take inside Ponte.
REAL_S = 20.0


def run_real(lesson: str, file: str, personal: int = 0) -> Outcome:
    """Runs a file inside Ponte, with a student's personal number. Blocks for REAL_S and START_S at
    most.
    """
    return _run(file, lesson, "real", REAL_S, str(personal))


def run_check(lesson: str, file: str, name: str, limit_s: float = LIMIT_S) -> Outcome:
    """Runs one check. Blocks for `limit_s` and START_S at most."""
    return _run(file, lesson, name, limit_s)


def run_checks(lesson: str, file: str, names: Iterable[str]) -> Iterator[tuple[str, Outcome]]:
    """Runs checks one after the other, up to the first that does not pass: their names, and what
    came of them.
    """
    for name in names:
        outcome = run_check(lesson, file, name)
        yield name, outcome
        if outcome.what != "passed":
            return


def _run(file: str, lesson: str, name: str, limit_s: float, *more: str) -> Outcome:
    word = secrets.token_hex(8)
    ended = bounded.run(["-m", "course.worker", os.path.abspath(file), lesson, name, str(limit_s),
                         *more], f"{word}\n", limit_s + START_S)
    if not ended.in_time:
        return Outcome("too long", line=_line_in(ended.err, file))
    return _read(word, ended.out, ended.err, file)


def _read(word: str, out: str, err: str, file: str) -> Outcome:
    """What the lines of a worker say: only those that begin with the word are believed."""
    said = [line[len(word) + 1:] for line in out.splitlines() if line.startswith(f"{word} ")]
    if not said:
        return Outcome("ours", why=err.strip() or "the worker said nothing")
    outcome = _told(said[1]) if len(said) > 1 else None
    is_too_long = any(line.startswith(TOO_LONG) for line in err.splitlines())
    # A process that the worker has started may have taken too long.
    if is_too_long and (outcome is None or outcome.what == "error"):
        return Outcome("too long", line=_line_in(err, file))
    return outcome or Outcome("ended", why=err.strip())


# What a worker may tell of a file; all else is seen from outside.
_TOLD = ("passed", "seen", "wrong", "error", "ours")


def _told(line: str) -> Outcome | None:
    """The result in a line of a worker; None where it is none."""
    try:
        result = json.loads(line)
        if result["what"] not in _TOLD:
            return None
        return Outcome(result["what"], result.get("key", ""), result.get("values", {}),
                       result.get("story", ()), result.get("trace") or result.get("why", ""),
                       result.get("line", 0), result.get("runs", 0), result["printed"])
    except (ValueError, KeyError, TypeError, AttributeError):
        # It was cut, or somebody else wrote it.
        return None


def _line_in(trace: str, file: str) -> int:
    """The line of the student's file in a trace, the innermost one; 0 where there is none."""
    path = re.sub("[^ -~]", _escaped, os.path.abspath(file))
    found = re.search(rf'File "{re.escape(path)}", line (\d+)', trace)
    return int(found[1]) if found else 0


def _escaped(character: re.Match[str]) -> str:
    """A character as faulthandler writes it: it writes printable ASCII alone."""
    code = ord(character[0])
    return f"\\x{code:02x}" if code < 1 << 8 else f"\\u{code:04x}" if code < 1 << 16 else \
        f"\\U{code:08x}"
