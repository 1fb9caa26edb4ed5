""".ci/suite.py: what a failed, a hanging and a skipped test make of a run of many modules.

It is about CI alone: so it is run by its name, `python3 -m unittest tests.house.suite`.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import textwrap
import unittest

from tests.house.pages import ROOT
from tests.windows import windows_cannot

# Seconds for a run of a few modules: one that hangs fails.
TOTAL_S = 60
PASSES = "def test_one(self): pass"
TAKES_LONG = "def test_slow(self): import time; time.sleep(0.6)"
HANGS = "def test_hang(self): import threading; threading.Event().wait()"
LEAVES_OPEN = "def test_open(self): open(__file__)"
FAILS = "def test_fail(self): self.fail('as it should')"
FAILS_ONCE = """def test_fail(self):
    import os
    os.path.exists('failed') or (open('failed', 'x').close(), self.fail('the first time'))
"""
# What becomes of a program when the wineserver has ended: its first thread ends, the others hang,
# and so do the programs that it has started. The next time it passes.
FREEZES_ONCE = """def test_freeze(self):
    import ctypes, os, subprocess, threading, time
    if os.path.exists('frozen'):
        return
    for name in ('frozen', 'began'):
        open(name, 'x').close()
    subprocess.Popen(['sleep', '99'])
    threading.Thread(target=time.sleep, args=(99,), daemon=True).start()
    ctypes.CDLL(None).pthread_exit(None)
"""
FREEZES = """def test_freeze(self):
    import threading
    open('began', 'x').close()
    threading.Event().wait()
"""
# A wineserver that ends as soon as a test has begun.
WINESERVER = """#!/bin/sh
[ "$1" = -w ] || exit 0
until rm began 2>/dev/null; do sleep 0.1; done
"""


def skipped(count: int, reason: str = "not under Wine: no such thing") -> str:
    """So many tests that are skipped."""
    return "\n".join(f"@unittest.skip({reason!r})\ndef test_{number}(self): 0"
                     for number in range(count))


@windows_cannot("what runs it in CI runs on Linux")
class Suite(unittest.TestCase):
    def run_suite(self, *bodies: str, seconds: float = 60,
                  wineserver: str = "") -> tuple[int, str]:
        """Runs a module for each body of a class of tests; the exit code, and what is printed.

        With a script for the command `wineserver`, as if it were under Wine.
        """
        with tempfile.TemporaryDirectory() as folder:
            os.mkdir(os.path.join(folder, "tests"))
            for number, body in enumerate(("", *bodies)):
                name = f"test_{number}.py" if number else "__init__.py"
                text = ("import unittest\n\nclass Cases(unittest.TestCase):\n"
                        + textwrap.indent(body, "    ")) if number else ""
                with open(os.path.join(folder, "tests", name), "w", encoding="utf-8") as file:
                    file.write(text)
            command = [sys.executable, os.path.join(ROOT, ".ci", "suite.py"),
                       "--seconds", str(seconds)]
            if wineserver:
                command += ["--wine", folder, "--processes", "1"]
                with open(os.path.join(folder, "wineserver"), "w", encoding="utf-8") as file:
                    file.write(wineserver)
                os.chmod(file.name, 0o700)
            path = os.pathsep.join((folder, os.environ["PATH"]))
            ended = subprocess.run(command, cwd=folder, env={**os.environ, "PATH": path},
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
                                   timeout=TOTAL_S)
        return ended.returncode, ended.stdout.decode("utf-8", "replace")

    def test_modules_that_pass_are_counted(self) -> None:
        code, printed = self.run_suite(PASSES, PASSES, PASSES)
        self.assertEqual(code, 0, printed)
        self.assertIn("3 tests in 3 modules: 0 failed", printed)

    def test_what_a_failed_module_printed_stays_together(self) -> None:
        code, printed = self.run_suite(FAILS, PASSES)
        self.assertEqual(code, 1)
        self.assertRegex(printed, "(?s)FAILED   tests.test_1: .*AssertionError: as it should")
        self.assertIn("ok       tests.test_2", printed)

    def test_something_left_open_fails(self) -> None:
        code, printed = self.run_suite(LEAVES_OPEN)
        self.assertEqual(code, 1)
        self.assertIn("ResourceWarning", printed)

    def test_a_module_that_hangs_is_named_with_its_stacks_and_the_rest_goes_on(self) -> None:
        code, printed = self.run_suite(HANGS, HANGS, PASSES, seconds=2)
        self.assertEqual(code, 1)
        self.assertRegex(printed, r"(?s)FAILED   tests.test_1: .*in test_hang")
        self.assertIn("ok       tests.test_3", printed)

    def test_skipped_tests_are_named_and_wine_excuses_nine(self) -> None:
        for count, wanted in ((9, 0), (10, 1)):
            with self.subTest(count):
                code, printed = self.run_suite(skipped(count))
                self.assertEqual(code, wanted, printed)
                self.assertIn("tests.test_1.Cases.test_8", printed)

    def test_a_skip_gives_one_of_the_known_reasons(self) -> None:
        """In other words, Wine would be an excuse that nobody counts."""
        for reason, wanted in (("not on Windows: no fork", 0), ("needs Linux", 0),
                               ("needs the command curl", 0), ("needs Python 3.11", 0),
                               ("Wine cannot do this", 1), ("not on Windows", 1)):
            with self.subTest(reason):
                code, printed = self.run_suite(skipped(1, reason))
                self.assertEqual(code, wanted, printed)
                self.assertEqual(f"FAILED: no reason of a skip may begin so: {reason}\n" in printed,
                                 bool(wanted))

    def test_the_slowest_modules_are_named(self) -> None:
        _, printed = self.run_suite(PASSES, TAKES_LONG, PASSES)
        self.assertRegex(printed, r"\nSlowest: tests.test_2 [1-9]\d* s, tests.test_\d 0 s, ")

    def test_a_module_runs_again_where_wine_has_failed(self) -> None:
        """Its processes are ended, also those that hold the output open; but not for ever."""
        for body, wanted, again in ((FREEZES_ONCE, 0, 1), (FREEZES, 1, 4)):
            with self.subTest(wanted):
                code, printed = self.run_suite(body, wineserver=WINESERVER)
                self.assertEqual(code, wanted, printed)
                self.assertEqual(printed.count("again    tests.test_1: Wine failed"), again)
                self.assertIn("FAILED   tests.test_1" if wanted else "ok       tests.test_1",
                              printed)

    def test_under_wine_a_module_that_failed_has_another_run_alone(self) -> None:
        """And then it must pass."""
        code, printed = self.run_suite(FAILS_ONCE, PASSES, wineserver=WINESERVER)
        self.assertEqual(code, 0, printed)
        self.assertRegex(printed, r"(?s)FAILED   tests\.test_1: .*\n"
                                  r"Once more, [^\n]*: tests\.test_1\n"
                                  r"ok       tests\.test_1: .*2 tests in 2 modules: 0 failed")
        for body, wineserver in ((FAILS, WINESERVER), (FAILS_ONCE, "")):
            code, printed = self.run_suite(body, wineserver=wineserver)
            self.assertEqual(code, 1, printed)
            self.assertEqual("Once more" in printed, bool(wineserver))
