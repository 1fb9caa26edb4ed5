"""The suite prints one line for each module: its time, its number of tests, whether one failed."""

from __future__ import annotations

import io
import re
import unittest
import unittest.mock
from collections.abc import Sequence

from tests.house import outcomes
from tests.house.test_side_by_side import tests_of
from tests.side_by_side import SideBySide

QUIET, NORMAL, VERBOSE = range(3)


def module(name: str, case: type[unittest.TestCase] = outcomes.Passing) -> list[unittest.TestCase]:
    """The tests of a class as if it stood in a module of that name."""
    return tests_of(type(case.__name__, (case,), {"__module__": name}))


def printed(suite: unittest.TestSuite, verbosity: int = NORMAL) -> str:
    """What `python3 -m unittest` prints of a suite, with "?" for each time."""
    stream = io.StringIO()
    unittest.TextTestRunner(stream, verbosity=verbosity).run(unittest.TestSuite([suite]))
    return re.sub(r" *\d+\.\d+ ?s", "? s", stream.getvalue())


def lines(*here: list[unittest.TestCase], elsewhere: Sequence[list[unittest.TestCase]] = (),
          verbosity: int = NORMAL) -> list[str]:
    """The lines of progress among what is printed."""
    suite = SideBySide([test for tests in here for test in tests], elsewhere, workers=1)
    return [line for line in printed(suite, verbosity).splitlines() if line.startswith("? s")]


class Lines(unittest.TestCase):
    def test_each_module_has_a_line_in_the_order_of_their_ends(self) -> None:
        self.assertEqual(lines(module("tests.one"), module("tests.two", outcomes.Skipped)),
                         ["? s    1 test   tests.one", "? s    1 test   tests.two"])

    def test_the_classes_of_a_module_share_a_line(self) -> None:
        both = module("tests.one") + module("tests.one", outcomes.Skipped)
        self.assertEqual(lines(both), ["? s    2 tests  tests.one"])

    def test_so_do_classes_that_run_in_workers(self) -> None:
        """The line is printed when the last class of the module has ended."""
        elsewhere = [tests_of(outcomes.Passing), tests_of(outcomes.Skipped)]
        self.assertEqual(lines(elsewhere=elsewhere), ["? s    2 tests  tests.house.outcomes"])

    def test_a_module_with_a_failure_says_so(self) -> None:
        """Only that module, here and in a worker."""
        self.assertEqual(lines(module("tests.one", outcomes.Mixed), module("tests.two")),
                         ["? s    7 tests  tests.one  FAILED", "? s    1 test   tests.two"])
        self.assertEqual(lines(elsewhere=[tests_of(outcomes.NoSetUp)]),
                         ["? s    1 test   tests.house.outcomes  FAILED"])

    def test_a_class_that_cannot_be_torn_down_is_a_failure_of_its_module(self) -> None:
        """Not of the module after it."""
        def fail(_: type) -> None:
            raise OSError("no tear-down")

        broken = type("Broken", (outcomes.Passing,), {"tearDownClass": classmethod(fail)})
        self.assertEqual(lines(module("tests.one", broken), module("tests.two")),
                         ["? s    1 test   tests.one  FAILED", "? s    1 test   tests.two"])

    def test_a_line_is_not_a_test(self) -> None:
        suite = SideBySide(module("tests.one") + module("tests.two"), [])
        self.assertIn("Ran 2 tests in", printed(suite))


class Screen(unittest.TestCase):
    def suite(self) -> unittest.TestSuite:
        return SideBySide(module("tests.one"), [tests_of(outcomes.Ending)], workers=1)

    def test_no_dots_are_printed_between_the_lines(self) -> None:
        """With no option and with -q. The usual report follows."""
        wanted = ["? s    1 test   tests.one", "? s    1 test   tests.house.outcomes", "-" * 70,
                  "Ran 2 tests in? s", "", "OK"]
        self.assertEqual(printed(self.suite(), QUIET).splitlines(), wanted)
        self.assertEqual(printed(self.suite(), NORMAL).splitlines(), [*wanted[:2], "", *wanted[2:]])

    def test_with_v_each_test_has_a_line_too(self) -> None:
        screen = printed(self.suite(), VERBOSE).splitlines()
        self.assertEqual([line.partition(" ")[0] for line in screen[:4]],
                         ["test_pass", "?", "test_ends_its_process", "?"])

    def test_where_the_result_has_no_stream_the_lines_go_to_standard_error(self) -> None:
        """Other tools that run tests bring their own results."""
        result = unittest.TestResult()
        with unittest.mock.patch("sys.stderr", io.StringIO()) as err:
            SideBySide(module("tests.one"), []).run(result)
        self.assertEqual(result.testsRun, 1)
        self.assertIn("tests.one", err.getvalue())


if __name__ == "__main__":
    unittest.main()
