"""python3 -m tests.chaos --minutes N --seed S: a chaos run with its table; exit code 1 if the record is violated."""

from __future__ import annotations

import argparse
import random
import sys

from tests.chaos.run import run


def main() -> int:
    parser = argparse.ArgumentParser(prog="python3 -m tests.chaos", description=__doc__)
    parser.add_argument("--minutes", type=float, default=1.0, help="how long (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=None, help="repeats the faults of an earlier run")
    chosen = parser.parse_args()
    seed = random.randrange(10 ** 6) if chosen.seed is None else chosen.seed
    print(f"chaos: {chosen.minutes:g} minutes, seed {seed}", flush=True)
    report = run(seed, chosen.minutes * 60, say=lambda line: print(f"  {line}", flush=True))
    print(f"chaos: seed {seed}, {report.rounds} rounds, "
          + ", ".join(f"{count} x {name}" for name, count in sorted(report.faults.items())))
    print(report.verdict.table())
    return 0 if report.verdict.ok and not report.verdict.idempotent_failed else 1


if __name__ == "__main__":
    sys.exit(main())
