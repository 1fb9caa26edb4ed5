"""python3 -m tests.fuzz --seconds N --seed S: N seconds of mutated inputs for all targets together.

The exit code is 1 if a property did not hold. The same seed draws the same inputs; the time decides
how many. If a reader hangs on an input, the run ends after half a minute with a traceback.
"""

from __future__ import annotations

import argparse
import faulthandler
import random
import sys
import time

from ponte.process.characters import write_any
from ponte.process.options import PYTHON
from ponte.process.typed import here
from tests.fuzz.targets import TARGETS, run

HANG_S = 30.0
# How much of a bad input is printed.
SHOWN_BYTES = 1000


def main() -> int:
    parser = argparse.ArgumentParser(prog=f"{PYTHON} -m tests.fuzz", description=here(__doc__))
    parser.add_argument("--seconds", type=float, default=60.0,
                        help="for all targets together (default: %(default)s)")
    parser.add_argument("--seed", type=int, help="repeats the inputs of an earlier run")
    parser.add_argument("target", nargs="*",
                        help=f"default: all of {', '.join(target.name for target in TARGETS)}")
    chosen = parser.parse_args()
    targets = [target for target in TARGETS if target.name in chosen.target or not chosen.target]
    if not targets:
        parser.error(f"no such target: {', '.join(chosen.target)}")
    seed = random.randrange(10 ** 6) if chosen.seed is None else chosen.seed
    findings = 0
    for target in targets:
        end = time.monotonic() + chosen.seconds / len(targets)

        def goes_on(_: int, end: float = end) -> bool:
            # Each input sets this alarm anew.
            faulthandler.dump_traceback_later(HANG_S, exit=True)
            return time.monotonic() < end

        tally = run(target, seed, goes_on)
        faulthandler.cancel_dump_traceback_later()
        print(f"fuzz: {target.name:<13} seed {seed}: {tally}", flush=True)
        for finding in tally.shown:
            print(f"\n{len(finding.data)} bytes: {finding.data[:SHOWN_BYTES]!r}\n{finding.why}",
                  flush=True)
        findings += tally.findings
    return 1 if findings else 0


if __name__ == "__main__":
    write_any(sys.stdout, sys.stderr)
    sys.exit(main())
