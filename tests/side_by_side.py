"""Test classes side by side: classes that start processes mostly wait, so some of them run at once.

`python3 -m unittest` runs the unit tests in its own process. At the same time, worker processes run
the classes of the modules in WAITING: each free worker takes the next class. When the unit tests
have ended, one more worker takes their place. A worker sends a report of each test to the test
runner, which prints it as if the test had run here.

A named module (`python3 -m unittest tests.system.test_drain`) runs without workers. So does a
choice by -k, if its tests are of one such class. A worker imports the test modules anew, and would
set up the fixtures of a module for each of its classes: classes share nothing but the machine.

A worker ends when its connection to the test runner ends, and so also when the test runner is
killed. The processes that a worker has started end with the worker.
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
from functools import partial
from multiprocessing.connection import Connection
from typing import Any, Callable, NamedTuple, Union

from tests.progress import EndOfModule, Progress

# For two processors: with two workers, they had nothing to do for nearly half of the time. With
# many more, tests that look at the clock slow each other down.
WORKERS = 3
# Modules whose tests mostly wait, for processes or for functions that block: how their names begin.
WAITING = ("tests.system.", "tests.terminals.", "tests.abuse.", "tests.net.test_workers",
           "tests.net.test_tls", "tests.net.test_loop", "tests.net.test_engines",
           "tests.net.test_pool", "tests.net.test_drivers", "tests.test_server_functions",
           "tests.test_heartbeat", "tests.dashboard.test_collector", "tests.lab.test_strangers",
           "tests.test_registry", "tests.test_library",
           "tests.discovery.test_two_of_one_name", "tests.interop.grpc.test_door",
           "tests.course.")

# The lists of a TestResult that hold pairs of a test and a text.
_LISTS = ("failures", "errors", "skipped", "expectedFailures")
_BAD = ("failures", "errors", "unexpectedSuccesses")


class Entry(NamedTuple):
    """What a TestResult lists for a test or for one of its subtests."""

    # The name of the list.
    kind: str
    title: str
    # The first line of the docstring of the test.
    first_line: str | None
    text: str


class TestReport(NamedTuple):
    """The result of one test. Without entries, the test has passed.

    Where a class could not be set up, there is no test, and `test_id` is empty.
    """

    test_id: str
    entries: list[Entry]
    took_s: float = 0.0

    @property
    def failed(self) -> bool:
        return any(entry.kind in _BAD for entry in self.entries)


class ClassEnd(NamedTuple):
    """All tests of a class have ended in a worker."""

    module: str
    took_s: float
    failed: bool


class WorkerEnd(NamedTuple):
    """A worker has ended: it has found no more classes, or something has killed it."""


_Message = Union[TestReport, ClassEnd, WorkerEnd]


class _Class(NamedTuple):
    """A class that is to run in a worker."""

    module: str
    test_ids: list[str]


class _Module:
    """The classes of one module that run in workers, counted until the last one has ended."""

    def __init__(self) -> None:
        self.classes = 0
        self.tests = 0
        # The sum over the classes that have ended. They may have run at the same time.
        self.took_s = 0.0
        self.failed = False


class SideBySide(unittest.TestSuite):
    """Runs the tests `here` in this process, and at the same time each of `classes` in a worker."""

    def __init__(self, here: Iterable[unittest.TestCase],
                 classes: Collection[list[unittest.TestCase]], workers: int = WORKERS) -> None:
        self._workers = min(workers, len(classes))
        # The classes that no worker has taken yet.
        self._classes: queue.SimpleQueue[_Class] = queue.SimpleQueue()
        self._messages: queue.SimpleQueue[_Message] = queue.SimpleQueue()
        # The tests that run in workers by their ids, and their modules by name.
        self._elsewhere: dict[str, unittest.TestCase] = {}
        self._modules: dict[str, _Module] = {}
        for tests in classes:
            self._elsewhere.update((test.id(), test) for test in tests)
            name = type(tests[0]).__module__
            self._classes.put(_Class(name, [test.id() for test in tests]))
            module = self._modules.setdefault(name, _Module())
            module.classes += 1
            module.tests += len(tests)
        self._here: dict[str, list[unittest.TestCase]] = {}
        for test in here:
            self._here.setdefault(type(test).__module__, []).append(test)
        super().__init__([*(test for tests in self._here.values() for test in tests),
                          *self._elsewhere.values()])

    def run(self, result: unittest.TestResult, debug: bool = False) -> unittest.TestResult:
        with Progress(result) as progress:
            working = 0

            def begin_worker() -> None:
                nonlocal working
                threading.Thread(target=self._employ, daemon=True).start()
                working += 1

            def report_messages(wait: bool) -> None:
                """Reports what the workers have sent; if `wait`, until all of them have ended."""
                nonlocal working
                while working and not result.shouldStop and (wait or not self._messages.empty()):
                    message = self._messages.get()
                    if isinstance(message, TestReport):
                        self._report_test(message, result)
                    elif isinstance(message, ClassEnd):
                        self._report_class_end(message, progress)
                    else:
                        working -= 1

            def end_module(name: str, tests: int) -> None:
                progress.end_module(name, tests)
                report_messages(wait=False)
                progress.begin_module()

            for _ in range(self._workers):
                begin_worker()
            suite = unittest.TestSuite()
            for name, tests in self._here.items():
                suite.addTests(tests)
                suite.addTest(EndOfModule(partial(end_module, name, len(tests))))
            suite.run(result, debug)
            # This process has nothing more to run: one more worker takes its place.
            if self._here and not self._classes.empty():
                begin_worker()
            report_messages(wait=True)
        return result

    def _employ(self) -> None:
        """Has a worker run one class after the other. On a thread of its own."""
        try:
            with _Worker() as worker:
                while True:
                    self._run_class(worker, self._classes.get_nowait())
        except queue.Empty:
            # Every class has been taken.
            pass
        except Exception as error:
            entry = Entry("errors", "a worker process", None, f"it has ended: {error!r}")
            self._messages.put(TestReport("", [entry]))
        finally:
            self._messages.put(WorkerEnd())

    def _run_class(self, worker: _Worker, case: _Class) -> None:
        began_at, failed = time.monotonic(), False
        for report in worker.run(case.test_ids):
            self._messages.put(report)
            failed = failed or report.failed
        self._messages.put(ClassEnd(case.module, time.monotonic() - began_at, failed))

    def _report_class_end(self, end: ClassEnd, progress: Progress) -> None:
        module = self._modules[end.module]
        module.classes -= 1
        module.took_s += end.took_s
        module.failed = module.failed or end.failed
        if not module.classes:
            progress.write(end.module, module.tests, module.took_s, failed=module.failed)

    def _report_test(self, report: TestReport, result: unittest.TestResult) -> None:
        """Has the result list what it would have listed if the test had run here."""
        test = self._elsewhere.get(report.test_id)
        if test:
            result.startTest(test)
        for entry in report.entries:
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
                # The traceback is that of the worker, not the one of the line above.
                getattr(result, entry.kind)[-1] = (listed, entry.text)
        if test and not report.entries:
            result.addSuccess(test)
        if test and sys.version_info >= (3, 12):
            result.addDuration(test, report.took_s)
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


# ---- in the workers ------------------------------------------------------------------------------

class _Worker:
    """A worker process, as the test runner sees it. For a `with` block."""

    def __init__(self) -> None:
        # Not by a fork: it would also copy the locks that other threads hold.
        context = multiprocessing.get_context("spawn")
        self._connection, its_end = context.Pipe()
        self._process = context.Process(target=_work, args=(its_end,), daemon=True)
        self._process.start()
        # Only the worker holds its end now, so that our end sees when the worker ends.
        its_end.close()

    def __enter__(self) -> _Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()
        self._process.join()

    def run(self, test_ids: list[str]) -> Iterator[TestReport]:
        """Runs the tests of one class; EOFError if the worker ends before they do."""
        self._connection.send(test_ids)
        yield from iter(self._connection.recv, None)


def _work(connection: Connection) -> None:
    """What a worker does: runs the tests that are named to it, and sends a report of each."""
    # Ctrl-C ends the test runner, and the end of the connection ends the worker.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if not sys.warnoptions:
        # As `python3 -m unittest` does.
        warnings.simplefilter("default")
    try:
        while True:
            suite = unittest.defaultTestLoader.loadTestsFromNames(connection.recv())
            result = _SendingResult(connection.send)
            suite.run(result)
            result.send_report()
            connection.send(None)
    except (EOFError, OSError):
        # There are no more classes, or the test runner has ended.
        pass


class _SendingResult(unittest.TestResult):
    """Sends a report of each test when the test has ended."""

    def __init__(self, send: Callable[[TestReport], None]) -> None:
        super().__init__()
        self._send = send
        # How many entries of each list have been sent.
        self._sent = dict.fromkeys(_LISTS, 0)
        # The id of the test that runs, and when it began.
        self._running = ""
        self._began_at = 0.0

    def startTest(self, test: unittest.TestCase) -> None:
        self.send_report()
        super().startTest(test)
        self._running, self._began_at = test.id(), time.monotonic()

    def stopTest(self, test: unittest.TestCase) -> None:
        super().stopTest(test)
        self.send_report()
        self._running = ""

    def send_report(self) -> None:
        """Reports the test that runs, or what was listed without one: a class that is skipped."""
        entries = list(self._new_entries())
        if self._running or entries:
            self._send(TestReport(self._running, entries, time.monotonic() - self._began_at))

    def _new_entries(self) -> Iterator[Entry]:
        lists: dict[str, list[Any]] = {name: getattr(self, name) for name in _LISTS}
        lists["unexpectedSuccesses"] = [(test, "") for test in self.unexpectedSuccesses]
        for kind, pairs in lists.items():
            for test, text in pairs[self._sent.get(kind, 0):]:
                yield Entry(kind, str(test), test.shortDescription(), text)
            self._sent[kind] = len(pairs)


# ---- loading -------------------------------------------------------------------------------------

def side_by_side(tests: unittest.TestSuite) -> unittest.TestSuite:
    """The same tests; if several classes of them start processes, a suite that uses workers."""
    here: list[unittest.TestCase] = []
    classes: dict[type, list[unittest.TestCase]] = {}
    for test in flat(tests):
        if type(test).__module__.startswith(WAITING):
            classes.setdefault(type(test), []).append(test)
        else:
            here.append(test)
    # At the end of the alphabet are those that wait longest: were they last, the others would wait
    # for them.
    return SideBySide(here, [*classes.values()][::-1]) if len(classes) > 1 else tests


def flat(tests: unittest.TestCase | unittest.TestSuite) -> Iterator[unittest.TestCase]:
    if isinstance(tests, unittest.TestSuite):
        for part in tests:
            yield from flat(part)
    else:
        yield tests
