"""python3 -m tests.browser [NAME ...]: the live page in a real Chromium, held against the truth.

Each check starts `demo.py page` as a lecturer does, clicks and types in a headless Chromium, and
compares what the page says with what the processes say. With a NAME, only the checks with NAME in
their names run. One that fails beside others runs once more, alone: on two cores, some twenty busy
processes may keep a call waiting for longer than it has.

Root of a Debian system installs Chromium if it is missing. Elsewhere nothing is checked: that is
exit code 0, but with CI=true it is a failure.
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed

from ponte.process.characters import write_any
from ponte.process.options import PYTHON
from ponte.process.typed import here
from tests.browser import pictures
from tests.browser.all_checks import CHECKS
from tests.browser.checks import Check, Result, attempt
from tests.browser.chromium import Chromium
from tests.browser.install import install
from tests.netns.namespaces import exit_code_of_skipped

# Checks that run at the same time. Each has seven processes of its own, which mostly wait.
BESIDE = 3


def run_all(checks: Sequence[Check], beside: int) -> list[Result]:
    """Runs the checks, and prints a line for each as soon as it is known."""
    results: list[Result] = []
    with Chromium() as chromium:
        print(chromium.version, flush=True)
        with ThreadPoolExecutor(beside) as pool:
            futures = [pool.submit(attempt, each, chromium) for each in checks if not each.alone]
            for future in as_completed(futures):
                results.append(told(future.result()))
        again = {result.check for result in results if result.wrong}
        for each in checks:
            if each.alone or each in again:
                results.append(told(attempt(each, chromium)))
    # A check that ran twice counts as it ended alone.
    return list({result.check: result for result in results}.values())


def told(result: Result) -> Result:
    """Prints the verdict."""
    head = "FAILED" if result.wrong else "ok"
    print(f"{head:8}{result.check.name:26}{result.took_s:5.1f} s  "
          f"{result.figures or result.check.rule}", flush=True)
    if result.wrong:
        print("    " + result.wrong.strip().replace("\n", "\n    "), flush=True)
    return result


def main() -> int:
    """Runs the checks. Returns the exit code."""
    parser = argparse.ArgumentParser(prog=f"{PYTHON} -m tests.browser", description=here(__doc__))
    parser.add_argument("names", nargs="*", metavar="NAME", help="a part of the name of a check")
    parser.add_argument("--list", action="store_true", help="show the checks, and run nothing")
    parser.add_argument("--beside", type=int, default=BESIDE, metavar="N",
                        help="how many checks run at the same time (default: %(default)s)")
    parser.add_argument("--record", metavar="FILE.html",
                        help="make a saved page of a scripted run with every fault")
    parser.add_argument("--pictures", metavar="FOLDER",
                        help="make the pictures of the documents from the saved page in docs/")
    chosen = parser.parse_args()
    checks = [each for each in CHECKS if not chosen.names
              or any(name.lower() in each.name.lower() for name in chosen.names)]
    if chosen.list:
        print("\n".join(f"{each.name:26}{each.rule}" for each in checks))
        return 0
    if not checks:
        parser.error(f"no check has {' or '.join(chosen.names)} in its name: try --list")
    # SIGTERM ends it as Ctrl-C does: nothing is left.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if not install():
        print("browser: skipped: Chromium is missing, and cannot be installed here")
        return exit_code_of_skipped()
    if chosen.record or chosen.pictures:
        with Chromium() as chromium:
            if chosen.record:
                pictures.record(chromium, chosen.record)
            if chosen.pictures:
                pictures.take(chromium, chosen.pictures)
        return 0
    began = time.monotonic()
    results = run_all(checks, chosen.beside)
    failed = [result for result in results if result.wrong]
    print(f"browser: {len(results)} checks, {len(failed)} failed, "
          f"in {time.monotonic() - began:.0f} s")
    return 1 if failed else 0


if __name__ == "__main__":
    write_any(sys.stdout, sys.stderr)
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
