"""Lines of progress: when all tests of a module have ended, one line reports how long they took.

      2.13 s   41 tests  tests.net.test_wire
     12.80 s   38 tests  tests.system.test_process  FAILED

The lines go to the stream of the test runner. The runner's dots are switched off, because dots and
lines would mix. What failed is printed at the end, as always. With -v the runner also prints a line
for each test, with -q it prints the lines of the modules alone.
"""

from __future__ import annotations

import sys
import time
import unittest
from collections.abc import Callable
from typing import TextIO


class Progress:
    """Writes the lines of one run. For a `with` block; one thread only."""

    def __init__(self, result: unittest.TestResult) -> None:
        self._result = result
        # Only the result of the text runner has these two.
        self._stream: TextIO = getattr(result, "stream", sys.stderr)
        self._dots: bool = getattr(result, "dots", False)
        # When the module began that now runs in this process, and how many tests had failed then.
        self._began_at = 0.0
        self._failed_before = 0

    def __enter__(self) -> Progress:
        if self._dots:
            self._set_dots(False)
        self.begin_module()
        return self

    def __exit__(self, *_: object) -> None:
        if self._dots:
            self._set_dots(True)

    def begin_module(self) -> None:
        """The tests of a module begin to run in this process."""
        self._began_at, self._failed_before = time.monotonic(), self._failed()

    def end_module(self, module: str, tests: int) -> None:
        """Writes the line of the module that has run in this process."""
        self.write(module, tests, time.monotonic() - self._began_at,
                   failed=self._failed() > self._failed_before)

    def write(self, module: str, tests: int, took_s: float, *, failed: bool) -> None:
        """Writes the line of a module."""
        plural = " " if tests == 1 else "s"
        self._stream.write(f"{took_s:6.2f} s {tests:4} test{plural}  {module}"
                           f"{'  FAILED' if failed else ''}\n")
        self._stream.flush()

    def _failed(self) -> int:
        result = self._result
        return len(result.failures) + len(result.errors) + len(result.unexpectedSuccesses)

    def _set_dots(self, shown: bool) -> None:
        setattr(self._result, "dots", shown)  # noqa: B010 (other results have no such attribute)


class EndOfModule(unittest.TestCase):
    """Stands in a suite behind the tests of a module, and calls `ended` when they have ended.

    It is not counted as a test. It is a TestCase, so that unittest tears down the last class of the
    module before it: a failure there belongs to that module too.
    """

    def __init__(self, ended: Callable[[], None]) -> None:
        super().__init__()
        self._ended = ended

    def countTestCases(self) -> int:
        return 0

    def run(self, result: unittest.TestResult | None = None) -> unittest.TestResult | None:
        self._ended()
        return result
