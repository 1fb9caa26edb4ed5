"""Computers for a student's file: each runs the file anew, so they share nothing, and each has a
clock of its own.

The problem: in one process a counter in the file would count for all computers, and they would all
read the same clock; so a solution that relies on either would pass. The idea: each computer
executes the file as a module of its own, in which `import time` gives the time of that computer.
"""

from __future__ import annotations

import builtins
import functools
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

from course.theirs import Theirs, must_have

# Modules that tell the time in ways that are not replaced here.
_OTHER_CLOCKS = ("datetime", "calendar")


class Program:
    """A student's file, compiled. Raises Theirs if it lacks something."""

    def __init__(self, solution: ModuleType) -> None:
        self._file = str(solution.__file__)
        # As worker.load reads it.
        text = Path(self._file).read_text(encoding="utf-8-sig")
        self._code = compile(text, self._file, "exec", dont_inherit=True)
        module = self.start(lambda: 0.0)
        must_have(module, "Replica")
        register = must_have(module, "Register", "me", "count", "ask")("ana", 3, _nobody)
        must_have(register, "write", "value")
        must_have(register, "read")

    def start(self, clock: Callable[[], float]) -> ModuleType:
        """The file on a computer with this clock, in seconds."""
        module = ModuleType("solution")
        module.__file__ = self._file

        def imported(name: str, *others: Any) -> Any:
            if name.split(".", maxsplit=1)[0] in _OTHER_CLOCKS:
                raise Theirs(f"no {name} in this lesson: the time of a computer is time.time()")
            return _time(clock) if name == "time" else builtins.__import__(name, *others)

        module.__dict__["__builtins__"] = {**vars(builtins), "__import__": imported}
        exec(self._code, module.__dict__)
        return module


@functools.lru_cache(maxsize=2)
def program(solution: ModuleType) -> Program:
    """The program of a student's module, which stands in a file."""
    return Program(solution)


def _nobody(*question: Any) -> None:
    """Takes no question."""


def _time(clock: Callable[[], float]) -> SimpleNamespace:
    """What `import time` gives on a computer with this clock."""
    def clock_ns() -> int:
        return int(clock() * 1e9)

    return SimpleNamespace(time=clock, monotonic=clock, perf_counter=clock, time_ns=clock_ns,
                           monotonic_ns=clock_ns, perf_counter_ns=clock_ns)
