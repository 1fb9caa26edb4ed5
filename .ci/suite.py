"""Runs the tests, module by module, in several processes side by side, on any Python.

    python3 .ci/suite.py --python python3.13 --processes 2 --without tests/system

It runs the tests of the folder in which it is started. Each process takes the next module that no
process has taken, until none is left. The output of a module stays together, and is printed if a
test of it fails. A module that takes too long is named, with the stacks of its threads,
and a new process goes on with the rest. The last lines name every test that was skipped, with the
reason, and the slowest modules.

With --wine FOLDER the process N lives in the Wine prefix FOLDER/N. A module runs again if Wine has
failed (wine.py); and where a few modules failed beside others, each of them has another run alone.
"""

from __future__ import annotations

import argparse
import collections
import os
import queue
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence

from modules import BEGINS, Report, read_report, take_back, was_taken
from wine import WINE_FAILED

HERE = os.path.dirname(os.path.abspath(__file__))
MODULES, WINE = os.path.join(HERE, "modules.py"), os.path.join(HERE, "wine.py")
# Seconds for one module.
MODULE_S = 240.0
# Seconds for everything: a run that hangs in a way of its own ends, too.
TOTAL_S = 1200.0
# Seconds after those of a module until a process is killed that did not end itself.
PATIENCE_S = 20.0
# They take longest, and so they begin first.
FIRST = ("tests.system.test_failures", "tests.system.test_engines", "tests.system.test_unknown",
         "tests.system.test_demo", "tests.system.test_many_clients", "tests.system.test_drain",
         "tests.system.test_clients", "tests.system.test_chaos", "tests.net.test_tls",
         "tests.course.test_load_balancing")
# What Python prints where something is left open and no test can fail by it, as in a destructor.
LEFT_OPEN = re.compile("ResourceWarning: (unclosed|subprocess|Implicitly)")
# So often a module runs again because Wine has failed.
MORE_CHANCES = 2
# Under Wine, where each start of a process takes seconds, a test may fail because others had the
# processor. At most so many modules run once more, each of them alone, and then count.
MOST_ALONE = 5
# How the reason of a skip begins where Wine cannot do what Windows can, and how many may.
BECAUSE_OF_WINE = "not under Wine"
MOST_BECAUSE_OF_WINE = 9
# How the reason of any skip begins (tests/windows.py). The last ones name what a computer lacks.
# In other words, nobody would count what Wine cannot do: a new beginning is added here, in sight.
REASONS = ("not on Windows: ", f"{BECAUSE_OF_WINE}: ", "needs the command ",
           "needs Python ", "needs Linux", "needs network namespaces", "needs /dev/full")
# So many modules that took longest are named at the end.
SLOWEST_SHOWN = 5
# So many lines at the end of what a failed module printed.
LINES_SHOWN = 400


def all_modules(without: Sequence[str]) -> list[str]:
    """The modules of tests of this folder, FIRST first; none of the folders or files `without`."""
    found = []
    for folder, _, files in os.walk("tests"):
        for name in files:
            path = f"{folder}/{name}".replace(os.sep, "/")
            if name.startswith("test_") and name.endswith(".py") \
                    and not any(path == each or path.startswith(each + "/") for each in without):
                found.append(path[:-3].replace("/", "."))
    return [each for each in FIRST if each in found] + sorted(set(found) - set(FIRST))


class Process:
    """One of the processes: starts Python, reads what it prints, and starts it again if need be."""

    def __init__(self, number: int, asked: argparse.Namespace, modules: Sequence[str], folder: str,
                 ended: queue.Queue[tuple[Report, list[str]]]) -> None:
        wine = [sys.executable, WINE, f"{asked.wine}/{number}"] if asked.wine else []
        self._command = [*wine, asked.python, "-X", "faulthandler", "-W", "error::ResourceWarning",
                         MODULES, folder, str(asked.seconds), *modules]
        self._timeout_s = asked.seconds + PATIENCE_S
        self._modules, self._folder, self._ended = modules, folder, ended
        # How often modules have run again.
        self._chances: collections.Counter[str] = collections.Counter()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def is_running(self) -> bool:
        return self._thread.is_alive()

    def _run(self) -> None:
        while not all(was_taken(self._folder, module) for module in self._modules):
            if not self._run_once():
                break

    def _run_once(self) -> bool:
        """Runs modules until the process ends. Returns whether it began any."""
        process = subprocess.Popen(self._command, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        assert process.stdout
        printed: list[str] = []
        module, began = "", time.monotonic()
        watch = threading.Timer(0, str)
        for raw in process.stdout:
            line = raw.decode("utf-8", "replace").rstrip()
            if line.startswith(BEGINS):
                watch.cancel()
                self._close(module, printed, began)
                module, printed, began = line[len(BEGINS):], [], time.monotonic()
                watch = threading.Timer(self._timeout_s, process.terminate)
                watch.start()
            else:
                printed.append(line)
        watch.cancel()
        process.stdout.close()
        self._close(module, printed, began, process.wait() == WINE_FAILED)
        if not module:
            print("\n".join(["no module could be run:", *printed[-LINES_SHOWN:]]), flush=True)
        return bool(module)

    def _close(self, module: str, printed: list[str], began: float,
               wine_failed: bool = False) -> None:
        """The output of a module is whole: it has ended, or its process has."""
        if not module:
            return
        report = read_report(self._folder, module)
        if not report and wine_failed and self._chances[module] < MORE_CHANCES:
            print(f"again    {module}: Wine failed", flush=True)
            self._chances[module] += 1
            take_back(self._folder, module)
            return
        died = Report(module, 0, 1, [], time.monotonic() - began)
        self._ended.put((report or died, printed))


def show(report: Report, printed: Sequence[str]) -> bool:
    """Prints how a module ended, and what it printed if it failed. Returns whether it passed."""
    left_open = any(LEFT_OPEN.search(line) for line in printed)
    passed = not report.failed and not left_open
    print(f"{'ok' if passed else 'FAILED':8} {report.module}: {report.tests} tests, "
          f"{len(report.skipped)} skipped, {report.took_s:.1f} s", flush=True)
    if not passed:
        for line in printed[-LINES_SHOWN:]:
            print(f"    {line}")
        if left_open:
            print("    a ResourceWarning: something was left open")
        print(flush=True)
    return passed


def run(asked: argparse.Namespace, modules: Sequence[str]) -> bool:
    """Runs the modules, prints how they end, and returns whether all of them passed."""
    began = time.monotonic()
    reports: dict[str, Report] = {}
    passed: dict[str, bool] = {}

    def run_these(these: Sequence[str], processes: int) -> None:
        ended: queue.Queue[tuple[Report, list[str]]] = queue.Queue()
        with tempfile.TemporaryDirectory(prefix="ponte-suite-") as folder:
            running = [Process(number, asked, these, folder, ended)
                       for number in range(1, processes + 1)]
            while time.monotonic() - began < TOTAL_S:
                is_last_look = not any(process.is_running() for process in running)
                try:
                    report, printed = ended.get(timeout=0.2)
                except queue.Empty:
                    if is_last_look:
                        break
                    continue
                reports[report.module] = report
                passed[report.module] = show(report, printed)

    run_these(modules, asked.processes)
    failed = [module for module in modules if not passed.get(module, True)]
    if asked.wine and 0 < len(failed) <= MOST_ALONE:
        print(f"\nOnce more, one after the other, with all of the processor: {' '.join(failed)}")
        run_these(failed, 1)
    return (summed_up([*reports.values()], modules, time.monotonic() - began)
            and all(passed.values()))


def summed_up(reports: Sequence[Report], modules: Sequence[str], took_s: float) -> bool:
    """Prints skips and sums. Returns whether each module ended, and each skip has a good reason."""
    skipped = sorted((reason, test) for report in reports for test, reason in report.skipped)
    because_of_wine = [test for reason, test in skipped if reason.startswith(BECAUSE_OF_WINE)]
    print("\nSkipped:" if skipped else "\nNothing was skipped.")
    shown = ""
    for reason, test in skipped:
        if reason != shown:
            print(f"  {reason}")
        print(f"      {test}")
        shown = reason
    slowest = sorted(reports, key=lambda report: -report.took_s)[:SLOWEST_SHOWN]
    print("Slowest:", ", ".join(f"{each.module} {each.took_s:.0f} s" for each in slowest))
    missing = sorted(set(modules) - {report.module for report in reports})
    for module in missing:
        print(f"NOT RUN  {module}")
    print(f"{sum(report.tests for report in reports)} tests in {len(reports)} modules: "
          f"{sum(report.failed for report in reports)} failed, {len(skipped)} skipped, "
          f"{len(because_of_wine)} of them because of Wine; {took_s:.0f} s", flush=True)
    other_words = sorted({reason for reason, _ in skipped if not reason.startswith(REASONS)})
    for reason in other_words:
        print(f"FAILED: no reason of a skip may begin so: {reason}")
    if len(because_of_wine) > MOST_BECAUSE_OF_WINE:
        print(f"FAILED: at most {MOST_BECAUSE_OF_WINE} tests may be skipped because of Wine")
    return (bool(reports) and not missing and not other_words
            and len(because_of_wine) <= MOST_BECAUSE_OF_WINE)


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description="Runs the tests of this folder.")
    parser.add_argument("modules", nargs="*", metavar="MODULE", help="only these")
    parser.add_argument("--python", default=sys.executable, metavar="COMMAND")
    parser.add_argument("--processes", type=int, default=2, metavar="N")
    parser.add_argument("--wine", default="", metavar="FOLDER", help="of the Wine prefixes")
    parser.add_argument("--without", action="append", default=[], metavar="PATH",
                        help="leave out this file, or the tests of this folder")
    parser.add_argument("--seconds", type=float, default=MODULE_S, metavar="S",
                        help="for one module (default: %(default)g)")
    asked = parser.parse_args(arguments)
    modules = asked.modules or all_modules(asked.without)
    return 0 if run(asked, modules) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
