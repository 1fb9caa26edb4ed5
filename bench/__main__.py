"""python3 -m bench [SECTION...]: measures Ponte beside its peers; prints medians and ratios.

Without a SECTION it runs all of them. Rounds are interleaved (A B A B), every process is a real
one, and the load comes from a separate process.
"""

from __future__ import annotations

import argparse
import importlib
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import NoReturn

from bench import earlier, results, targets
from bench.report import Report
from bench.rounds import Plan
from ponte.process.characters import write_any
from ponte.process.options import PYTHON
from ponte.process.running import allow_open_files
from ponte.process.typed import here

SECTIONS = ("calls", "proxy", "cost", "once", "server", "peers", "registry", "failover",
            "memory", "overload", "slow", "observe")
# A section that runs only when it is named: it compares bench/load.py with wrk.
CHECK = "check"
ROUNDS, SECONDS = 3, 2.0
QUICK_ROUNDS, QUICK_SECONDS = 1, 0.5
MAX_ROUNDS, MAX_SECONDS = 100, 600.0


class _Parser(argparse.ArgumentParser):
    """A parser that reports a mistake in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"bench: {message}\n")


def _rounds(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= MAX_ROUNDS:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a number of rounds: take 1 to {MAX_ROUNDS}")
    return int(text)


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0.1 <= value <= MAX_SECONDS:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a time for a round: take 0.1 to {MAX_SECONDS:.0f} seconds")
    return value


def _section(text: str) -> str:
    if text not in (*SECTIONS, CHECK):
        raise argparse.ArgumentTypeError(
            f"no section {text!r}; there are: {', '.join((*SECTIONS, CHECK))}")
    return text


def _say(line: str) -> None:
    """Prints a line of progress, which is not part of the result."""
    print(f"  {line}", file=sys.stderr, flush=True)


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = _Parser(prog=f"{PYTHON} -m bench", description=here(__doc__))
    parser.add_argument("sections", nargs="*", type=_section, metavar="SECTION",
                        help=f"of {', '.join(SECTIONS)} (default: all)")
    parser.add_argument("--rounds", type=_rounds, metavar="N",
                        help=f"of each measure (default: {ROUNDS})")
    parser.add_argument("--seconds", type=_seconds, metavar="S",
                        help=f"of each round (default: {SECONDS:g})")
    parser.add_argument("--against", default=earlier.COMMIT, metavar="COMMIT",
                        help="the commit of this project, or the folder of another copy of it, "
                             "that the sections cost, server and observe measure "
                             "beside it (default: %(default)s)")
    parser.add_argument("--quick", action="store_true",
                        help="the least of everything: shows that it works, no more")
    parser.add_argument("--save", action="store_true",
                        help="write bench/RESULTS.md and bench/results.svg")
    chosen = parser.parse_args(arguments)
    chosen.sections = chosen.sections or list(SECTIONS)
    chosen.rounds = chosen.rounds or (QUICK_ROUNDS if chosen.quick else ROUNDS)
    chosen.seconds = chosen.seconds or (QUICK_SECONDS if chosen.quick else SECONDS)
    return chosen


def main() -> int:
    chosen = parse()
    # An exception, so that `with` blocks end their processes.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    allow_open_files()
    plan = Plan(chosen.rounds, chosen.seconds, chosen.quick, _say, chosen.against)
    everything = Report()
    failed = False
    for name in dict.fromkeys(chosen.sections):
        began = time.monotonic()
        _say(f"section {name}")
        report = Report()
        try:
            report = importlib.import_module(f"bench.{name}").run(plan)
        except (RuntimeError, OSError, subprocess.SubprocessError) as error:
            # The other sections still run.
            failed = True
            report.note(f"section {name} FAILED: {error}")
        _say(f"section {name} took {time.monotonic() - began:.0f} s")
        print(f"\n{report.text()}", flush=True)
        everything.take(report)
    judged = targets.table(everything.figures, chosen.sections)
    if judged.rows:
        print(f"\n{judged.text()}", flush=True)
    if chosen.save:
        results.save(everything, judged, results.command_line())
        _say(f"saved: {results.PAGE}")
    return 1 if failed else 0


if __name__ == "__main__":
    write_any(sys.stdout, sys.stderr)
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
