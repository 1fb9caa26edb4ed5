"""python3 -m tests.netns --seconds N --seed S: a run on a bad network, and its table.

The exit code is 1 if an outcome contradicts the record of executions. Needs root and `ip netns`;
without them it says so, and the exit code is 0, or 1 if the variable CI is "true".
"""

from __future__ import annotations

import argparse
import random
import signal
import sys

from ponte.process.characters import write_any
from ponte.process.options import PYTHON
from ponte.process.typed import here
from tests.netns.namespaces import NoNamespaces, exit_code_of_skipped
from tests.netns.run import run


def say(line: str) -> None:
    print(f"  {line}", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(prog=f"{PYTHON} -m tests.netns", description=here(__doc__))
    parser.add_argument("--seconds", type=float, default=60.0,
                        help="how long the weather is bad (default: %(default)s)")
    parser.add_argument("--seed", type=int, help="repeats the weather of an earlier run")
    chosen = parser.parse_args()
    seed = random.randrange(10 ** 6) if chosen.seed is None else chosen.seed
    # SIGTERM ends it as Ctrl-C does: the namespaces are removed.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    print(f"netns: {chosen.seconds:g} seconds, seed {seed}", flush=True)
    try:
        report = run(seed, chosen.seconds, say=say)
    except NoNamespaces as error:
        print(f"netns: skipped, this machine allows no network namespaces: {error}")
        return exit_code_of_skipped()
    print(f"netns: seed {seed}, {report.rounds} rounds, "
          + ", ".join(f"{count} packets {name}" for name, count in sorted(report.packets.items())))
    print(report.verdict.table())
    return 0 if report.verdict.ok else 1


if __name__ == "__main__":
    write_any(sys.stdout, sys.stderr)
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
