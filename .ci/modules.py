"""The tests of some modules, one module after the other, in this process: for suite.py.

    python3 .ci/modules.py FOLDER SECONDS MODULE...

Several processes get the same list. A module belongs to the process that could make the file
MODULE.taken in FOLDER. How its tests ended stands in MODULE.json. If a module takes more than
SECONDS, the stacks of all threads are printed, and the process ends. This file runs on each Python
from 3.9 on, on each system.
"""

from __future__ import annotations

import contextlib
import faulthandler
import json
import os
import sys
import time
import unittest
from typing import NamedTuple

# This line comes before the output of a module, with its name.
BEGINS = "==== module "


class Report(NamedTuple):
    """How the tests of a module ended. `skipped` has the name of each test, and the reason."""

    module: str
    tests: int
    failed: int
    skipped: list[tuple[str, str]]
    took_s: float


def _taken(folder: str, module: str) -> str:
    return os.path.join(folder, module + ".taken")


def _report(folder: str, module: str) -> str:
    return os.path.join(folder, module + ".json")


def take(folder: str, module: str) -> bool:
    """Makes the module ours. Returns False if another process was first."""
    try:
        with open(_taken(folder, module), "x", encoding="ascii"):
            return True
    except FileExistsError:
        return False


def was_taken(folder: str, module: str) -> bool:
    return os.path.exists(_taken(folder, module))


def take_back(folder: str, module: str) -> None:
    """Gives a module whose process has died to the next process."""
    os.remove(_taken(folder, module))


def read_report(folder: str, module: str) -> Report | None:
    """How the tests of a module ended; None if its process died before."""
    with contextlib.suppress(FileNotFoundError), \
            open(_report(folder, module), encoding="ascii") as file:
        return Report(*json.load(file))
    return None


def run(module: str, timeout_s: float) -> Report:
    """Runs the tests of a module. unittest prints the name of each before it begins."""
    began = time.monotonic()
    faulthandler.dump_traceback_later(timeout_s, exit=True)
    tests = unittest.defaultTestLoader.loadTestsFromName(module)
    result = unittest.TextTestRunner(verbosity=2).run(tests)
    faulthandler.cancel_dump_traceback_later()
    failed = len(result.failures) + len(result.errors) + len(result.unexpectedSuccesses)
    skipped = [(test.id(), reason) for test, reason in result.skipped]
    return Report(module, result.testsRun, failed, skipped, time.monotonic() - began)


def main(folder: str, timeout_s: float, modules: list[str]) -> None:
    # Python has put the folder of this file there; the tests are below the current one.
    sys.path[0] = os.getcwd()
    for module in modules:
        if take(folder, module):
            print(f"{BEGINS}{module}", flush=True)
            report = run(module, timeout_s)
            with open(_report(folder, module), "w", encoding="ascii") as file:
                json.dump(report, file)


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]), sys.argv[3:])
