"""One clock for all processes of a machine."""

from __future__ import annotations

import subprocess
import sys
import time
import unittest

from ponte.process.shared_clock import clock_of, shared_s


class SharedClock(unittest.TestCase):
    def test_another_process_has_the_same_time(self) -> None:
        before = shared_s()
        said = subprocess.run([sys.executable, "-S", "-c", "from ponte.process.shared_clock import "
                               "shared_s; print(shared_s())"], capture_output=True, text=True,
                              check=True).stdout
        self.assertTrue(before < float(said) < shared_s(), said)

    def test_an_old_python_begins_at_0_where_the_system_is_not_asked(self) -> None:
        for platform, version, is_shared in (
                ("linux", (3, 9), True), ("linux", (3, 13), True), ("win32", (3, 9), False),
                ("win32", (3, 10), True), ("darwin", (3, 9), False), ("darwin", (3, 13), True)):
            with self.subTest(platform, version=version):
                self.assertEqual(is_shared, clock_of(platform, version) is time.perf_counter)

    @unittest.skipUnless(sys.platform in ("win32", "darwin"), "Linux needs no other clock")
    def test_the_clock_of_an_old_python_is_that_of_a_new_one(self) -> None:
        old, new = clock_of(sys.platform, (3, 9)), clock_of(sys.platform, (3, 10))
        if sys.version_info >= (3, 10):
            self.assertLess(abs(old() - new()), 1.0)
        self.assertLessEqual(old(), old())


if __name__ == "__main__":
    unittest.main()
