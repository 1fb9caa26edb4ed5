"""Runs the unit tests with a clock as coarse as that of Windows, on any system.

    python3 -m tests.coarse_clock                            all unit tests that look at the clock
    python3 -m tests.coarse_clock tests.test_heartbeat       these modules, classes or tests

Up to Python 3.12, `time.monotonic` and `time.time` go on in steps of a sixty-fourth of a second on
Windows. So two events may have the same time, what has just begun is 0 s old, and a wait of 50 ms
may seem to end after 47 ms.
"""

from __future__ import annotations

import math
import queue
import sys
import threading
import time
import unittest
from typing import Callable

from tests.side_by_side import flat, side_by_side

# Seconds: 64 steps a second.
STEP_S = 1 / 64
STEP_NS = 10 ** 9 // 64
# Left out: tests of processes, which have a clock of their own; tests that are handed the time, or
# look at no clock; and those of abuse, which are slow, of engines that other tests look at, too.
LEFT_OUT = ("tests.abuse.", "tests.bench.", "tests.calls.", "tests.house.", "tests.lab.",
            "tests.rpc.", "tests.system.", "tests.test_simulation.",
            "tests.classroom.test_next_command.", "tests.discovery.test_two_of_one_name.",
            "tests.net.test_tls.Processes.")


def coarse(clock: Callable[[], float]) -> Callable[[], float]:
    """The same clock, in steps."""
    return lambda: math.floor(clock() / STEP_S) * STEP_S


def make_clocks_coarse() -> None:
    """From now on, in this process."""
    info, now_ns = time.get_clock_info("monotonic"), time.time_ns
    info.resolution = STEP_S
    time.time, time.monotonic = coarse(time.time), coarse(time.monotonic)
    time.time_ns = lambda: now_ns() // STEP_NS * STEP_NS
    time.get_clock_info = lambda name: info
    # These have taken the function already.
    threading._time = queue.time = time.monotonic  # type: ignore[attr-defined]


def unit_tests() -> unittest.TestSuite:
    """All tests but those that are left out."""
    found = unittest.defaultTestLoader.discover("tests", top_level_dir=".")
    return side_by_side(unittest.TestSuite(
        test for test in flat(found) if not test.id().startswith(LEFT_OUT)))


def main() -> int:
    """Runs the tests. The exit code is 1 if one has failed."""
    names = sys.argv[1:]
    suite = unittest.defaultTestLoader.loadTestsFromNames(names) if names else unit_tests()
    return int(not unittest.TextTestRunner().run(suite).wasSuccessful())


# The second name is that of the same module in the workers of tests/side_by_side.py.
if __name__ in ("__main__", "__mp_main__"):
    make_clocks_coarse()
if __name__ == "__main__":
    sys.exit(main())
