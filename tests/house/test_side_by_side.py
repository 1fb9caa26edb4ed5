"""Tests that run in a worker process are reported as if they had run in the test runner."""

from __future__ import annotations

import io
import os
import re
import unittest
from unittest import mock

from tests.house import outcomes
from tests.side_by_side import SideBySide, WorkerEnd, side_by_side

CLASSES = [outcomes.NoSetUp, outcomes.Skipped, outcomes.Mixed]


def tests_of(case: type[unittest.TestCase]) -> list[unittest.TestCase]:
    return [case(name) for name in unittest.defaultTestLoader.getTestCaseNames(case)]


def report(*parts: unittest.TestSuite) -> str:
    """What the runner prints about suites at the end.

    Without times, without the lines of unittest's own code in tracebacks, and without the dots and
    lines of progress before it.
    """
    stream = io.StringIO()
    unittest.TextTestRunner(stream).run(unittest.TestSuite(parts))
    text = re.sub(r"\d+\.\d+s", "? s", stream.getvalue())
    text = re.sub(r'  File "[^"]*unittest[^"]*".*\n(    .*\n)*', "", text)
    return re.split(r"^(?=[=-]{70}$)", text, maxsplit=1, flags=re.MULTILINE)[1]


class Reports(unittest.TestCase):
    maxDiff = None

    def test_every_outcome_is_reported_as_plain_unittest_does(self) -> None:
        """Passes, failures, errors, skips, subtests, expected failures, and failing set-ups."""
        plain = report(unittest.TestSuite(test for case in CLASSES for test in tests_of(case)))
        apart = report(SideBySide([], [tests_of(case) for case in CLASSES], workers=1))
        self.assertEqual(apart, plain)
        self.assertIn("FAILED (failures=3, errors=2, skipped=2, expected failures=1, "
                      "unexpected successes=1)", apart)

    def test_a_class_that_ends_its_worker_is_an_error(self) -> None:
        """No test is lost without a report."""
        with mock.patch.dict(os.environ, {outcomes.ENDING: "1"}):
            self.assertIn("FAILED (errors=1)",
                          report(SideBySide([], [tests_of(outcomes.Ending)])))

    def test_what_runs_here_is_reported_together_with_the_others(self) -> None:
        suite = SideBySide(tests_of(outcomes.Passing), [tests_of(outcomes.Ending)])
        self.assertRegex(report(suite), "Ran 2 tests in .*\n\nOK")

    def test_when_nothing_is_left_to_run_here_one_more_worker_begins(self) -> None:
        """Only if it would find a class to run."""
        begun = []

        def employ(suite: SideBySide) -> None:
            begun.append(suite)
            if takes_all:
                while not suite._classes.empty():
                    suite._classes.get()
            suite._messages.put(WorkerEnd())

        classes = [tests_of(case) for case in CLASSES]
        for here, takes_all, workers in (
                (tests_of(outcomes.Passing), False, 3), (tests_of(outcomes.Passing), True, 2),
                ([], False, 2)):
            with self.subTest(here=here, takes_all=takes_all), \
                    mock.patch.object(SideBySide, "_employ", employ):
                begun.clear()
                SideBySide(here, classes, workers=2).run(unittest.TestResult())
                self.assertEqual(len(begun), workers)

    def test_only_classes_that_start_processes_go_elsewhere_and_not_one_alone(self) -> None:
        """A suite with one such class, or with unit tests only, runs without workers."""
        started = [type(name, (outcomes.Passing,), {"__module__": "tests.system.test_x"})
                   for name in ("One", "Two")]
        for cases, kind in (([outcomes.Mixed, outcomes.Passing], unittest.TestSuite),
                            ([outcomes.Mixed, started[0]], unittest.TestSuite),
                            (started, SideBySide)):
            tests = unittest.TestSuite(test for case in cases for test in tests_of(case))
            suite = side_by_side(tests)
            self.assertIs(type(suite), kind)
            self.assertEqual(suite.countTestCases(), tests.countTestCases())


if __name__ == "__main__":
    unittest.main()
