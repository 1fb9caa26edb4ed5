"""Test classes with every outcome that a test can have: used by test_side_by_side.py."""

from __future__ import annotations

import os
import unittest

# With this in the environment, the class Ending ends its process.
ENDING = "PONTE_TEST_ENDING"


class Mixed(unittest.TestCase):
    def test_error(self) -> None:
        """It raises."""
        raise ValueError("an error")

    @unittest.expectedFailure
    def test_expected_failure(self) -> None:
        self.fail("as expected")

    def test_failure(self) -> None:
        self.assertEqual([1, 2], [1, 3], "a failure")

    def test_pass(self) -> None:
        """It passes."""

    @unittest.skip("a reason")
    def test_skip(self) -> None:
        self.fail()

    def test_subtests(self) -> None:
        for number in range(4):
            with self.subTest("a subtest", number=number):
                self.assertEqual(number % 2, 0)

    @unittest.expectedFailure
    def test_unexpected_success(self) -> None:
        pass


class NoSetUp(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        raise OSError("no set-up")

    def test_never(self) -> None:
        self.fail()


@unittest.skip("all of it")
class Skipped(unittest.TestCase):
    def test_never(self) -> None:
        self.fail()


class Passing(unittest.TestCase):
    def test_pass(self) -> None:
        pass


class Ending(unittest.TestCase):
    def test_ends_its_process(self) -> None:
        if ENDING in os.environ:
            os._exit(1)
