"""Test classes side by side: those that start processes mostly wait, so that a few of them can run at the same time.

`python3 -m unittest` runs the unit tests in its own process, as ever. Meanwhile each class of a module in tests/system/
goes to the next free one of a few worker processes; when the unit tests have ended, what became of the others is
reported as if they had run here. Tests that are named (`python3 -m unittest tests.system.test_drain`) run without any
of this, and so do those that -k chooses if they are of one class. In a worker the modules of tests are imported anew,
and a module's fixtures would be set up for each of its classes: the classes share nothing but the machine.

A worker ends with the test runner, however that ends, since its connection does; and its processes end with it.
"""

from __future__ import annotations

import multiprocessing
import queue
import signal
import sys
import threading
import time
import unittest
import warnings
from collections.abc import Collection, Iterable, Iterator
from multiprocessing.connection import Connection
from typing import Any, Callable, NamedTuple

WORKERS = 2         # for two processors: with more of them, tests that look at the clock come to feel each other

_LISTS = ("failures", "errors", "skipped", "expectedFailures")      # of a TestResult: pairs of a test and a text


class Entry(NamedTuple):
    """What a TestResult lists of a test or of one of its subtests."""

    kind: str               # the name of the list
    title: str
    first_line: str | None       # of its docstring
    text: str


class Told(NamedTuple):
    """What became of a test: without entries it has passed. Or of a class that was not set up: then without an id."""

    test_id: str
    entries: list[Entry]
    took_s: float = 0.0


class SideBySide(unittest.TestSuite):
    """Runs `here` in this process, and meanwhile each of `classes` in a worker."""

    def __init__(self, here: Iterable[unittest.TestCase], classes: Collection[list[unittest.TestCase]],
                 workers: int = WORKERS) -> None:
        self._workers = min(workers, len(classes))
        self._here = unittest.TestSuite(here)
        self._classes: queue.SimpleQueue[list[str]] = queue.SimpleQueue()       # that have not begun: ids of tests
        self._told: queue.SimpleQueue[Told | None] = queue.SimpleQueue()     # None: a worker has ended
        self._elsewhere: dict[str, unittest.TestCase] = {}
        for tests in classes:
            self._elsewhere.update((test.id(), test) for test in tests)
            self._classes.put([test.id() for test in tests])
        super().__init__([self._here, *self._elsewhere.values()])

    def run(self, result: unittest.TestResult, debug: bool = False) -> unittest.TestResult:
        for _ in range(self._workers):
            threading.Thread(target=self._employ, daemon=True).start()
        self._here.run(result, debug)
        working = self._workers
        while working and not result.shouldStop:
            told = self._told.get()
            if told:
                self._report(told, result)
            else:
                working -= 1
        return result

    def _employ(self) -> None:
        """Has a worker run one class after the other. On a thread of its own."""
        try:
            with _Worker() as worker:
                while True:
                    worker.run(self._classes.get_nowait(), self._told.put)
        except queue.Empty:
            pass        # all have begun
        except Exception as error:
            self._told.put(Told("", [Entry("errors", "a worker process", None, f"it has ended: {error!r}")]))
        finally:
            self._told.put(None)

    def _report(self, told: Told, result: unittest.TestResult) -> None:
        test = self._elsewhere.get(told.test_id)
        if test:
            result.startTest(test)
        for entry in told.entries:
            listed = _Listed(entry)
            if entry.kind == "skipped":
                result.addSkip(listed, entry.text)
            elif entry.kind == "unexpectedSuccesses":
                result.addUnexpectedSuccess(listed)
            else:
                add = {"failures": result.addFailure, "errors": result.addError,
                       "expectedFailures": result.addExpectedFailure}[entry.kind]
                try:
                    raise AssertionError(entry.text)
                except AssertionError:
                    add(listed, sys.exc_info())
                getattr(result, entry.kind)[-1] = (listed, entry.text)      # the traceback is that of the worker
        if test and not told.entries:
            result.addSuccess(test)
        if test and sys.version_info >= (3, 12):
            result.addDuration(test, told.took_s)
        if test:
            result.stopTest(test)


class _Listed(unittest.TestCase):
    """Stands for a test in the lists of a TestResult."""

    def __init__(self, entry: Entry) -> None:
        super().__init__("id")
        self._entry = entry

    def __str__(self) -> str:
        return self._entry.title

    def shortDescription(self) -> str | None:
        return self._entry.first_line


# ---- in the workers ---------------------------------------------------------------------------------------

class _Worker:
    """A worker process, as seen by the test runner. For a `with` block."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")      # a fork would also copy the locks of other threads
        self._connection, its_end = context.Pipe()
        self._process = context.Process(target=_work, args=(its_end,), daemon=True)
        self._process.start()
        its_end.close()             # so that ours ends when the worker does

    def __enter__(self) -> _Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()
        self._process.join()

    def run(self, names: list[str], tell: Callable[[Told], None]) -> None:
        """Runs the tests of one class; EOFError if the worker ends with them."""
        self._connection.send(names)
        for told in iter(self._connection.recv, None):
            tell(told)


def _work(connection: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)        # Ctrl-C ends the test runner, and that ends us
    if not sys.warnoptions:
        warnings.simplefilter("default")                # as `python3 -m unittest` does
    try:
        while True:
            suite = unittest.defaultTestLoader.loadTestsFromNames(connection.recv())
            teller = _Teller(connection.send)
            suite.run(teller)
            teller.tell()
            connection.send(None)
    except (EOFError, OSError):
        pass        # no more classes, or no more test runner


class _Teller(unittest.TestResult):
    """Tells of each test when it has ended."""

    def __init__(self, tell: Callable[[Told], None]) -> None:
        super().__init__()
        self._tell = tell
        self._counts = dict.fromkeys(_LISTS, 0)         # how many entries of each list have been told
        self._running = ""              # the id of the test that has been started
        self._began_at = 0.0

    def startTest(self, test: unittest.TestCase) -> None:
        self.tell()
        super().startTest(test)
        self._running, self._began_at = test.id(), time.monotonic()

    def stopTest(self, test: unittest.TestCase) -> None:
        super().stopTest(test)
        self.tell()
        self._running = ""

    def tell(self) -> None:
        """Tells of the test that has been running, or of what was listed without one: a class that is skipped."""
        entries = list(self._new_entries())
        if self._running or entries:
            self._tell(Told(self._running, entries, time.monotonic() - self._began_at))

    def _new_entries(self) -> Iterator[Entry]:
        lists: dict[str, list[Any]] = {name: getattr(self, name) for name in _LISTS}
        lists["unexpectedSuccesses"] = [(test, "") for test in self.unexpectedSuccesses]
        for kind, pairs in lists.items():
            for test, text in pairs[self._counts.get(kind, 0):]:
                yield Entry(kind, str(test), test.shortDescription(), text)
            self._counts[kind] = len(pairs)


# ---- loading ----------------------------------------------------------------------------------------------

def side_by_side(tests: unittest.TestSuite) -> unittest.TestSuite:
    """The same tests; if several classes of them start processes, as a suite that runs these side by side."""
    here: list[unittest.TestCase] = []
    classes: dict[type, list[unittest.TestCase]] = {}
    for test in _flat(tests):
        if type(test).__module__.startswith("tests.system."):
            classes.setdefault(type(test), []).append(test)
        else:
            here.append(test)
    return SideBySide(here, classes.values()) if len(classes) > 1 else tests


def _flat(tests: unittest.TestCase | unittest.TestSuite) -> Iterator[unittest.TestCase]:
    if isinstance(tests, unittest.TestSuite):
        for part in tests:
            yield from _flat(part)
    else:
        yield tests
